/**
 * Making one access token: opaque (RFC 6749 §1.4), or a JWT that a resource server verifies by itself (RFC 9068), which
 * may be encrypted to it.
 */
import { DateTime, Effect, type Schema } from "effect"
import { client as clientActor, eventsBy } from "../audit/event.ts"
import { check, checking } from "../audit/Refusal.ts"
import type { Client } from "../client/Client.ts"
import { jwksOf } from "../client/Jwks.ts"
import { hashToken, randomToken } from "../crypto/Crypto.ts"
import { CurrentIssuer } from "../issuer/Issuer.ts"
import { currentPolicy } from "../issuer/Policy.ts"
import * as Jwe from "../jose/Jwe.ts"
import type { Payload } from "../jose/Jwt.ts"
import { proofMissing } from "../proof/sender.ts"
import { SigningKeys } from "../key/SigningKeys.ts"
import type { AuthorizationDetail } from "../oauth/AuthorizationDetails.ts"
import type { Confirmation } from "../oauth/Confirmation.ts"
import { InvalidScope, InvalidTarget } from "../oauth/OAuthError.ts"
import * as Scope from "../oauth/Scope.ts"
import { audienceOf, currentResources, scopeAt } from "../resource/registry.ts"
import type { Resource } from "../resource/Resource.ts"
import type { Live } from "./Grant.ts"
import type { Issuance } from "./Issuance.ts"
import { accessTokenLifetime } from "./Lifetime.ts"
import { allowedAlgorithm } from "./SecuredResponse.ts"
import type { LiveAccessToken } from "./Token.ts"

/** What an access token is made from. */
export interface AccessTokenFacts {
  readonly client: Client
  /** Its `sub`: a person as the client knows them, or the client itself (RFC 9068 §2.2). */
  readonly subject: string
  /** The grant whose end is its end; undefined when no person approved anything. */
  readonly grant: Live | undefined
  /** RFC 8693 §4.1. */
  readonly actor: Schema.Json | undefined
  /** RFC 9396 §9; none unless stated. */
  readonly authorizationDetails?: ReadonlyArray<AuthorizationDetail>
  /** Narrowed to what the audience's resources define. */
  readonly scope: ReadonlyArray<string>
  /** The `scope` parameter, of a request that is for this token alone: one of which nothing is left is refused. */
  readonly scopeAsked?: string | undefined
  /** RFC 8707; none for the issuer's own endpoints. */
  readonly audience: ReadonlyArray<string>
  /** What it is bound to; a bearer token when undefined. */
  readonly confirmation: Confirmation | undefined
  /** It never lives beyond this, whatever policy allows. */
  readonly notAfter?: DateTime.Utc | undefined
}

/** A token that exists only in memory: nothing is issued until the move that stores it. */
export interface PreparedAccessToken extends Issuance {
  readonly token: string
  /** Seconds. */
  readonly lifetime: number
}

const seconds = (milliseconds: number) => Math.floor(milliseconds / 1000)

/** RFC 9068 §2.2. */
const jwt = Effect.fnUntraced(function* (facts: AccessTokenFacts, record: LiveAccessToken, resource: Resource) {
  const keys = yield* SigningKeys
  const { grant } = facts
  const asked = resource.signingAlgorithm ?? "RS256"
  const algorithm = yield* allowedAlgorithm(facts.client, asked)
  const missing = () =>
    new InvalidTarget({ reason: "ResourceKeyMissing", expected: asked, received: resource.identifier })
  const claims: Payload = {
    iss: record.issuer,
    sub: record.subject,
    aud: record.audience.length === 1 ? record.audience[0] : record.audience,
    client_id: record.clientId,
    scope: record.scope.length === 0 ? undefined : Scope.format(record.scope),
    iat: seconds(record.issuedAt.epochMilliseconds),
    exp: seconds(record.expiresAt.epochMilliseconds),
    jti: yield* randomToken,
    auth_time: grant === undefined ? undefined : seconds(grant.authTime.epochMilliseconds),
    acr: grant?.acr,
    amr: grant === undefined || grant.amr.length === 0 ? undefined : grant.amr,
    act: facts.actor,
    cnf: record.confirmation,
    authorization_details: record.authorizationDetails.length === 0 ? undefined : record.authorizationDetails
  }
  return yield* checking(
    "an active key signs by the resource's algorithm",
    algorithm === undefined
      ? Effect.fail(missing())
      : Effect.mapError(keys.sign(record.issuer, algorithm, "at+jwt", claims), missing)
  )
})

