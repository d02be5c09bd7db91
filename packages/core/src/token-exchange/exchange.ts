/**
 * The token exchange grant, RFC 8693: a client turns a token that it was sent into one for the next resource, in the
 * subject's name (impersonation) or as an actor for the subject (delegation). Nothing may widen: scope, lifetime and
 * audience are bounded by the subject token and by the operator's rule, and the new token dies with the subject's grant.
 */
import { DateTime, Effect } from "effect"
import { client as clientActor, eventsBy } from "../audit/event.ts"
import { check, checking, refuse } from "../audit/Refusal.ts"
import type { AuthenticatedClient } from "../client/authenticate.ts"
import { isConfidential } from "../client/Client.ts"
import { HostResolver } from "../host/HostResolver.ts"
import { TokenExchangeValidator } from "../host/TokenExchangeValidator.ts"
import { CurrentIssuer } from "../issuer/Issuer.ts"
import { currentPolicy } from "../issuer/Policy.ts"
import { InvalidRequest, UnauthorizedClient } from "../oauth/OAuthError.ts"
import { every, optional, type Parameters, required } from "../oauth/Parameters.ts"
import { bindingOf, proofMissing, type Sender } from "../proof/sender.ts"
import { currentResources } from "../resource/registry.ts"
import { subjectFor } from "../subject/subjectFor.ts"
import { prepareAccessToken } from "../token/accessToken.ts"
import { following } from "../token/Issuance.ts"
import { accessTokenResponse, type TokenResponse } from "../token/issue.ts"
import { TokenStore } from "../token/TokenStore.ts"
import { actOf, linksOf, mayAct, subjectOfLink } from "./actors.ts"
import { allowedScope, requestedTargets, rulesForTargets } from "./bounds.ts"
import { ExchangeRuleStore } from "./ExchangeRuleStore.ts"
import { isTokenType, type PresentedToken, presentedToken, tokenTypes, type Worthless } from "./presentedToken.ts"

/** RFC 8693 §2.2.1. */
export interface ExchangeResponse extends TokenResponse {
  readonly issued_token_type: string
}

const notAcceptable = (parameter: "subject_token" | "actor_token", received: string) => () =>
  new InvalidRequest({ reason: "TokenNotAcceptable", parameter, received })

/** RFC 8693 §2.1: a token and its type. */
const typed = Effect.fnUntraced(function* (parameters: Parameters, name: "subject_token" | "actor_token") {
  const token = yield* checking(`RFC 8693 §2.1: ${name}`, required(parameters, name))
  const parameter = `${name}_type`
  const tokenType = yield* checking(`RFC 8693 §2.1: ${parameter}`, required(parameters, parameter))
  if (isTokenType(tokenType)) return { token, tokenType }
  return yield* refuse(
    "RFC 8693 §3: an access token, a JWT access token or an ID token",
    new InvalidRequest({ reason: "TokenTypeNotAccepted", parameter, received: tokenType })
  )
})

/** The token as one of ours that is worth something. */
const acceptable = Effect.fnUntraced(function* (
  parameter: "subject_token" | "actor_token",
  found: PresentedToken | Worthless
) {
  if (typeof found !== "string") return found
  return yield* refuse(`RFC 8693 §2.1: ${parameter} is a live token of this issuer`, notAcceptable(parameter, found)())
})

