/**
 * The `authorization_code` grant: RFC 6749 §4.1.3 (request), §4.1.4 (response); RFC 7636 §4.6; RFC 9700 §2.1.1.
 */
import { DateTime, Effect, Option } from "effect"
import { AuditLog } from "../audit/AuditLog.ts"
import { client as clientActor, eventsBy } from "../audit/event.ts"
import { narrowedDetails } from "../authorization-request/details.ts"
import { check, checking, refuse } from "../audit/Refusal.ts"
import type { AuthenticatedClient } from "../client/authenticate.ts"
import { encode, equal, hashToken } from "../crypto/Crypto.ts"
import { HostResolver } from "../host/HostResolver.ts"
import { CurrentIssuer } from "../issuer/Issuer.ts"
import { InvalidGrant } from "../oauth/OAuthError.ts"
import { optional, type Parameters, required } from "../oauth/Parameters.ts"
import { isCodeVerifier } from "../oauth/Pkce.ts"
import { bindingOf, keepsTo, refreshBindingOf, type Sender } from "../proof/sender.ts"
import { requestedResources } from "../resource/registry.ts"
import { Transaction } from "../storage/Transaction.ts"
import { following } from "../token/Issuance.ts"
import { prepare } from "../token/issue.ts"
import { TokenStore } from "../token/TokenStore.ts"
import { type AuthorizationCode, isExpired } from "./AuthorizationCode.ts"
import { AuthorizationCodeStore } from "./AuthorizationCodeStore.ts"

/** RFC 7636 §4.6: the verifier belongs to the challenge; where there was no challenge there may be no verifier. */
const verifierMatches = Effect.fnUntraced(function* (code: AuthorizationCode, verifier: string | undefined) {
  if (code.codeChallenge === undefined) return verifier === undefined
  if (verifier === undefined || !isCodeVerifier(verifier)) return false
  return equal(encode(yield* hashToken(verifier)), encode(code.codeChallenge))
})

