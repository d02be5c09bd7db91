/** What the `key` commands share. */
import type { SigningKey } from "@lockspire/core"
import { SigningKeyStore } from "@lockspire/core"
import { NodeCrypto } from "@lockspire/http/node"
import { Console, Effect, Layer, Option, type Redacted } from "effect"
import * as DataDirectory from "./DataDirectory.ts"
import * as Database from "./Database.ts"
import * as flags from "./flags.ts"
import * as KeyEncryptionKeys from "./KeyEncryptionKeys.ts"
import { checkIssuer } from "./Server.ts"

export const config = { ...flags.database, issuer: flags.issuer }

export interface Input extends Database.Where {
  readonly issuer: Option.Option<string>
}

/** The issuer as it was given; else the one that `dev` served last on this data. */
export const issuerOf = Effect.fnUntraced(function* ({ databaseUrl, dataDir, issuer }: Input) {
  const remembered = Option.isSome(databaseUrl) ? undefined : DataDirectory.rememberedIssuer(dataDir)
  const identifier = Option.getOrElse(issuer, () => remembered ?? "http://localhost:3000")
  return (yield* checkIssuer(identifier)).identifier
})

type Key = Redacted.Redacted<Uint8Array>

/** The database, which has to be migrated. */
export const databaseOf = Effect.fnUntraced(function* (where: Database.Where) {
  const database = yield* Database.existing(where)
  yield* Effect.provide(Database.mustBeMigrated(database), Database.connection(database))
  return database
})

/** Storage, and the key-encryption keys. */
export const services = (database: Database.Database, key: Key, previous: Option.Option<Key>) =>
  Layer.mergeAll(Database.storage(database), KeyEncryptionKeys.layer(key, previous), NodeCrypto.layer)

/** The key-encryption key that is in use now. */
export const currentKey = ({ databaseUrl, dataDir }: Input) =>
  Option.isSome(databaseUrl)
    ? KeyEncryptionKeys.currentMust
    : Effect.provide(KeyEncryptionKeys.currentOrOf(dataDir), NodeCrypto.layer)

/** The issuer's keys as they are now. */
export const print = Effect.fnUntraced(function* (issuer: string) {
  const keys: ReadonlyArray<SigningKey.SigningKey> = yield* (yield* SigningKeyStore).list(issuer)
  for (const key of keys) yield* Console.log(`${key._tag.padEnd(9)}${key.algorithm}  ${key.kid}`)
})