/** RFC 9068 §6: only the resource can read it. */
const encrypted = Effect.fnUntraced(function* (signed: string, resource: Resource) {
  const { encryption } = resource
  const key = encryption === undefined ? undefined : Jwe.recipient(jwksOf(encryption.jwks) ?? [], encryption.alg)
  const jwe =
    key === undefined || encryption === undefined
      ? undefined
      : yield* Jwe.encrypt(signed, key, encryption, { typ: "at+jwt", cty: "JWT" })
  yield* check(
    "RFC 9068 §6: the resource registered a key to encrypt to",
    jwe !== undefined,
    () => new InvalidTarget({ reason: "ResourceKeyMissing", received: resource.identifier })
  )
  return jwe!
})

/** The token itself, as the resource that it is for wants it. */
const tokenFor = (facts: AccessTokenFacts, record: LiveAccessToken, resource: Resource | undefined) => {
  if (resource === undefined || resource.accessTokenFormat === "opaque") return randomToken
  const signed = jwt(facts, record, resource)
  return resource.accessTokenFormat === "jwt" ? signed : Effect.flatMap(signed, (text) => encrypted(text, resource))
}

/** Signs, where the resource wants a JWT, before any transaction is open. */
export const prepareAccessToken = Effect.fnUntraced(function* (facts: AccessTokenFacts) {
  const { audience, client, grant, notAfter, subject } = facts
  const issuedAt = yield* DateTime.now
  const policy = yield* currentPolicy
  const resources = yield* currentResources
  const own = yield* checking("RFC 8707 §2: one token fits all of its resources", audienceOf(audience, resources))
  yield* check(
    "RFC 9449 §5: tokens for the resource are bound by DPoP where it says so",
    facts.confirmation?.jkt !== undefined || own.every((resource) => resource.dpop !== "required"),
    proofMissing
  )
  const issuer = (yield* CurrentIssuer).identifier
  const ends = [grant?.expiresAt, notAfter].flatMap((end) => (end === undefined ? [] : [end.epochMilliseconds]))
  const remaining = ends.map((end) => seconds(end - issuedAt.epochMilliseconds))
  const lifetime = Math.max(0, Math.min(accessTokenLifetime(policy, client, own).seconds, ...remaining))
  const scope = scopeAt(facts.scope, audience, resources)
  const { scopeAsked } = facts
  yield* check(
    "RFC 6749 §3.3: something of the scope is left at the resources that the token is for",
    scopeAsked === undefined || scope.length > 0,
    () =>
      new InvalidScope({
        reason: "ScopeNotAllowed",
        expected: Scope.format(own.flatMap((resource) => resource.scopes)),
        received: scopeAsked!
      })
  )
  const unnamed: LiveAccessToken = {
    _tag: "Live",
    issuer,
    tokenHash: "",
    grantId: grant?.grantId,
    clientId: client.clientId,
    subject,
    actor: facts.actor,
    authorizationDetails: facts.authorizationDetails ?? [],
    scope,
    audience,
    confirmation: facts.confirmation,
    issuedAt,
    expiresAt: DateTime.add(issuedAt, { seconds: lifetime })
  }
  const token = yield* tokenFor(facts, unnamed, own[0])
  const accessToken = { ...unnamed, tokenHash: yield* hashToken(token) }
  const event = eventsBy(issuer, issuedAt, clientActor(client.clientId))
  const prepared: PreparedAccessToken = {
    token,
    lifetime,
    accessToken,
    refreshToken: undefined,
    events: [event("access_token.issued", "access_token", accessToken.tokenHash, grant?.grantId)]
  }
  return prepared
})
