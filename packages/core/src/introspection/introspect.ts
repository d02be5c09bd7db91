/** Token introspection, RFC 7662. */
import { DateTime, Effect, Option, type Schema } from "effect"
import { checking } from "../audit/Refusal.ts"
import { authenticate, type AuthenticatedClient, type PresentedCredentials } from "../client/authenticate.ts"
import { isConfidential } from "../client/Client.ts"
import { ClientStore } from "../client/ClientStore.ts"
import { hashToken } from "../crypto/Crypto.ts"
import { CurrentIssuer } from "../issuer/Issuer.ts"
import type { AuthorizationDetail } from "../oauth/AuthorizationDetails.ts"
import { type Confirmation, tokenTypeOf } from "../oauth/Confirmation.ts"
import { once, type Parameters, required } from "../oauth/Parameters.ts"
import * as Scope from "../oauth/Scope.ts"
import { rulesFor } from "../profile/inForce.ts"
import { demanding } from "../profile/Rule.ts"
import { currentResources } from "../resource/registry.ts"
import type { Resource } from "../resource/Resource.ts"
import { encryptFor, signFor } from "../token/SecuredResponse.ts"
import { TokenStore } from "../token/TokenStore.ts"

/** RFC 7662 §2.2. */
export type Introspection =
  | { readonly active: false }
  | {
      readonly active: true
      readonly iss: string
      readonly client_id: string
      readonly sub: string
      readonly scope?: string
      readonly aud?: string | ReadonlyArray<string>
      readonly token_type?: "Bearer" | "DPoP"
      readonly iat: number
      readonly exp: number
      /** RFC 9470 §6.2: how and when the person authenticated, so that the resource can ask for more. */
      readonly auth_time?: number
      readonly acr?: string
      /** RFC 8693 §4.1. */
      readonly act?: Schema.Json
      /** RFC 9449 §6.2, RFC 8705 §3.2. */
      readonly cnf?: Confirmation
      /** RFC 9396 §9.2. */
      readonly authorization_details?: ReadonlyArray<AuthorizationDetail>
    }

const inactive: Introspection = { active: false }
/** RFC 6749 §3.3: a scope is never empty. */
const scopeMember = (scope: ReadonlyArray<string>) => (scope.length === 0 ? {} : { scope: Scope.format(scope) })
const seconds = (at: DateTime.Utc) => Math.floor(at.epochMilliseconds / 1000)
const singleParameters = ["token", "token_type_hint", "client_id", "client_secret", "client_assertion"]

/** RFC 7662 §4: who may learn about a token: its client, the resource it is for, or who may see all of them. */
const maySee = (
  client: AuthenticatedClient,
  token: { readonly clientId: string; readonly audience: ReadonlyArray<string> },
  resources: ReadonlyArray<Resource>
): boolean => {
  if (token.clientId === client.clientId) return true
  if (!isConfidential(client)) return false
  return (
    client.introspectAllTokens ||
    token.audience.includes(client.clientId) ||
    resources.some(
      (one) => token.audience.includes(one.identifier) && one.introspectionClients.includes(client.clientId)
    )
  )
}

