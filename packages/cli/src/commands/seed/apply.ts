import { applySeed, type Seed } from "@lockspire/admin"
import { MutualTls, Policy, SecretVerifier } from "@lockspire/core"
import { NodeCrypto } from "@lockspire/http/node"
import { Console, Effect, Layer } from "effect"
import { Argument, Command } from "effect/cli"
import * as KeyEncryptionKeys from "../../KeyEncryptionKeys.ts"
import * as Keys from "../../Keys.ts"
import { operator } from "../../operator.ts"
import * as SeedFile from "../../SeedFile.ts"

/** Only the secret of a client that signs with it is sealed: for any other seed no key has to be at hand. */
const keyFor = Effect.fnUntraced(function* (seed: Seed, input: Keys.Input) {
  const isSealed = seed.clients?.some((client) => client.token_endpoint_auth_method === "client_secret_jwt") ?? false
  if (isSealed) return yield* Keys.currentKey(input)
  return yield* Effect.provide(KeyEncryptionKeys.forgotten, NodeCrypto.layer)
})

export const apply = Command.make(
  "apply",
  { ...Keys.config, file: Argument.String("file").pipe(Argument.withDescription("The seed, JSON")) },
  Effect.fnUntraced(function* ({ file, ...input }) {
    const { seed } = yield* SeedFile.read(file)
    const { database, issuer } = yield* Keys.targetOf(input, { mayBeNew: true })
    const key = yield* keyFor(seed, input)
    const previous = yield* KeyEncryptionKeys.previous
    const applied = yield* applySeed(issuer, seed, yield* operator).pipe(
      Effect.mapError(SeedFile.invalid),
      // Whether certificates reach the server is known by the process that serves: here nothing is refused for it.
      Effect.provideService(MutualTls, {}),
      Effect.provide(
        Layer.mergeAll(SecretVerifier.layer, Policy.Policies.layer()).pipe(
          Layer.provideMerge(Keys.services(database, key, previous))
        )
      )
    )
    for (const { id, type } of applied.created) yield* Console.log(`created ${type} ${id}`)
    for (const { id, type } of applied.updated) yield* Console.log(`updated ${type} ${id}`)
    yield* Console.log(`${applied.unchanged.length} unchanged at ${issuer}.`)
    yield* SeedFile.report(applied)
  }, Effect.scoped)
).pipe(Command.withDescription("Add what a seed names and update what differs; what it does not name stays"))
