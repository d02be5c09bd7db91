/**
 * The JWT bearer grant, RFC 7523 §2.1: an assertion of a trusted issuer about a person becomes an access token for the
 * client that presents it. The identity assertion grant (draft-ietf-oauth-identity-assertion-authz-grant) is this grant
 * with assertions that name their client, resource and scope.
 */
import { DateTime, Effect, Option } from "effect"
import { client as clientActor, eventsBy } from "../audit/event.ts"
import { check, checking } from "../audit/Refusal.ts"
import type { AuthenticatedClient } from "../client/authenticate.ts"
import { isConfidential } from "../client/Client.ts"
import { unattendedScope } from "../client-credentials/unattendedScope.ts"
import { hashToken } from "../crypto/Crypto.ts"
import { AssertionSubjects } from "../host/AssertionSubjects.ts"
import { HostResolver } from "../host/HostResolver.ts"
import { CurrentIssuer } from "../issuer/Issuer.ts"
import { InvalidGrant, InvalidTarget, UnauthorizedClient } from "../oauth/OAuthError.ts"
import { every, type Parameters, required } from "../oauth/Parameters.ts"
import { bindingOf, type Sender } from "../proof/sender.ts"
import { ReplayStore } from "../replay/ReplayStore.ts"
import { currentResources, requestedResources } from "../resource/registry.ts"
import { normalForm, type Resource } from "../resource/Resource.ts"
import { Transaction } from "../storage/Transaction.ts"
import { subjectFor } from "../subject/subjectFor.ts"
import { prepareAccessToken } from "../token/accessToken.ts"
import { following } from "../token/Issuance.ts"
import { accessTokenResponse } from "../token/issue.ts"
import { TokenStore } from "../token/TokenStore.ts"
import { type VerifiedAssertion, verifyAssertion } from "./assertion.ts"

const textsOf = (value: unknown): ReadonlyArray<string> =>
  (Array.isArray(value) ? value : [value]).filter((one): one is string => typeof one === "string")

/** The scope values that the assertion can bring: what its issuer may say, and for identity assertions what it says. */
const assertedScope = ({ by, claims }: VerifiedAssertion): ReadonlyArray<string> | undefined => {
  const said = by.identityAssertions ? claims["scope"] : undefined
  if (said === undefined) return by.scopes
  const values = typeof said === "string" ? said.split(" ") : []
  return by.scopes === undefined ? values : values.filter((one) => by.scopes!.includes(one))
}

/** The resources that the assertion is for; undefined when it does not say. */
const assertedResources = ({ by, claims }: VerifiedAssertion, resources: ReadonlyArray<Resource>) => {
  const said = by.identityAssertions ? claims["resource"] : undefined
  if (said === undefined) return undefined
  const named = new Set(textsOf(said).map(normalForm))
  return resources.map((one) => one.identifier).filter((identifier) => named.has(normalForm(identifier)))
}

const exchange = Effect.fnUntraced(function* (client: AuthenticatedClient, parameters: Parameters, sender: Sender) {
  const replays = yield* ReplayStore
  const tokens = yield* TokenStore
  const host = yield* HostResolver
  const subjects = yield* AssertionSubjects
  const transaction = yield* Transaction
  const issuer = (yield* CurrentIssuer).identifier
  const resources = yield* currentResources
  yield* check(
    "RFC 7521 §4.1: the client is confidential",
    isConfidential(client),
    () => new UnauthorizedClient({ reason: "PublicClient" })
  )
  const assertion = yield* verifyAssertion(
    yield* checking("RFC 7523 §2.1: assertion", required(parameters, "assertion"))
  )
  const { by, claims, jti, sub, until } = assertion
  yield* check(
    "identity assertions §4.4: client_id is the client that authenticated",
    !by.identityAssertions || claims["client_id"] === client.clientId,
    () => new InvalidGrant({ reason: "IssuedToAnotherClient", received: client.clientId })
  )
  yield* check(
    "the trusted issuer's assertions are for this client",
    by.clients === undefined || by.clients.includes(client.clientId),
    () => new InvalidGrant({ reason: "IssuedToAnotherClient", received: client.clientId })
  )
  const asserted = assertedResources(assertion, resources)
  yield* check(
    "identity assertions §3.1: resource is registered",
    asserted === undefined || asserted.length > 0,
    () => new InvalidTarget({ reason: "ResourceUnknown", parameter: "assertion" })
  )
  const requested = yield* checking(
    "RFC 8707 §2.2: registered resources, of those that the assertion names",
    requestedResources(
      parameters,
      asserted ?? resources.map((one) => one.identifier),
      asserted === undefined ? "ResourceUnknown" : "ResourceNotGranted"
    )
  )
  const scope = yield* unattendedScope(client, parameters, resources, assertedScope(assertion))
  const found = Option.getOrUndefined(
    yield* subjects.subjectOf({ issuer, clientId: client.clientId, assertedBy: by.identifier, sub, claims })
  )
  yield* check(
    "the host knows whom the assertion is about",
    found !== undefined,
    () => new InvalidGrant({ reason: "AssertionSubjectUnknown", received: sub })
  )
  const subject = found!
  const account = yield* host.claims({ subject, scope: [], names: [], locales: [] })
  yield* check("the account exists", Option.isSome(account), () => new InvalidGrant({ reason: "AccountGone" }))
  yield* check(
    "the host lets this subject use this client",
    yield* host.mayUse(subject, client.clientId),
    () => new InvalidGrant({ reason: "ClientRefusedForAccount" })
  )

  const prepared = yield* prepareAccessToken({
    client,
    subject: yield* subjectFor(client, subject),
    grant: undefined,
    actor: undefined,
    scope,
    scopeAsked: every(parameters, "scope")[0],
    audience: requested.length > 0 ? requested : (asserted ?? []),
    confirmation: yield* bindingOf(sender)
  })
  const valueHash = yield* hashToken(JSON.stringify([by.identifier, jti]))
  const event = eventsBy(issuer, yield* DateTime.now, clientActor(client.clientId))
  const redeemed = event("assertion.redeemed", "trusted_issuer", by.identifier, valueHash)
  // The last step: whoever is refused before burns nothing of the owner's.
  const isFirst = yield* transaction.within(
    Effect.gen(function* () {
      if (!(yield* replays.first(issuer, "assertion-grant", valueHash, until))) return false
      return yield* tokens.issue(following(redeemed, prepared))
    })
  )
  yield* check(
    "RFC 7523 §3: the assertion is used once",
    isFirst,
    () => new InvalidGrant({ reason: "AssertionReplayed", received: sub })
  )
  // No refresh token: the next assertion says whether the person may still.
  return accessTokenResponse(prepared)
})

/** RFC 7523 §2.1. */
export const grant = {
  grantType: "urn:ietf:params:oauth:grant-type:jwt-bearer",
  parameters: ["assertion", "scope"],
  exchange
} as const
