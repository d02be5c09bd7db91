/** Seed entries of two grants: who may exchange whose tokens (RFC 8693), and whose assertions count (RFC 7523 §2.1). */
import { ExchangeRule, ExchangeRuleStore, Resource, type TrustedIssuer, TrustedIssuerStore } from "@lockspire/core"
import { Effect, Option, Schema } from "effect"
import { keySetProblems } from "./clientAuthentication.ts"

const optional = Schema.optionalKey
const texts = Schema.Array(Schema.NonEmptyString)

export const SeedExchangeRule = Schema.Struct({
  name: Schema.NonEmptyString.annotate({ description: "Tells the rules apart; audit events name it" }),
  clientId: Schema.NonEmptyString.annotate({ description: "The confidential client that may exchange" }),
  subjectClients: texts.annotate({ description: "The clients whose tokens it may exchange" }),
  targets: texts.annotate({ description: "The registered resources that new tokens may be for" }),
  scopes: optional(texts.annotate({ description: "The scope values that new tokens may carry; none unless given" })),
  delegation: optional(
    ExchangeRule.Delegation.annotate({
      description: "Whether the rule is for requests with an actor token; `forbidden` unless given"
    })
  )
})
export type SeedExchangeRule = typeof SeedExchangeRule.Type

export const SeedTrustedIssuer = Schema.Struct({
  identifier: Schema.NonEmptyString.annotate({ description: "The `iss` of its assertions, compared as a string" }),
  jwks: optional(Schema.Json.annotate({ description: "Its public keys (RFC 7517 §5), or" })),
  jwksUri: optional(Schema.NonEmptyString.annotate({ description: "where it publishes them: https" })),
  audience: optional(
    Schema.NonEmptyString.annotate({ description: "The `aud` that means this server; its issuer unless given" })
  ),
  identityAssertions: optional(
    Schema.Boolean.annotate({ description: "Whether its assertions are identity assertions (ID-JAG)" })
  ),
  clients: optional(
    texts.annotate({ description: "The clients that may present its assertions; every one unless given" })
  ),
  scopes: optional(
    texts.annotate({ description: "The scope values its assertions can bring; the client's unless given" })
  )
})
export type SeedTrustedIssuer = typeof SeedTrustedIssuer.Type

type Found = readonly [path: ReadonlyArray<PropertyKey>, reason: string]

const scopeValue = /^[\x21\x23-\x5b\x5d-\x7e]+$/
const scopeProblems = (scopes: ReadonlyArray<string> | undefined): ReadonlyArray<Found> =>
  (scopes ?? []).flatMap((scope, at): ReadonlyArray<Found> =>
    scopeValue.test(scope) ? [] : [[["scopes", at], "has characters that RFC 6749 §3.3 does not allow"]]
  )

export const exchangeRuleProblems = (rule: SeedExchangeRule): ReadonlyArray<Found> => [
  ...(["subjectClients", "targets"] as const).flatMap((member): ReadonlyArray<Found> =>
    rule[member].length > 0 ? [] : [[[member], "is empty: the rule would allow nothing"]]
  ),
  ...rule.targets.flatMap((target, at): ReadonlyArray<Found> =>
    Resource.isResourceIdentifier(target)
      ? []
      : [[["targets", at], "is not an absolute URI without a fragment (RFC 8707 §2)"]]
  ),
  ...scopeProblems(rule.scopes)
]

export const trustedIssuerProblems = (trusted: SeedTrustedIssuer): ReadonlyArray<Found> => {
  const { jwks, jwksUri, scopes } = trusted
  const found: Array<Found> = [...scopeProblems(scopes)]
  if ((jwks === undefined) === (jwksUri === undefined))
    found.push([["jwks"], "or jwksUri has to be there, and not both"])
  if (jwks !== undefined) found.push(...keySetProblems(jwks, ["jwks"]))
  if (jwksUri !== undefined && !(URL.canParse(jwksUri) && new URL(jwksUri).protocol === "https:")) {
    found.push([["jwksUri"], "is no https URL"])
  }
  return found
}

/** The stored rule of that name, the wanted one, and what stores it. */
export const exchangeRuleChange = Effect.fnUntraced(function* (issuer: string, seed: SeedExchangeRule) {
  const rules = yield* ExchangeRuleStore
  const wanted: ExchangeRule.ExchangeRule = {
    issuer,
    name: seed.name,
    clientId: seed.clientId,
    subjectClients: seed.subjectClients,
    targets: seed.targets,
    scopes: seed.scopes ?? [],
    delegation: seed.delegation ?? "forbidden"
  }
  const stored = (yield* rules.list(issuer)).find((rule) => rule.name === seed.name)
  return { stored: Option.fromUndefinedOr(stored), wanted, write: rules.put(wanted) }
})

/** The stored trusted issuer of that identifier, the wanted one, and what stores it. */
export const trustedIssuerChange = Effect.fnUntraced(function* (issuer: string, seed: SeedTrustedIssuer) {
  const store = yield* TrustedIssuerStore
  const wanted: TrustedIssuer.TrustedIssuer = {
    issuer,
    identifier: seed.identifier,
    jwks: seed.jwks,
    jwksUri: seed.jwksUri,
    audience: seed.audience,
    identityAssertions: seed.identityAssertions ?? false,
    clients: seed.clients,
    scopes: seed.scopes
  }
  return { stored: yield* store.find(issuer, seed.identifier), wanted, write: store.put(wanted) }
})
