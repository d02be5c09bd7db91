import { ManageKeys, Metadata } from "@lockspire/core"
import { Effect } from "effect"
import { Command, Flag } from "effect/cli"
import * as KeyEncryptionKeys from "../../KeyEncryptionKeys.ts"
import * as Keys from "../../Keys.ts"
import { operator } from "../../operator.ts"

const config = {
  ...Keys.config,
  algorithm: Flag.Literals("algorithm", Metadata.KeyAlgorithm.literals).pipe(
    Flag.withDescription("The algorithm of the new key")
  )
}

export const generate = Command.make(
  "generate",
  config,
  Effect.fnUntraced(function* ({ algorithm, ...input }) {
    const { database, issuer } = yield* Keys.targetOf(input, { mayBeNew: true })
    const key = yield* Keys.currentKey(input)
    const previous = yield* KeyEncryptionKeys.previous
    yield* Effect.gen(function* () {
      yield* KeyEncryptionKeys.mustOpen(issuer)
      yield* ManageKeys.generate(issuer, algorithm, yield* operator)
      yield* Keys.print(issuer)
    }).pipe(Effect.provide(Keys.services(database, key, previous)))
  }, Effect.scoped)
).pipe(
  Command.withDescription(
    "Add a key, published now; of a new algorithm it signs ten minutes later, of one in use after the next rotation. One to encrypt to (ECDH-ES, RSA-OAEP-256) is of use at once"
  )
)
