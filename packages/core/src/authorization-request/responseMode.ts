/** How the response to a request is sent: OAuth 2.0 Multiple Response Type Encoding Practices §2.1, JARM §2.3. */
import { Effect, Schema } from "effect"
import { check } from "../audit/Refusal.ts"
import type { Client } from "../client/Client.ts"
import { isJwtResponseMode, ResponseMode } from "../oauth/Metadata.ts"
import { InvalidRequest } from "../oauth/OAuthError.ts"
import { textsOf } from "../profile/Registration.ts"
import { demanding, hold, type Rules } from "../profile/Rule.ts"
import { canSecure } from "../token/SecuredResponse.ts"
import type { AuthorizationRequest } from "./AuthorizationRequest.ts"

const isResponseMode = Schema.is(ResponseMode)

/**
 * The mode of whatever will be answered: the one that was sent, if it is known and was sent once, else the default; a
 * signed one wherever the client is held to that. An answer that cannot be secured as the client registered is found out
 * here, before anybody signs in for it.
 */
export const responseModeFor = Effect.fnUntracedEager(function* (
  client: Client,
  sent: ReadonlyArray<string>,
  rules: Rules
) {
  const known = sent.length === 1 && isResponseMode(sent[0]) ? sent[0] : "query"
  const isHeld = demanding(rules, "signedResponse") !== undefined
  const mode: ResponseMode = isHeld && !isJwtResponseMode(known) ? "jwt" : known
  if (isJwtResponseMode(mode)) yield* canSecure(client, "authorization")
  return mode
})

/** Where a client is held to signed responses it gets nothing else, whatever it asked for before it was. */
export const heldMode = (request: AuthorizationRequest, rules: Rules): AuthorizationRequest =>
  demanding(rules, "signedResponse") === undefined || isJwtResponseMode(request.responseMode)
    ? request
    : { ...request, responseMode: "jwt" }

/** Holds a request to a mode that is known, and that is signed where the client is held to that. */
export const checkResponseMode = Effect.fnUntracedEager(function* (
  client: Client,
  sent: string | undefined,
  rules: Rules
) {
  yield* check(
    "Multiple Response Types §2.1: response_mode is supported",
    sent === undefined || isResponseMode(sent),
    () => new InvalidRequest({ reason: "ResponseModeUnknown", parameter: "response_mode", received: sent ?? "" })
  )
  const registered = textsOf(client, "response_modes")
  const held = demanding(rules, "signedResponse")
  const mode = sent ?? (held === undefined ? "query" : "jwt")
  yield* check(
    "FAPI 2.0 Message Signing §5.3.3: a response mode that the client registered, where it registered any",
    registered.length === 0 || registered.includes(mode),
    () => new InvalidRequest({ reason: "ResponseModeUnknown", parameter: "response_mode", received: mode })
  )
  yield* hold(
    held,
    sent === undefined || isJwtResponseMode(sent),
    () => new InvalidRequest({ reason: "SignedResponseRequired", parameter: "response_mode", received: sent ?? "" })
  )
})
