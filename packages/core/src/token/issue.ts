/** Making the tokens of one token response: RFC 6749 §5.1, OpenID Connect Core §3.1.3.3. */
import { DateTime, Effect } from "effect"
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
import * as IdToken from "./IdToken.ts"
import type { LiveAccessToken, LiveRefreshToken } from "./Token.ts"

/** The body of a successful token response, RFC 6749 §5.1, in its order. */
export interface TokenResponse {
  readonly access_token: string
  readonly token_type: "Bearer"
  readonly expires_in: number
  readonly refresh_token?: string
  readonly id_token?: string
  readonly scope?: string
}

/** Tokens that exist only in memory: nothing is issued until the transaction that stores them commits. */
export interface Prepared {
  readonly response: TokenResponse
  readonly accessToken: LiveAccessToken
  readonly refreshToken: LiveRefreshToken | undefined
  readonly events: ReadonlyArray<AuditEvent>
}

/** RFC 9068 §2.2: a token that a resource server verifies by itself. */
const jwtAccessToken = Effect.fnUntraced(function* (
  client: Client,
  grant: Live,
  audience: ReadonlyArray<string>,
  scope: ReadonlyArray<string>,
  issuedAt: number,
  lifetime: number
) {
  const keys = yield* SigningKeys
  const issuer = (yield* CurrentIssuer).identifier
  const iat = Math.floor(issuedAt / 1000)
  return yield* keys.sign(issuer, "RS256", "at+jwt", {
    iss: issuer,
    sub: grant.subject,
    aud: audience.length === 1 ? audience[0] : audience,
    client_id: client.clientId,
    scope: scope.length === 0 ? undefined : Scope.format(scope),
    iat,
    exp: iat + lifetime,
    jti: yield* randomToken,
    auth_time: Math.floor(grant.authTime.epochMilliseconds / 1000),
    acr: grant.acr,
    amr: grant.amr.length === 0 ? undefined : grant.amr
  })
})

/**
 * Prepares an access token for `scope` and `audience`, a refresh token for as long as the grant offers offline access,
 * and for an OpenID request an ID token. The signing happens here, before any transaction is open.
 */
export const prepare = Effect.fnUntraced(function* (options: {
  readonly client: Client
  readonly grant: Live
  readonly scope: ReadonlyArray<string>
  readonly audience: ReadonlyArray<string>
  readonly nonce: string | undefined
  /** What the grant as a whole still allows; a refresh token keeps all of it. */
  readonly refreshScope: ReadonlyArray<string>
}) {
  const { audience, client, grant } = options
  const now = yield* DateTime.now
  const policy = yield* currentPolicy
  const resources = yield* currentResources
  const { issuer } = grant
  const remaining = Math.floor((grant.expiresAt.epochMilliseconds - now.epochMilliseconds) / 1000)
  const lifetime = Math.max(0, Math.min(policy.accessTokenLifetime, remaining))
  const scope = scopeAt(options.scope, audience, resources)
  const isJwt =
    audience.length > 0 && resources.some((one) => audience.includes(one.identifier) && one.accessTokenFormat === "jwt")
  const accessToken = isJwt
    ? yield* jwtAccessToken(client, grant, audience, scope, now.epochMilliseconds, lifetime)
    : yield* randomToken
  const refreshToken =
    client.grantTypes.includes("refresh_token") && grant.scope.includes("offline_access")
      ? yield* randomToken
      : undefined
  const idToken = grant.scope.includes("openid")
    ? yield* IdToken.issue({
        client,
        grant,
        policy,
        accessToken,
        nonce: options.nonce,
        issuedAt: now.epochMilliseconds
      })
    : undefined

  const bound = { issuer, grantId: grant.grantId, clientId: client.clientId, issuedAt: now }
  const accessRecord: LiveAccessToken = {
    ...bound,
    _tag: "Live",
    tokenHash: yield* hashToken(accessToken),
    subject: grant.subject,
    actor: undefined,
    scope,
    audience,
    expiresAt: DateTime.add(now, { seconds: lifetime })
  }
  const idle = DateTime.add(now, { seconds: policy.refreshTokenIdleLifetime })
  const refreshRecord: LiveRefreshToken | undefined =
    refreshToken === undefined
      ? undefined
      : {
          ...bound,
          _tag: "Live",
          tokenHash: yield* hashToken(refreshToken),
          scope: options.refreshScope,
          expiresAt: idle.epochMilliseconds < grant.expiresAt.epochMilliseconds ? idle : grant.expiresAt
        }
  const event = eventsBy(issuer, now, clientActor(client.clientId))
  const prepared: Prepared = {
    response: {
      access_token: accessToken,
      token_type: "Bearer",
      expires_in: lifetime,
      ...(refreshToken === undefined ? {} : { refresh_token: refreshToken }),
      ...(idToken === undefined ? {} : { id_token: idToken }),
      // RFC 6749 §3.3: a scope is never empty. Where none was granted, leaving it out says the same (§5.1).
      ...(grant.scope.length === 0 ? {} : { scope: Scope.format(scope) })
    },
    accessToken: accessRecord,
    refreshToken: refreshRecord,
    events: [
      event("access_token.issued", "access_token", accessRecord.tokenHash, grant.grantId),
      ...(refreshRecord === undefined
        ? []
        : [event("refresh_token.issued", "refresh_token", refreshRecord.tokenHash, grant.grantId)])
    ]
  }
  return prepared
})
