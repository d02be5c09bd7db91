/**
 * The `refresh_token` grant: RFC 6749 §6. By policy a use rotates the token, with reuse detection as RFC 9700 §4.14.2
 * describes it and a replay window in which a client whose response got lost receives the same response again; or the
 * token stays, and its idle end moves.
 */
import { DateTime, Effect, Option } from "effect"
import { AuditLog } from "../audit/AuditLog.ts"
import { client as clientActor, eventsBy } from "../audit/event.ts"
import { narrowedDetails } from "../authorization-request/details.ts"
import { check, checking, refuse } from "../audit/Refusal.ts"
import type { AuthenticatedClient } from "../client/authenticate.ts"
import { Crypto, encode, hashToken } from "../crypto/Crypto.ts"
import { HostResolver } from "../host/HostResolver.ts"
import { CurrentIssuer } from "../issuer/Issuer.ts"
import { currentPolicy } from "../issuer/Policy.ts"
import type { Confirmation } from "../oauth/Confirmation.ts"
import { InvalidGrant, InvalidScope } from "../oauth/OAuthError.ts"
import { every, optional, type Parameters, required } from "../oauth/Parameters.ts"
import * as Scope from "../oauth/Scope.ts"
import { bindingOf, keepsTo, refreshBindingOf, type Sender } from "../proof/sender.ts"
import { requestedResources } from "../resource/registry.ts"
import { Transaction } from "../storage/Transaction.ts"
import { following } from "../token/Issuance.ts"
import { prepare, type TokenResponse } from "../token/issue.ts"
import { refreshEnd, refreshPolicyOf } from "../token/refreshPolicy.ts"
import type { RotatedRefreshToken } from "../token/Token.ts"
import { TokenStore } from "../token/TokenStore.ts"

/** Only who holds the refresh token can make the key under which its response is kept. */
const responseKey = Effect.fnUntraced(function* (refreshToken: string) {
  const crypto = yield* Crypto
  return yield* crypto.derive(encode(refreshToken), "lockspire refresh response")
})

const responseContext = (issuer: string, clientId: string) => `refresh-response\0${issuer}\0${clientId}`

/** What shapes the response, the keys that it is bound to included; a retry that differs in it is another request. */
const requestHashOf = (parameters: Parameters, clientId: string, bound: Confirmation | undefined) =>
  hashToken(
    JSON.stringify([
      clientId,
      every(parameters, "scope"),
      every(parameters, "resource").toSorted(),
      every(parameters, "authorization_details"),
      ...(bound === undefined ? [] : [bound.jkt ?? "", bound["x5t#S256"] ?? ""])
    ])
  )

/** The response that the first use of this token produced, while the window is open and the request is the same. */
const replayedResponse = Effect.fnUntraced(function* (
  token: RotatedRefreshToken,
  refreshToken: string,
  requestHash: string,
  now: DateTime.Utc
) {
  const crypto = yield* Crypto
  const isOpen = now.epochMilliseconds < token.replayUntil.epochMilliseconds
  if (!isOpen || token.requestHash !== requestHash || token.sealedResponse === undefined) return Option.none()
  const context = responseContext(token.issuer, token.clientId)
  const opened = yield* crypto.open(yield* responseKey(refreshToken), token.sealedResponse, context)
  return Option.map(opened, (bytes) => {
    const response = JSON.parse(new TextDecoder().decode(bytes)) as TokenResponse
    const passed = (now.epochMilliseconds - token.rotatedAt.epochMilliseconds) / 1000
    // A window that is longer than an access token lives still brings the new refresh token.
    return passed < response.expires_in ? response : { ...response, expires_in: 0 }
  })
})

/**
 * The answer to a request that was sent again, as long as it is the same one and in time. Anything else is a token that
 * was used twice, which ends the grant: RFC 9700 §4.14.2.
 */
const answerAgain = Effect.fnUntraced(function* (
  rotated: RotatedRefreshToken,
  request: {
    readonly refreshToken: string
    readonly requestHash: string
    readonly now: DateTime.Utc
    readonly limit: number
  }
) {
  const tokens = yield* TokenStore
  const audit = yield* AuditLog
  const transaction = yield* Transaction
  const { limit, now, refreshToken, requestHash } = request
  const { clientId, grantId, issuer, tokenHash } = rotated
  const event = eventsBy(issuer, now, clientActor(clientId))
  const kept = yield* replayedResponse(rotated, refreshToken, requestHash, now)
  const isAnswered =
    Option.isSome(kept) &&
    (yield* tokens.replay(issuer, tokenHash, clientId, now, limit, [
      event("refresh_token.replayed", "refresh_token", tokenHash)
    ]))
  const response = isAnswered ? kept : Option.none<TokenResponse>()
  if (Option.isNone(response)) {
    yield* transaction.within(
      Effect.gen(function* () {
        const isRevoked = yield* tokens.revokeGrant(issuer, grantId, now, "RefreshTokenReused")
        yield* audit.append([
          event("refresh_token.reused", "refresh_token", tokenHash),
          ...(isRevoked ? [event("grant.revoked", "grant", grantId, "RefreshTokenReused")] : [])
        ])
      })
    )
  }
  yield* check(
    "RFC 9700 §4.14.2: the refresh token is used once",
    Option.isSome(response),
    () => new InvalidGrant({ reason: "RefreshTokenReused" })
  )
  return Option.getOrThrow(response)
})

