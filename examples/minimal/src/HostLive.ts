/** This host's side of the contract with Lockspire: people and sessions from the `AccountStore`. */
import { AccountStore, type Crypto, HostResolver, Issuer } from "@lockspire/core"
import { Effect, Layer, Option } from "effect"
import * as Demand from "./Demand.ts"
import { HostOptions } from "./HostOptions.ts"
import * as Sessions from "./Sessions.ts"
import { Details } from "./Details.ts"
import { Validators } from "./Validators.ts"

const pageFor = {
  login: "/sign-in",
  none_signed_in: "/sign-in",
  select_account: "/choose-account",
  create: "/sign-up"
} as const

const Resolver = Layer.effect(
  HostResolver,
  Effect.gen(function* () {
    const accounts = yield* AccountStore
    const issuers = yield* Issuer.Issuers
    const options = yield* HostOptions
    const services = yield* Effect.context<AccountStore | Crypto.Crypto>()

    /** The issuer that the pipeline which asks is working for. */
    const current = Effect.flatMap(
      Effect.serviceOption(Issuer.CurrentIssuer),
      Option.match({
        onSome: Effect.succeed,
        onNone: () =>
          issuers.length === 1
            ? Effect.succeed(issuers[0]!)
            : Effect.die("a host was asked for no issuer in particular")
      })
    )

    return HostResolver.of({
      authentication: Effect.fnUntraced(function* (request) {
        const issuer = yield* current
        const signedIn = yield* Sessions.active(request.cookies).pipe(
          Effect.provideService(Issuer.CurrentIssuer, issuer),
          Effect.provideContext(services)
        )
        return Option.map(signedIn, ({ session }) => ({
          subject: session.subject,
          authTime: session.authTime,
          acr: session.acr,
          amr: session.amr,
          sessionId: session.sessionHash
        }))
      }),
      signIn: (demand) =>
        Effect.map(current, (issuer) => {
          const page = pageFor[demand.reason]
          return Demand.address(issuer, page, Demand.fromSignIn(demand))
        }),
      claims: ({ subject }) =>
        Effect.flatMap(current, (issuer) =>
          Effect.map(
            accounts.findBySubject(issuer.identifier, subject),
            Option.map((account) => account.claims)
          )
        ),
      mayUse: () => Effect.succeed(true),
      signsUp: options.signUp
    })
  })
)

export const HostLive = Layer.mergeAll(Resolver, Validators, Details)
