/** The token endpoint, RFC 6749 §3.2: what every grant shares happens here, once. */
import { Effect } from "effect"
import { check, checking } from "../audit/Refusal.ts"
import { authenticate, type PresentedCredentials } from "../client/authenticate.ts"
import { UnauthorizedClient, UnsupportedGrantType } from "../oauth/OAuthError.ts"
import { once, type Parameters, required } from "../oauth/Parameters.ts"
import { proofNonceFirst, senderOf } from "../proof/sender.ts"
import { grantParameters, grants } from "./grants.ts"

/** RFC 6749 §3.2: request parameters must not be included more than once; RFC 8707 §2 exempts `resource`. */
const singleParameters = [
  "grant_type",
  "client_id",
  "client_secret",
  "client_assertion",
  "client_assertion_type",
  ...grantParameters
]

export const token = Effect.fnUntraced(function* (parameters: Parameters, credentials: PresentedCredentials) {
  yield* checking("RFC 6749 §3.2: no parameter twice", once(parameters, singleParameters))
  yield* proofNonceFirst(credentials)
  const client = yield* authenticate(parameters, credentials)
  const grantType = yield* checking("RFC 6749 §3.2: grant_type", required(parameters, "grant_type"))
  const grant = grants.get(grantType)
  yield* check(
    "RFC 6749 §5.2: the grant type is supported",
    grant !== undefined,
    () => new UnsupportedGrantType({ reason: "GrantTypeUnknown", received: grantType })
  )
  yield* check(
    "RFC 6749 §5.2: the grant type is registered for the client",
    client.grantTypes.includes(grantType),
    () => new UnauthorizedClient({ reason: "GrantTypeNotRegistered", received: grantType })
  )
  const sender = yield* senderOf(client, "/token", credentials)
  return yield* grant!.exchange(client, parameters, sender)
})