const exchange = Effect.fnUntraced(function* (client: AuthenticatedClient, parameters: Parameters, sender: Sender) {
  const rules = yield* ExchangeRuleStore
  const tokens = yield* TokenStore
  const host = yield* HostResolver
  const validator = yield* TokenExchangeValidator
  const issuer = (yield* CurrentIssuer).identifier
  const policy = yield* currentPolicy
  const resources = yield* currentResources
  const now = yield* DateTime.now
  yield* check(
    "RFC 8693 §2.1: the client is confidential",
    isConfidential(client),
    () => new UnauthorizedClient({ reason: "PublicClient" })
  )
  const presented = yield* typed(parameters, "subject_token")
  const hasActor = (yield* checking("RFC 8693 §2.1: actor_token", optional(parameters, "actor_token"))) !== undefined
  const actorType = yield* checking("RFC 8693 §2.1: actor_token_type", optional(parameters, "actor_token_type"))
  yield* check(
    "RFC 8693 §2.1: no actor_token_type without an actor_token",
    hasActor || actorType === undefined,
    () => new InvalidRequest({ reason: "ParameterUnexpected", parameter: "actor_token_type" })
  )
  const presentedActor = hasActor ? yield* typed(parameters, "actor_token") : undefined
  const requestedType =
    (yield* checking("RFC 8693 §2.1: requested_token_type", optional(parameters, "requested_token_type"))) ??
    tokenTypes.accessToken
  yield* check(
    "RFC 8693 §2.1: an access token is asked for, or one that is a JWT",
    requestedType === tokenTypes.accessToken || requestedType === tokenTypes.jwt,
    () =>
      new InvalidRequest({ reason: "TokenTypeNotAccepted", parameter: "requested_token_type", received: requestedType })
  )

  const own = yield* rules.ofClient(issuer, client.clientId)
  yield* check(
    "an operator's rule lets the client exchange tokens",
    own.length > 0,
    () => new UnauthorizedClient({ reason: "ExchangeNotAllowed" })
  )
  const subject = yield* acceptable("subject_token", yield* presentedToken(presented.token, presented.tokenType, now))
  const forSubject = own.filter((rule) => rule.subjectClients.includes(subject.clientId))
  yield* check(
    "a rule names the client that the subject token was issued to",
    forSubject.length > 0,
    notAcceptable("subject_token", `issued to ${subject.clientId}`)
  )
  const actor =
    presentedActor === undefined
      ? undefined
      : yield* acceptable("actor_token", yield* presentedToken(presentedActor.token, presentedActor.tokenType, now))
  // A stolen actor token makes nobody an actor.
  yield* check(
    "the actor token was issued to this client",
    actor === undefined || actor.clientId === client.clientId,
    notAcceptable("actor_token", `issued to ${actor?.clientId}`)
  )
  const excluded = actor === undefined ? "required" : "forbidden"
  const forMode = forSubject.filter((rule) => rule.delegation !== excluded)
  yield* check(
    "a rule allows impersonation or delegation, whichever is asked for",
    forMode.length > 0,
    () =>
      new InvalidRequest({
        reason: actor === undefined ? "DelegationRequired" : "DelegationNotAllowed",
        parameter: "actor_token"
      })
  )
  const party = { issuer, subject: actor?.sub ?? client.clientId, clientId: client.clientId }
  yield* check(
    "RFC 8693 §4.4: whoever may_act names is the one who acts",
    subject.mayAct.every((claim) => mayAct(claim, party)),
    notAcceptable("subject_token", `may_act does not name ${party.subject}`)
  )
  const links = [
    ...(actor === undefined ? [] : [{ sub: actor.sub }, ...linksOf(actor.actor)]),
    ...linksOf(subject.actor)
  ]
  yield* check(
    "the chain of actors, both tokens' together, is not too deep",
    links.length <= policy.delegationDepth,
    notAcceptable(actor === undefined ? "subject_token" : "actor_token", `a chain of ${links.length} actors`)
  )

  const targets = yield* checking(
    "RFC 8693 §2.1: resource and audience name registered resources",
    requestedTargets(parameters, forMode, resources)
  )
  const forTargets = yield* checking("RFC 8693 §2.2.2: a rule names every target", rulesForTargets(forMode, targets))
  const { rule, scope } = yield* checking(
    "RFC 8693 §2.1: scope only narrows",
    allowedScope(parameters, forTargets, subject.scope)
  )
  const isPerson = subject.grant !== undefined || subject.subject !== subject.clientId
  yield* check(
    "the host lets this subject use this client",
    !isPerson || (yield* host.mayUse(subject.subject, client.clientId)),
    notAcceptable("subject_token", "the host refuses the client for the account")
  )
  const isAllowed = yield* validator.mayExchange({
    issuer,
    clientId: client.clientId,
    rule: rule.name,
    subject: subject.subject,
    subjectClientId: subject.clientId,
    actors: links.map(subjectOfLink),
    targets,
    scope
  })
  yield* check("the host allows the exchange", isAllowed, notAcceptable("subject_token", "the host refuses"))

  const confirmation = yield* bindingOf(sender)
  yield* check(
    "RFC 9449 §7.2, RFC 8705 §3: a token that is bound to a key does not become one that is not",
    subject.confirmation === undefined || confirmation !== undefined,
    proofMissing
  )
  const prepared = yield* prepareAccessToken({
    client,
    subject: isPerson ? yield* subjectFor(client, subject.subject) : subject.sub,
    grant: subject.grant,
    actor: actOf(links),
    scope,
    scopeAsked: every(parameters, "scope")[0],
    audience: targets,
    confirmation,
    notAfter: actor === undefined ? subject.expiresAt : DateTime.min(subject.expiresAt, actor.expiresAt)
  })
  yield* check(
    "RFC 8693 §2.1: the targets take the requested token type",
    requestedType === tokenTypes.accessToken || prepared.token.includes("."),
    () =>
      new InvalidRequest({ reason: "TokenTypeNotAccepted", parameter: "requested_token_type", received: requestedType })
  )
  const event = eventsBy(issuer, now, clientActor(client.clientId))
  const reason = `${rule.name} → ${prepared.accessToken.tokenHash}`
  const exchanged = event("token.exchanged", "access_token", subject.tokenHash, reason)
  const isIssued = yield* tokens.issue(following(exchanged, prepared))
  yield* check("the grant is live", isIssued, notAcceptable("subject_token", "Revoked"))
  const { access_token, ...rest } = accessTokenResponse(prepared)
  return { access_token, issued_token_type: requestedType, ...rest } satisfies ExchangeResponse
})

/** RFC 8693 §2.1; `resource` and `audience` may be sent more than once. */
export const grant = {
  grantType: "urn:ietf:params:oauth:grant-type:token-exchange",
  parameters: [
    "subject_token",
    "subject_token_type",
    "actor_token",
    "actor_token_type",
    "requested_token_type",
    "scope"
  ],
  exchange
} as const
