/** Making the tokens of one token response: RFC 6749 §5.1, OpenID Connect Core §3.1.3.3. */
import { DateTime, Effect } from "effect"
import { client as clientActor, eventsBy } from "../audit/event.ts"
import type { Client } from "../client/Client.ts"
import { hashToken, randomToken } from "../crypto/Crypto.ts"
import { currentPolicy } from "../issuer/Policy.ts"
import type { AuthorizationDetail } from "../oauth/AuthorizationDetails.ts"
import { type Confirmation, tokenTypeOf } from "../oauth/Confirmation.ts"
import * as Scope from "../oauth/Scope.ts"
import { type PreparedAccessToken, prepareAccessToken } from "./accessToken.ts"
import type { Live } from "./Grant.ts"
import * as IdToken from "./IdToken.ts"
import type { Issuance } from "./Issuance.ts"
import { refreshEnd, refreshPolicyOf } from "./refreshPolicy.ts"
import type { LiveRefreshToken } from "./Token.ts"

/** The body of a successful token response, RFC 6749 §5.1, in its order. */
export interface TokenResponse {
  readonly access_token: string
  readonly token_type: "Bearer" | "DPoP"
  readonly expires_in: number
  readonly refresh_token?: string
  readonly id_token?: string
  readonly scope?: string
  /** RFC 9396 §7. */
  readonly authorization_details?: ReadonlyArray<AuthorizationDetail>
}

/** Tokens that exist only in memory: nothing is issued until the move that stores them. */
export interface Prepared extends Issuance {
  readonly response: TokenResponse
}

/**
 * Prepares an access token for `scope` and `audience`, a refresh token for as long as the grant offers offline access,
 * and for an OpenID request an ID token. The signing happens here, before any transaction is open.
 */
export const prepare = Effect.fnUntraced(function* (options: {
  readonly client: Client
  readonly grant: Live
  readonly scope: ReadonlyArray<string>
  readonly audience: ReadonlyArray<string>
  readonly authorizationDetails: ReadonlyArray<AuthorizationDetail>
  readonly nonce: string | undefined
  /** What the access token is bound to. */
  readonly confirmation: Confirmation | undefined
  /** What a new refresh token is bound to. */
  readonly refreshConfirmation: Confirmation | undefined
  /** What the grant as a whole still allows; a new refresh token keeps all of it. Undefined for no new one. */
  readonly refreshScope: ReadonlyArray<string> | undefined
}) {
  const { audience, client, grant } = options
  const now = yield* DateTime.now
  const policy = yield* currentPolicy
  const { issuer } = grant
  const access = yield* prepareAccessToken({
    client,
    subject: grant.sub,
    grant,
    actor: undefined,
    authorizationDetails: options.authorizationDetails,
    scope: options.scope,
    audience,
    confirmation: options.confirmation
  })
  const { refreshScope } = options
  const refreshToken =
    refreshScope !== undefined && client.grantTypes.includes("refresh_token") && grant.scope.includes("offline_access")
      ? yield* randomToken
      : undefined
  const idToken = grant.scope.includes("openid")
    ? yield* IdToken.issue({
        client,
        grant,
        policy,
        accessToken: access.token,
        nonce: options.nonce,
        issuedAt: now.epochMilliseconds
      })
    : undefined

  const bound = { issuer, grantId: grant.grantId, clientId: client.clientId, issuedAt: now }
  const refreshRecord: LiveRefreshToken | undefined =
    refreshToken === undefined || refreshScope === undefined
      ? undefined
      : {
          ...bound,
          _tag: "Live",
          tokenHash: yield* hashToken(refreshToken),
          scope: refreshScope,
          confirmation: options.refreshConfirmation,
          expiresAt: refreshEnd(refreshPolicyOf(client, policy), grant, now)
        }
  const event = eventsBy(issuer, now, clientActor(client.clientId))
  const prepared: Prepared = {
    response: {
      access_token: access.token,
      token_type: tokenTypeOf(access.accessToken.confirmation),
      expires_in: access.lifetime,
      ...(refreshToken === undefined ? {} : { refresh_token: refreshToken }),
      ...(idToken === undefined ? {} : { id_token: idToken }),
      // RFC 6749 §3.3: a scope is never empty. Where none was granted, or nothing of it is about the token's resources,
      // there is no way to say so (§5.1).
      ...(access.accessToken.scope.length === 0 ? {} : { scope: Scope.format(access.accessToken.scope) }),
      ...(options.authorizationDetails.length === 0 ? {} : { authorization_details: options.authorizationDetails })
    },
    accessToken: access.accessToken,
    refreshToken: refreshRecord,
    events: [
      ...access.events,
      ...(refreshRecord === undefined
        ? []
        : [event("refresh_token.issued", "refresh_token", refreshRecord.tokenHash, grant.grantId)])
    ]
  }
  return prepared
})

/** The response that is one access token; a scope is never empty (RFC 6749 §3.3). */
export const accessTokenResponse = ({ accessToken, lifetime, token }: PreparedAccessToken): TokenResponse => ({
  access_token: token,
  token_type: tokenTypeOf(accessToken.confirmation),
  expires_in: lifetime,
  ...(accessToken.scope.length === 0 ? {} : { scope: Scope.format(accessToken.scope) })
})
