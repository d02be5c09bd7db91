/** Token revocation, RFC 7009. */
import { DateTime, Effect, Option } from "effect"
import { AuditLog } from "../audit/AuditLog.ts"
import { client as clientActor, eventsBy } from "../audit/event.ts"
import { check, checking } from "../audit/Refusal.ts"
import { authenticate, type PresentedCredentials } from "../client/authenticate.ts"
import { hashToken } from "../crypto/Crypto.ts"
import { CurrentIssuer } from "../issuer/Issuer.ts"
import { InvalidGrant } from "../oauth/OAuthError.ts"
import { once, type Parameters, required } from "../oauth/Parameters.ts"
import { Transaction } from "../storage/Transaction.ts"
import { TokenStore } from "../token/TokenStore.ts"

const singleParameters = ["token", "token_type_hint", "client_id", "client_secret", "client_assertion"]

/**
 * §2.1: a refresh token takes its whole grant with it, an access token goes alone; another client's token is refused.
 * §2.2: a token that is unknown or already worthless is no error. `token_type_hint` is a hint, and we need none.
 */
export const revoke = Effect.fnUntraced(function* (parameters: Parameters, credentials: PresentedCredentials) {
  const tokens = yield* TokenStore
  const audit = yield* AuditLog
  const transaction = yield* Transaction
  const issuer = (yield* CurrentIssuer).identifier
  yield* checking("RFC 6749 §3.2: no parameter twice", once(parameters, singleParameters))
  const client = yield* authenticate(parameters, credentials)
  const tokenHash = yield* hashToken(yield* checking("RFC 7009 §2.1: token", required(parameters, "token")))
  const at = yield* DateTime.now
  const event = eventsBy(issuer, at, clientActor(client.clientId))
  const owned = (clientId: string) =>
    check(
      "RFC 7009 §2.1: the token was issued to this client",
      clientId === client.clientId,
      () => new InvalidGrant({ reason: "IssuedToAnotherClient", expected: clientId, received: client.clientId })
    )

  const refresh = Option.getOrUndefined(yield* tokens.findRefreshToken(issuer, tokenHash))
  if (refresh !== undefined) {
    yield* owned(refresh.token.clientId)
    const { grantId } = refresh.grant
    return yield* transaction.within(
      Effect.gen(function* () {
        if (!(yield* tokens.revokeGrant(issuer, grantId, at, "RefreshTokenRevoked"))) return
        yield* audit.append([event("grant.revoked", "grant", grantId, "RefreshTokenRevoked")])
      })
    )
  }
  const access = Option.getOrUndefined(yield* tokens.findAccessToken(issuer, tokenHash))
  if (access === undefined) return
  yield* owned(access.token.clientId)
  yield* transaction.within(
    Effect.gen(function* () {
      if (!(yield* tokens.revokeAccessToken(issuer, tokenHash, client.clientId, at))) return
      yield* audit.append([event("access_token.revoked", "access_token", tokenHash)])
    })
  )
})
