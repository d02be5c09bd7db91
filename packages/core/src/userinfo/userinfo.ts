/** The UserInfo endpoint, OpenID Connect Core §5.3; tokens as RFC 6750 §2 and RFC 9449 §7 present them. */
import { DateTime, Effect, Option } from "effect"
import { ClientStore } from "../client/ClientStore.ts"
import { check, checking } from "../audit/Refusal.ts"
import { hashToken } from "../crypto/Crypto.ts"
import { HostResolver } from "../host/HostResolver.ts"
import { CurrentIssuer } from "../issuer/Issuer.ts"
import { currentPolicy } from "../issuer/Policy.ts"
import { type Claims, claimsOfScope, namesIn, select } from "../oauth/Claims.ts"
import { InsufficientScope, InvalidRequest, InvalidToken } from "../oauth/OAuthError.ts"
import { optional, type Parameters } from "../oauth/Parameters.ts"
import { confirmSender, type Presented, presentedToken, type ResourceRequest } from "../proof/resourceRequest.ts"
import { endpointUris } from "../proof/sender.ts"
import { rulesInForce } from "../profile/inForce.ts"
import { encryptFor, signedResponseAlg, signFor, wantsUserinfoJwt } from "../token/SecuredResponse.ts"
import { TokenStore } from "../token/TokenStore.ts"

/** RFC 6750 §2: in the header or in the form, never both. `form` is empty for a GET. */
const presented = Effect.fnUntraced(function* (authorization: string | undefined, form: Parameters) {
  const inForm = yield* checking("RFC 6750 §2.2: access_token at most once", optional(form, "access_token"))
  const isInHeader = authorization !== undefined && /^(?:bearer|dpop)(?: |$)/i.test(authorization)
  yield* check(
    "RFC 6750 §2: the token is sent once",
    !(isInHeader && inForm !== undefined),
    () => new InvalidRequest({ reason: "TokenSentTwice" })
  )
  return inForm === undefined
    ? yield* presentedToken(authorization)
    : ({ scheme: "Bearer", token: inForm } satisfies Presented)
})

/** The claims that the token's grant entitles its client to, and always `sub` (§5.3.2). */
const look = Effect.fnUntraced(function* (request: ResourceRequest, form: Parameters) {
  const tokens = yield* TokenStore
  const host = yield* HostResolver
  const issuer = (yield* CurrentIssuer).identifier
  const bearer = yield* presented(request.authorization, form)
  const tokenHash = yield* hashToken(bearer.token)
  const now = yield* DateTime.now

  const found = Option.getOrUndefined(yield* tokens.findAccessToken(issuer, tokenHash))
  yield* check(
    "RFC 6750 §3.1: the token is known",
    found !== undefined,
    () => new InvalidToken({ reason: "TokenUnknown" })
  )
  const { clientDisabled, token } = found!
  yield* check(
    "RFC 6750 §3.1: the token is not revoked",
    token._tag === "Live" && found!.grant?._tag !== "Revoked",
    () => new InvalidToken({ reason: "TokenRevoked" })
  )
  yield* check(
    "RFC 6750 §3.1: the token has not expired",
    now.epochMilliseconds < token.expiresAt.epochMilliseconds,
    () => new InvalidToken({ reason: "TokenExpired" })
  )
  const client = { metadata: found!.clientMetadata }
  const policy = yield* currentPolicy
  yield* confirmSender(
    token.confirmation,
    bearer,
    request,
    rulesInForce(policy, client),
    Effect.map(endpointUris("/userinfo"), (targets) => ({
      issuer,
      targets,
      nonceRequired: policy.dpopNonce === "required"
    }))
  )
  yield* check("the client is enabled", !clientDisabled, () => new InvalidToken({ reason: "ClientDisabled" }))
  yield* check(
    "OpenID Connect Core §5.3: scope openid",
    token.scope.includes("openid") && found!.grant !== undefined,
    () => new InsufficientScope({ reason: "OpenidMissing", expected: "openid", received: token.scope.join(" ") })
  )

  const grant = found!.grant!
  const names = namesIn(grant.claims?.userinfo)
  const wanted = [...token.scope.flatMap((scope) => claimsOfScope[scope] ?? []), ...names]
  const known = Option.getOrUndefined(
    yield* host.claims({ subject: grant.subject, scope: token.scope, names, locales: grant.claimsLocales })
  )
  yield* check("the account exists", known !== undefined, () => new InvalidToken({ reason: "AccountGone" }))
  const claims: Claims = { ...select(known!, wanted), sub: grant.sub }
  return { claims, clientId: token.clientId, ...client }
})

export const userinfo = (request: ResourceRequest, form: Parameters) =>
  Effect.map(look(request, form), ({ claims }) => claims)

/** An answer of the UserInfo endpoint: the claims, or the JWT that the client registered for (§5.3.2). */
export type UserinfoResponse =
  | { readonly _tag: "Claims"; readonly claims: Claims }
  | { readonly _tag: "Jwt"; readonly jwt: string }

/**
 * The answer in the form that the client registered. A signed one names issuer and audience, and no `typ`: an ID token of
 * ours has one, so that neither passes for the other.
 */
export const userinfoResponse = Effect.fnUntraced(function* (request: ResourceRequest, form: Parameters) {
  const clients = yield* ClientStore
  const { claims, clientId, metadata } = yield* look(request, form)
  if (!wantsUserinfoJwt({ metadata })) return { _tag: "Claims", claims } satisfies UserinfoResponse
  const iss = (yield* CurrentIssuer).identifier
  const client = Option.getOrUndefined(yield* clients.find(iss, clientId))
  if (client === undefined) return yield* new InvalidToken({ reason: "ClientDisabled" })
  const isSigned = signedResponseAlg(client, "userinfo") !== undefined
  const text = isSigned
    ? yield* signFor(client, "userinfo", undefined, { ...claims, iss, aud: client.clientId })
    : JSON.stringify(claims)
  const jwt = yield* encryptFor(client, "userinfo", text, isSigned ? { cty: "JWT" } : {})
  return { _tag: "Jwt", jwt } satisfies UserinfoResponse
})
