/** The pushed authorization request endpoint, RFC 9126 §2. */
import { DateTime, Effect } from "effect"
import { client as clientActor, eventsBy } from "../audit/event.ts"
import { check, checking } from "../audit/Refusal.ts"
import { validatePushed } from "../authorization-request/validate.ts"
import { authenticate, type PresentedCredentials } from "../client/authenticate.ts"
import { hashToken, randomToken } from "../crypto/Crypto.ts"
import { CurrentIssuer } from "../issuer/Issuer.ts"
import { currentPolicy } from "../issuer/Policy.ts"
import { InvalidRequest } from "../oauth/OAuthError.ts"
import { every, once, type Parameters } from "../oauth/Parameters.ts"
import { proofNonceFirst, senderOf } from "../proof/sender.ts"
import type { Pushed } from "./PushedRequest.ts"
import { PushedRequestStore } from "./PushedRequestStore.ts"

/** RFC 9126 §2.2. */
export const requestUriPrefix = "urn:ietf:params:oauth:request_uri:"

/** RFC 9126 §2.2. */
export interface PushResponse {
  readonly request_uri: string
  /** Seconds. */
  readonly expires_in: number
}

/** Parameters by which the client authenticates itself: they are no part of the request. */
const credentialParameters = ["client_secret", "client_assertion", "client_assertion_type"]

/**
 * Authenticates the client, judges the request as the authorization endpoint would, and keeps it. A proof in the `DPoP`
 * header binds the code to come to its key (RFC 9449 §10.1).
 */
export const push = Effect.fnUntraced(function* (parameters: Parameters, credentials: PresentedCredentials) {
  const pushes = yield* PushedRequestStore
  const issuer = (yield* CurrentIssuer).identifier
  yield* checking("RFC 6749 §3.2: no parameter twice", once(parameters, ["client_id", ...credentialParameters]))
  yield* proofNonceFirst(credentials)
  const client = yield* authenticate(parameters, credentials)
  yield* check(
    "RFC 9126 §2.1: request_uri is not pushed",
    every(parameters, "request_uri").length === 0,
    () => new InvalidRequest({ reason: "RequestUriInPush", parameter: "request_uri" })
  )
  const sender = yield* senderOf(client, "/par", credentials)
  const asked = new Map([...parameters].filter(([name]) => !credentialParameters.includes(name)))
  const request = yield* validatePushed(client, asked, sender)

  const policy = yield* currentPolicy
  const now = yield* DateTime.now
  const requestUri = `${requestUriPrefix}${yield* randomToken}`
  const pushed: Pushed = {
    _tag: "Pushed",
    issuer,
    requestUriHash: yield* hashToken(requestUri),
    clientId: client.clientId,
    request,
    expiresAt: DateTime.add(now, { seconds: policy.pushedRequestLifetime })
  }
  const event = eventsBy(issuer, now, clientActor(client.clientId))
  yield* pushes.insert(pushed, [event("pushed_request.pushed", "pushed_request", pushed.requestUriHash)])
  return { request_uri: requestUri, expires_in: policy.pushedRequestLifetime } satisfies PushResponse
})
