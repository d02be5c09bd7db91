/** This host's word on grants that need one: what the operator registered is enough for it. */
import { AccountStore, AssertionSubjects, TokenExchangeValidator } from "@lockspire/core"
import { Effect, Layer, Option } from "effect"

/** RFC 8693: every exchange that an operator's rule allows. A host with more to protect looks at who acts for whom. */
const Exchanges = Layer.succeed(TokenExchangeValidator, { mayExchange: () => Effect.succeed(true) })

/** RFC 7523 §2.1: a trusted issuer means the account of that subject. Right where both share one directory. */
const Subjects = Layer.effect(
  AssertionSubjects,
  Effect.map(AccountStore, (accounts) => ({
    subjectOf: ({ issuer, sub }) =>
      Effect.map(
        accounts.findBySubject(issuer, sub),
        Option.map((account) => account.subject)
      )
  }))
)

export const Validators = Layer.merge(Exchanges, Subjects)
