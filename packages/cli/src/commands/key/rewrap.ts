import { ManageKeys } from "@lockspire/core"
import { NodeCrypto } from "@lockspire/http/node"
import { Console, Effect, Option } from "effect"
import { Command } from "effect/cli"
import { failed } from "../../CommandFailed.ts"
import * as DataDirectory from "../../DataDirectory.ts"
import * as KeyEncryptionKeys from "../../KeyEncryptionKeys.ts"
import * as Keys from "../../Keys.ts"
import { operator } from "../../operator.ts"

/** The key that everything is sealed under so far: from the environment, else that of the data folder. */
const oldKey = Effect.fnUntraced(function* (input: Keys.Input) {
  const previous = yield* KeyEncryptionKeys.previous
  if (Option.isSome(previous)) return previous.value
  if (Option.isSome(input.databaseUrl)) {
    return yield* failed(`Set ${KeyEncryptionKeys.previousVariable} to the key-encryption key so far.`)
  }
  return yield* Effect.provide(KeyEncryptionKeys.inDataDirectory(input.dataDir), NodeCrypto.layer)
})

export const rewrap = Command.make(
  "rewrap",
  Keys.config,
  Effect.fnUntraced(function* (input) {
    const issuer = yield* Keys.issuerOf(input)
    const next = yield* KeyEncryptionKeys.currentMust
    const services = yield* Keys.services(input, next, Option.some(yield* oldKey(input)))
    const count = yield* Effect.gen(function* () {
      yield* KeyEncryptionKeys.mustOpen(issuer)
      return yield* ManageKeys.rewrap(issuer, yield* operator)
    }).pipe(Effect.provide(services))
    if (Option.isNone(input.databaseUrl)) {
      yield* DataDirectory.replaceKeyEncryptionKey(input.dataDir, KeyEncryptionKeys.toText(next))
    }
    yield* Console.log(
      `Sealed ${count} signing keys of ${issuer} anew. Restart what runs with the old key-encryption key; it is not needed any more.`
    )
  }, Effect.scoped)
).pipe(
  Command.withDescription(
    `Replace the key-encryption key: the new one in ${KeyEncryptionKeys.variable}, the one so far in ${KeyEncryptionKeys.previousVariable}`
  )
)
