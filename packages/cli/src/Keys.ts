/** What the `key` commands share. */
import type { SigningKey } from "@lockspire/core"
import { SigningKeyStore } from "@lockspire/core"
import { NodeCrypto } from "@lockspire/http/node"
import { Console, Effect, Layer, Option, type Redacted } from "effect"
import { failed } from "./CommandFailed.ts"
import * as DataDirectory from "./DataDirectory.ts"
import * as Database from "./Database.ts"
import * as flags from "./flags.ts"
import * as KeyEncryptionKeys from "./KeyEncryptionKeys.ts"
import { checkIssuer } from "./Server.ts"

export const config = { ...flags.database, issuer: flags.issuer }

export interface Input extends Database.Where {
  readonly issuer: Option.Option<string>
}

type Key = Redacted.Redacted<Uint8Array>

/** The database, which has to be migrated. */
export const databaseOf = Effect.fnUntraced(function* (where: Database.Where) {
  const database = yield* Database.existing(where)
  yield* Effect.provide(Database.mustBeMigrated(database), Database.connection(database))
  return database
})

/**
 * The database, and the issuer as it was given; else the one that `dev` served last on this data, or the only one that the
 * database knows. One that it does not know, while it knows others, is most likely misspelt: only `mayBeNew` lets it pass,
 * with a warning.
 */
export const targetOf = Effect.fnUntraced(function* (input: Input, options?: { readonly mayBeNew: boolean }) {
  const { databaseUrl, dataDir } = input
  const database = yield* databaseOf(input)
  const known = yield* Effect.provide(Database.issuers(database), Database.connection(database))
  const remembered = Option.isSome(databaseUrl) ? undefined : DataDirectory.rememberedIssuer(dataDir)
  const given = Option.getOrUndefined(input.issuer) ?? remembered ?? (known.length === 1 ? known[0] : undefined)
  if (given === undefined) {
    return yield* failed(
      known.length === 0
        ? "Say which issuer is meant, with --issuer: the database has none yet."
        : `Say which issuer is meant, with --issuer: the database has ${known.join(", ")}.`
    )
  }
  const { identifier } = yield* checkIssuer(given)
  if (known.length > 0 && !known.includes(identifier)) {
    const unknown = `There is no issuer ${identifier} in this database yet, only ${known.join(", ")}.`
    if (options?.mayBeNew !== true) return yield* failed(unknown)
    yield* Console.error(`warning: ${unknown}`)
  }
  return { database, issuer: identifier }
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
  yield* Console.error(`The keys of ${issuer}:`)
  const keys: ReadonlyArray<SigningKey.SigningKey> = yield* (yield* SigningKeyStore).list(issuer)
  for (const key of keys) yield* Console.log(`${key._tag.padEnd(9)}${key.algorithm}  ${key.kid}`)
})
