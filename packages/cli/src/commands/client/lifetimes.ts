import { ClientStore, Issuer, Lifetime, Policy, Resources } from "@lockspire/core"
import { Console, Effect, Layer, Option } from "effect"
import { Argument, Command } from "effect/cli"
import { failed } from "../../CommandFailed.ts"
import * as Database from "../../Database.ts"
import * as flags from "../../flags.ts"
import * as Keys from "../../Keys.ts"
import { checkIssuer } from "../../Server.ts"

const config = {
  ...Keys.config,
  resource: flags.texts("resource", "A resource that the tokens are for"),
  clientId: Argument.String("client-id").pipe(Argument.withDescription("The client, by its client_id"))
}

const names = {
  accessToken: "access token",
  idToken: "ID token",
  refreshTokenIdle: "refresh token, unused",
  refreshTokenAbsolute: "refresh token, at most"
} as const

export const lifetimes = Command.make(
  "lifetimes",
  config,
  Effect.fnUntraced(function* (input) {
    const { database, issuer: identifier } = yield* Keys.targetOf(input)
    const issuer = yield* checkIssuer(identifier)
    const services = Layer.mergeAll(Policy.Policies.layer(), Resources.layer).pipe(
      Layer.provideMerge(Database.storage(database)),
      Layer.merge(Layer.succeed(Issuer.CurrentIssuer, issuer))
    )
    yield* Effect.gen(function* () {
      const found = yield* ClientStore.use((clients) => clients.find(issuer.identifier, input.clientId))
      if (Option.isNone(found)) return yield* failed(`There is no client "${input.clientId}" at ${issuer.identifier}.`)
      const known = new Set((yield* (yield* Resources).list(issuer.identifier)).map((resource) => resource.identifier))
      const unknown = input.resource.find((resource) => !known.has(resource))
      if (unknown !== undefined) {
        return yield* failed(`There is no resource "${unknown}" at ${issuer.identifier}.`)
      }
      const effective = yield* Lifetime.effectiveLifetimes(found.value, input.resource)
      for (const [name, { seconds, source }] of Object.entries(effective)) {
        yield* Console.log(
          `${names[name as keyof typeof names].padEnd(24)}${String(seconds).padStart(10)} s  ${source}`
        )
      }
    }).pipe(Effect.provide(services))
  }, Effect.scoped)
).pipe(Command.withDescription("How long a client's tokens live, and who says so: policy, client or resource"))