/** Who asks, and what they may know of the token, whichever kind it is: `token_type_hint` is a hint (§2.1), and we need none. */
const look = Effect.fnUntraced(function* (parameters: Parameters, credentials: PresentedCredentials) {
  const clients = yield* ClientStore
  const tokens = yield* TokenStore
  const issuer = (yield* CurrentIssuer).identifier
  yield* checking("RFC 6749 §3.2: no parameter twice", once(parameters, singleParameters))
  const client = yield* authenticate(parameters, credentials)
  const answered = (answer: Introspection) => ({ client, answer })
  const tokenHash = yield* hashToken(yield* checking("RFC 7662 §2.1: token", required(parameters, "token")))
  const now = yield* DateTime.now
  const isCurrent = (at: DateTime.Utc) => now.epochMilliseconds < at.epochMilliseconds

  const access = Option.getOrUndefined(yield* tokens.findAccessToken(issuer, tokenHash))
  if (access !== undefined) {
    const { clientDisabled, grant, token } = access
    const isLive = token._tag === "Live" && grant?._tag !== "Revoked" && isCurrent(token.expiresAt) && !clientDisabled
    if (!isLive || !maySee(client, token, yield* currentResources)) return answered(inactive)
    const [only, ...more] = token.audience
    return answered({
      active: true,
      iss: issuer,
      client_id: token.clientId,
      sub: token.subject,
      ...scopeMember(token.scope),
      ...(only === undefined ? {} : { aud: more.length === 0 ? only : token.audience }),
      token_type: tokenTypeOf(token.confirmation),
      iat: seconds(token.issuedAt),
      exp: seconds(token.expiresAt),
      ...(grant === undefined ? {} : { auth_time: seconds(grant.authTime) }),
      ...(grant?.acr === undefined ? {} : { acr: grant.acr }),
      ...(token.actor === undefined ? {} : { act: token.actor }),
      ...(token.confirmation === undefined ? {} : { cnf: token.confirmation }),
      ...(token.authorizationDetails.length === 0 ? {} : { authorization_details: token.authorizationDetails })
    })
  }

  const refresh = Option.getOrUndefined(yield* tokens.findRefreshToken(issuer, tokenHash))
  if (refresh === undefined) return answered(inactive)
  const { grant, token } = refresh
  const owner = Option.getOrUndefined(yield* clients.find(issuer, token.clientId))
  const isEnabled = owner?.disabled === false
  const isLive = token._tag === "Live" && grant._tag === "Live" && isCurrent(token.expiresAt) && isEnabled
  if (!isLive || !maySee(client, { clientId: token.clientId, audience: [] }, [])) return answered(inactive)
  return answered({
    active: true,
    iss: issuer,
    client_id: token.clientId,
    sub: grant.sub,
    ...scopeMember(token.scope),
    ...(token.confirmation === undefined ? {} : { cnf: token.confirmation }),
    iat: seconds(token.issuedAt),
    exp: seconds(token.expiresAt)
  })
})

export const introspect = (parameters: Parameters, credentials: PresentedCredentials) =>
  Effect.map(look(parameters, credentials), ({ answer }) => answer)

/** An answer of the introspection endpoint: RFC 7662 §2.2, or RFC 9701 §5. */
export type IntrospectionResponse =
  | { readonly _tag: "Claims"; readonly claims: Introspection }
  | { readonly _tag: "Jwt"; readonly jwt: string }

/** The answer in the form that was asked for, and as a JWT wherever the client is held to that. */
export const introspectionResponse = Effect.fnUntraced(function* (
  parameters: Parameters,
  credentials: PresentedCredentials,
  prefersJwt: boolean
) {
  const { answer, client } = yield* look(parameters, credentials)
  if (!prefersJwt && demanding(yield* rulesFor(client), "signedIntrospection") === undefined) {
    return { _tag: "Claims", claims: answer } satisfies IntrospectionResponse
  }
  return { _tag: "Jwt", jwt: yield* asJwt(client, answer) } satisfies IntrospectionResponse
})

/**
 * RFC 9701 §5: for this client alone, and so told apart from every other JWT of ours that nobody can use it as one of
 * those. It has neither `sub` nor `exp`.
 */
const asJwt = Effect.fnUntraced(function* (client: AuthenticatedClient, answer: Introspection) {
  const jwt = yield* signFor(client, "introspection", "token-introspection+jwt", {
    iss: (yield* CurrentIssuer).identifier,
    aud: client.clientId,
    iat: seconds(yield* DateTime.now),
    token_introspection: answer
  })
  return yield* encryptFor(client, "introspection", jwt, { cty: "JWT" })
})