export const exchange = Effect.fnUntraced(function* (
  client: AuthenticatedClient,
  parameters: Parameters,
  sender: Sender
) {
  const tokens = yield* TokenStore
  const host = yield* HostResolver
  const crypto = yield* Crypto
  const issuer = (yield* CurrentIssuer).identifier
  const policy = refreshPolicyOf(client, yield* currentPolicy)
  const refreshToken = yield* checking("RFC 6749 §6: refresh_token", required(parameters, "refresh_token"))
  const scopeText = yield* checking("RFC 6749 §3.2: scope at most once", optional(parameters, "scope"))
  const tokenHash = yield* hashToken(refreshToken)
  const now = yield* DateTime.now
  const event = eventsBy(issuer, now, clientActor(client.clientId))

  const found = Option.getOrUndefined(yield* tokens.findRefreshToken(issuer, tokenHash))
  yield* check(
    "RFC 6749 §6: the refresh token exists",
    found !== undefined,
    () => new InvalidGrant({ reason: "RefreshTokenUnknown" })
  )
  const { grant, token } = found!
  yield* check(
    "RFC 6749 §6: it was issued to this client",
    token.clientId === client.clientId,
    () => new InvalidGrant({ reason: "IssuedToAnotherClient", expected: token.clientId, received: client.clientId })
  )
  // Before anything is given or revoked: a thief without the key can do neither.
  yield* keepsTo(token.confirmation, sender)
  const confirmation = yield* bindingOf(sender)
  const requestHash = yield* requestHashOf(parameters, client.clientId, confirmation)
  // Before reuse: a grant that was ended on purpose is no sign of theft.
  if (grant._tag !== "Live") {
    return yield* refuse("the grant is live", new InvalidGrant({ reason: "GrantRevoked" }))
  }

  const reused = (rotated: RotatedRefreshToken) =>
    answerAgain(rotated, { refreshToken, requestHash, now, limit: policy.replayCount })
  if (token._tag === "Rotated") return yield* reused(token)

  const end = refreshEnd(policy, grant, now)
  yield* check(
    "the refresh token has not expired",
    DateTime.isLessThan(now, DateTime.min(token.expiresAt, end)),
    () => new InvalidGrant({ reason: "RefreshTokenExpired" })
  )
  const scope =
    scopeText === undefined ? token.scope : yield* checking("RFC 6749 §3.3: scope syntax", Scope.parse(scopeText))
  yield* check(
    "RFC 6749 §6: scope only narrows",
    Scope.isSubset(scope, token.scope),
    () =>
      new InvalidScope({
        reason: "ScopeNotGranted",
        expected: Scope.format(token.scope),
        received: Scope.format(scope)
      })
  )
  const requested = yield* checking(
    "RFC 8707 §2.2: resource only narrows",
    requestedResources(parameters, grant.resources, "ResourceNotGranted")
  )
  const account = yield* host.claims({ subject: grant.subject, scope: [], names: [], locales: [] })
  yield* check("the account exists", Option.isSome(account), () => new InvalidGrant({ reason: "AccountGone" }))
  const mayUse = yield* host.mayUse(grant.subject, client.clientId)
  yield* check(
    "the host lets this subject use this client",
    mayUse,
    () => new InvalidGrant({ reason: "ClientRefusedForAccount" })
  )

  const refreshConfirmation =
    token.confirmation ?? (yield* refreshBindingOf(client, sender.rules, confirmation, grant.resources))
  const prepared = yield* prepare({
    client,
    grant,
    scope,
    confirmation,
    refreshConfirmation,
    audience: requested.length > 0 ? requested : grant.resources,
    authorizationDetails: yield* narrowedDetails(parameters, grant.authorizationDetails),
    nonce: undefined,
    refreshScope: policy.rotates ? token.scope : undefined
  })
  if (!policy.rotates) {
    const used = following(event("refresh_token.used", "refresh_token", tokenHash), prepared)
    const isIssued = yield* tokens.prolong(issuer, tokenHash, client.clientId, now, end, refreshConfirmation, used)
    if (!isIssued) {
      // Another tab bound it to its key in the meantime, or somebody revoked the grant.
      const again = Option.getOrUndefined(yield* tokens.findRefreshToken(issuer, tokenHash))
      yield* keepsTo(again?.token.confirmation, sender)
    }
    yield* check("the grant is live", isIssued, () => new InvalidGrant({ reason: "GrantRevoked" }))
    return { ...prepared.response, refresh_token: refreshToken }
  }

  const body = encode(JSON.stringify(prepared.response))
  const rotation = {
    replayUntil: DateTime.add(now, { seconds: policy.replayWindow }),
    requestHash,
    sealedResponse:
      policy.replayWindow === 0 || policy.replayCount === 0
        ? undefined
        : yield* crypto.seal(yield* responseKey(refreshToken), body, responseContext(issuer, client.clientId))
  }
  const rotated = following(event("refresh_token.rotated", "refresh_token", tokenHash), prepared)
  if (yield* tokens.rotate(issuer, tokenHash, client.clientId, now, rotation, rotated)) return prepared.response

  // Somebody was faster: another tab with the same token, or whoever revoked the grant.
  const again = Option.getOrUndefined(yield* tokens.findRefreshToken(issuer, tokenHash))
  if (again?.grant._tag === "Live" && again.token._tag === "Rotated") return yield* reused(again.token)
  return yield* new InvalidGrant({ reason: "GrantRevoked" })
})

/** RFC 6749 §6. */
export const grant = {
  grantType: "refresh_token",
  parameters: ["refresh_token", "scope", "authorization_details"],
  exchange
} as const