export const exchange = Effect.fnUntraced(function* (
  client: AuthenticatedClient,
  parameters: Parameters,
  sender: Sender
) {
  const codes = yield* AuthorizationCodeStore
  const tokens = yield* TokenStore
  const audit = yield* AuditLog
  const host = yield* HostResolver
  const transaction = yield* Transaction
  const issuer = (yield* CurrentIssuer).identifier
  const codeHash = yield* hashToken(yield* checking("RFC 6749 §4.1.3: code", required(parameters, "code")))
  const redirectUri = yield* checking(
    "RFC 6749 §4.1.3: redirect_uri at most once",
    optional(parameters, "redirect_uri")
  )
  const verifier = yield* checking("RFC 7636 §4.5: code_verifier at most once", optional(parameters, "code_verifier"))
  const now = yield* DateTime.now
  const event = eventsBy(issuer, now, clientActor(client.clientId))

  const found = Option.getOrUndefined(yield* codes.find(issuer, codeHash))
  yield* check(
    "RFC 6749 §4.1.3: the code exists",
    found !== undefined,
    () => new InvalidGrant({ reason: "CodeUnknown" })
  )
  const { code, grant } = found!
  // First of all: another client can neither burn nor revoke what is not its own.
  yield* check(
    "RFC 6749 §4.1.3: the code was issued to this client",
    code.clientId === client.clientId,
    () => new InvalidGrant({ reason: "IssuedToAnotherClient", expected: code.clientId, received: client.clientId })
  )
  const replayed = () =>
    transaction.within(
      Effect.gen(function* () {
        // A value, not a failure: failing would undo the revocation that §4.1.2 asks for.
        const isRevoked = yield* tokens.revokeGrant(issuer, code.grantId, now, "CodeReplayed")
        yield* audit.append([
          event("authorization_code.replayed", "grant", code.grantId),
          ...(isRevoked ? [event("grant.revoked", "grant", code.grantId, "CodeReplayed")] : [])
        ])
      })
    )
  /** Somebody was faster: whether it was who used the code. */
  const replayedMeanwhile = Effect.gen(function* () {
    const again = Option.getOrUndefined(yield* codes.find(issuer, codeHash))
    if (again?.code._tag !== "Redeemed") return false
    yield* replayed()
    return true
  })
  const replay = () => new InvalidGrant({ reason: "CodeReplayed" })
  if (code._tag === "Redeemed") yield* replayed()
  yield* check("RFC 6749 §4.1.2: the code is used once", code._tag === "Issued", replay)
  yield* check(
    "RFC 6749 §4.1.2: the code has not expired",
    !isExpired(code, now),
    () => new InvalidGrant({ reason: "CodeExpired" })
  )
  yield* check(
    "RFC 6749 §4.1.3: redirect_uri equals the one of the authorization request",
    code.redirectUriSent || redirectUri !== undefined ? redirectUri === code.redirectUri : true,
    () => new InvalidGrant({ reason: "RedirectUriMismatch", expected: code.redirectUri, received: redirectUri ?? "" })
  )
  const isVerified = yield* verifierMatches(code, verifier)
  if (!isVerified) {
    // Whoever guesses has one guess. Nothing can come of the grant any more, so nobody is told that it is live.
    const isSpent = yield* transaction.within(
      Effect.gen(function* () {
        if (!(yield* codes.spend(issuer, codeHash, client.clientId, now))) return false
        const isRevoked = yield* tokens.revokeGrant(issuer, code.grantId, now, "CodeVerifierMismatch")
        yield* audit.append([
          event("authorization_code.spent", "grant", code.grantId, "CodeVerifierMismatch"),
          ...(isRevoked ? [event("grant.revoked", "grant", code.grantId, "CodeVerifierMismatch")] : [])
        ])
        return true
      })
    )
    if (!isSpent) yield* replayedMeanwhile
  }
  yield* check(
    "RFC 7636 §4.6: code_verifier hashes to the code_challenge",
    isVerified,
    () =>
      new InvalidGrant({ reason: code.codeChallenge === undefined ? "CodeVerifierUnexpected" : "CodeVerifierMismatch" })
  )
  yield* keepsTo(code.dpopJkt === undefined ? undefined : { jkt: code.dpopJkt }, sender)
  const confirmation = yield* bindingOf(sender)

  if (grant?._tag !== "Live") {
    return yield* refuse("the grant is live", new InvalidGrant({ reason: "GrantRevoked" }))
  }
  const isKnown = Option.isSome(yield* host.claims({ subject: grant.subject, scope: [], names: [], locales: [] }))
  yield* check("the account exists", isKnown, () => new InvalidGrant({ reason: "AccountGone" }))
  const requested = yield* checking(
    "RFC 8707 §2.2: resource only narrows",
    requestedResources(parameters, grant.resources, "ResourceNotGranted")
  )

  const authorizationDetails = yield* narrowedDetails(parameters, grant.authorizationDetails)

  const prepared = yield* prepare({
    client,
    grant,
    scope: grant.scope,
    audience: requested.length > 0 ? requested : grant.resources,
    authorizationDetails,
    nonce: code.nonce,
    confirmation,
    refreshConfirmation: yield* refreshBindingOf(client, sender.rules, confirmation, grant.resources),
    refreshScope: grant.scope
  })
  const redeemed = following(event("authorization_code.redeemed", "grant", code.grantId), prepared)
  if (yield* codes.redeem(issuer, codeHash, client.clientId, now, redeemed)) return prepared.response

  yield* check("RFC 6749 §4.1.2: the code is used once", !(yield* replayedMeanwhile), replay)
  return yield* refuse("the grant is live", new InvalidGrant({ reason: "GrantRevoked" }))
})

/** RFC 6749 §4.1.3; RFC 7636 §4.5. */
export const grant = {
  grantType: "authorization_code",
  parameters: ["code", "redirect_uri", "code_verifier", "authorization_details"],
  exchange
} as const
