import { KeyRotation, ManageKeys, Metadata, SigningKeyStore } from "@lockspire/core"
import { Console, DateTime, Effect, Option, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import * as KeyEncryptionKeys from "../../KeyEncryptionKeys.ts"
import * as Keys from "../../Keys.ts"
import { operator } from "../../operator.ts"

const config = {
  ...Keys.config,
  algorithm: Flag.Literals("algorithm", Metadata.KeyAlgorithm.literals).pipe(
    Flag.optional,
    Flag.withDescription("Only the keys of this algorithm; all of them unless given")
  )
}

const seconds = (from: DateTime.Utc, to: DateTime.Utc) => (to.epochMilliseconds - from.epochMilliseconds) / 1000

const isSigning = Schema.is(Metadata.SigningAlgorithm)

const tooYoung = (algorithm: string) =>
  `warning: no ${algorithm} key has been published for ${KeyRotation.jwksMaxAge} seconds and does not sign yet: clients that kept the JWK Set meet a key they have not seen, and have to fetch it again.`

export const rotate = Command.make(
  "rotate",
  config,
  Effect.fnUntraced(function* ({ algorithm, ...input }) {
    const { database, issuer } = yield* Keys.targetOf(input)
    const key = yield* Keys.currentKey(input)
    const previous = yield* KeyEncryptionKeys.previous
    yield* Effect.gen(function* () {
      yield* KeyEncryptionKeys.mustOpen(issuer)
      const keys = yield* (yield* SigningKeyStore).list(issuer)
      const inUse = new Set(keys.map((key) => key.algorithm))
      const algorithms = Option.match(algorithm, {
        onNone: () => (inUse.size === 0 ? ManageKeys.defaultAlgorithms : [...inUse]),
        onSome: (one) => [one]
      })
      const now = yield* DateTime.now
      for (const one of algorithms) {
        const own = keys.filter((key) => key.algorithm === one)
        const next = own.find((key) => key._tag === "Next")
        const isKnown = next !== undefined && seconds(next.createdAt, now) >= KeyRotation.jwksMaxAge
        // Nobody has to know a key to which others encrypt before it comes: the one before it still decrypts.
        if (isSigning(one) && keys.length > 0 && !isKnown) yield* Console.error(tooYoung(one))
      }
      const actor = yield* operator
      yield* Effect.forEach(algorithms, (one) => ManageKeys.rotate(issuer, one, actor))
      yield* Keys.print(issuer)
    }).pipe(Effect.provide(Keys.services(database, key, previous)))
  }, Effect.scoped)
).pipe(
  Command.withDescription(
    "Sign with the published next key from now on; the one before it still verifies what it signed, or decrypts what was encrypted to it"
  )
)
