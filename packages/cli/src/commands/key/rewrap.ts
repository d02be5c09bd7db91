import { ManageClients, ManageKeys } from "@lockspire/core"
import { NodeCrypto } from "@lockspire/http/node"
import { Console, Effect, Option } from "effect"
import { Command } from "effect/cli"
import { failed } from "../../CommandFailed.ts"
import * as Database from "../../Database.ts"
import * as DataDirectory from "../../DataDirectory.ts"
import * as flags from "../../flags.ts"
import * as KeyEncryptionKeys from "../../KeyEncryptionKeys.ts"
import * as Keys from "../../Keys.ts"
import { operator } from "../../operator.ts"

/** The key that everything is sealed under so far: from the environment, else that of the data folder. */
const oldKey = Effect.fnUntraced(function* (input: Database.Where) {
  const previous = yield* KeyEncryptionKeys.previous
  if (Option.isSome(previous)) return previous.value
  if (Option.isSome(input.databaseUrl)) {
    return yield* failed(`Set ${KeyEncryptionKeys.previousVariable} to the key-encryption key so far.`)
  }
  return yield* Effect.provide(KeyEncryptionKeys.inDataDirectory(input.dataDir), NodeCrypto.layer)
})

export const rewrap = Command.make(
  "rewrap",
  flags.database,
  Effect.fnUntraced(function* (input) {
    const next = yield* KeyEncryptionKeys.currentMust
    const old = yield* oldKey(input)
    const database = yield* Keys.databaseOf(input)
    // All of them: a key that stays under the old one is lost with it.
    const issuers = yield* Effect.provide(Database.issuers(database), Database.connection(database))
    const count = yield* Effect.gen(function* () {
      yield* Effect.forEach(issuers, KeyEncryptionKeys.mustOpen)
      const actor = yield* operator
      const keys = yield* Effect.forEach(issuers, (issuer) => ManageKeys.rewrap(issuer, actor))
      const secrets = yield* Effect.forEach(issuers, (issuer) => ManageClients.rewrap(issuer, actor))
      const sum = (counts: ReadonlyArray<number>) => counts.reduce((total, one) => total + one, 0)
      return { keys: sum(keys), secrets: sum(secrets) }
    }).pipe(Effect.provide(Keys.services(database, next, Option.some(old))))
    if (Option.isNone(input.databaseUrl)) {
      yield* DataDirectory.replaceKeyEncryptionKey(input.dataDir, KeyEncryptionKeys.toText(next))
    }
    yield* Console.log(
      `Sealed ${count.keys} signing keys and ${count.secrets} client secrets of ${issuers.join(", ")} anew. Restart what runs with the old key-encryption key.`
    )
  }, Effect.scoped)
).pipe(
  Command.withDescription(
    `Replace the key-encryption key: the new one in ${KeyEncryptionKeys.variable}, the one so far in ${KeyEncryptionKeys.previousVariable}`
  )
)
