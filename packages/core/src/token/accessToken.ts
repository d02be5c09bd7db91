/** Making one access token: opaque (RFC 6749 §1.4), or a JWT that a resource server verifies by itself (RFC 9068). */
import { DateTime, Effect, type Schema } from "effect"
import type { AuditEvent } from "../audit/AuditLog.ts"
import { client as clientActor, eventsBy } from "../audit/event.ts"
import type { Client } from "../client/Client.ts"
import { hashToken, randomToken } from "../crypto/Crypto.ts"
import { CurrentIssuer } from "../issuer/Issuer.ts"
import { currentPolicy } from "../issuer/Policy.ts"
import { SigningKeys } from "../key/SigningKeys.ts"
import * as Scope from "../oauth/Scope.ts"
import { currentResources, scopeAt } from "../resource/registry.ts"
import type { Live } from "./Grant.ts"
import type { LiveAccessToken } from "./Token.ts"

/** What an access token is made from. */
export interface AccessTokenFacts {
  readonly client: Client
  /** Whom it is about: a person, or the client itself (RFC 9068 §2.2). */
  readonly subject: string
  /** The grant whose end is its end; undefined when no person approved anything. */
  readonly grant: Live | undefined
  /** RFC 8693 §4.1. */
  readonly actor: Schema.Json | undefined
  /** Narrowed to what the audience's resources define. */
  readonly scope: ReadonlyArray<string>
  /** RFC 8707; none for the issuer's own endpoints. */
  readonly audience: ReadonlyArray<string>
  /** It never lives beyond this, whatever policy allows. */
  readonly notAfter?: DateTime.Utc | undefined
}

/** A token that exists only in memory: nothing is issued until the transaction that stores the record commits. */
export interface PreparedAccessToken {
  readonly token: string
  readonly record: LiveAccessToken
  /** Seconds. */
  readonly lifetime: number
  readonly event: AuditEvent
}

const seconds = (milliseconds: number) => Math.floor(milliseconds / 1000)

/** RFC 9068 §2.2. */
const jwt = Effect.fnUntraced(function* (facts: AccessTokenFacts, record: LiveAccessToken) {
  const keys = yield* SigningKeys
  const { grant } = facts
  return yield* keys.sign(record.issuer, "RS256", "at+jwt", {
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
    act: facts.actor
  })
})

/** Signs, where the resource wants a JWT, before any transaction is open. */
export const prepareAccessToken = Effect.fnUntraced(function* (facts: AccessTokenFacts) {
  const { audience, client, grant, notAfter, subject } = facts
  const issuedAt = yield* DateTime.now
  const policy = yield* currentPolicy
  const resources = yield* currentResources
  const issuer = (yield* CurrentIssuer).identifier
  const ends = [grant?.expiresAt, notAfter].flatMap((end) => (end === undefined ? [] : [end.epochMilliseconds]))
  const remaining = ends.map((end) => seconds(end - issuedAt.epochMilliseconds))
  const lifetime = Math.max(0, Math.min(policy.accessTokenLifetime, ...remaining))
  const scope = scopeAt(facts.scope, audience, resources)
  const unnamed: LiveAccessToken = {
    _tag: "Live",
    issuer,
    tokenHash: "",
    grantId: grant?.grantId,
    clientId: client.clientId,
    subject,
    actor: facts.actor,
    scope,
    audience,
    issuedAt,
    expiresAt: DateTime.add(issuedAt, { seconds: lifetime })
  }
  const isJwt = resources.some((one) => audience.includes(one.identifier) && one.accessTokenFormat === "jwt")
  const token = isJwt ? yield* jwt(facts, unnamed) : yield* randomToken
  const record = { ...unnamed, tokenHash: yield* hashToken(token) }
  const event = eventsBy(issuer, issuedAt, clientActor(client.clientId))
  const prepared: PreparedAccessToken = {
    token,
    record,
    lifetime,
    event: event("access_token.issued", "access_token", record.tokenHash, grant?.grantId)
  }
  return prepared
})
