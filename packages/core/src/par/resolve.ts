/** The browser comes with a `request_uri` of ours, RFC 9126 §4: the request is the one that was pushed, and no other. */
import { DateTime, Effect, Option } from "effect"
import { check, checking } from "../audit/Refusal.ts"
import type { AuthorizationRequest } from "../authorization-request/AuthorizationRequest.ts"
import { heldMode } from "../authorization-request/responseMode.ts"
import { matchRedirectUri } from "../authorization-request/SafeRedirect.ts"
import { establishClient, PageRefusal, RedirectRefusal } from "../authorization-request/establish.ts"
import { hashToken } from "../crypto/Crypto.ts"
import { CurrentIssuer } from "../issuer/Issuer.ts"
import { InvalidRequest, InvalidRequestUri } from "../oauth/OAuthError.ts"
import { every, optional, type Parameters } from "../oauth/Parameters.ts"
import { rulesFor } from "../profile/inForce.ts"
import { requestUriPrefix } from "./push.ts"
import { PushedRequestStore } from "./PushedRequestStore.ts"

/** Whether the request names a pushed one; any other `request_uri` is for the validation of direct requests to refuse. */
export const isPushed = (parameters: Parameters): boolean =>
  parameters.get("request_uri")?.some((uri) => uri.startsWith(requestUriPrefix)) ?? false

/** Everything outside `client_id` and `request_uri` is ignored (RFC 9101 §6.3); `request` alone excludes them (§5). */
export const pushedRequest = Effect.fnUntraced(function* (parameters: Parameters) {
  const pushes = yield* PushedRequestStore
  const issuer = (yield* CurrentIssuer).identifier
  const client = yield* establishClient(parameters)
  const asPage = (error: InvalidRequestUri | InvalidRequest) => new PageRefusal({ error, clientId: client.clientId })
  const requestUri = (yield* Effect.mapError(
    checking("RFC 6749 §3.1: request_uri at most once", optional(parameters, "request_uri")),
    asPage
  ))!
  const pushedAs = yield* hashToken(requestUri)
  const found = Option.getOrUndefined(yield* pushes.find(issuer, pushedAs))
  yield* check("RFC 9126 §4: the request was pushed", found !== undefined, () =>
    asPage(new InvalidRequestUri({ reason: "RequestUriUnknown" }))
  )
  const { clientId, expiresAt } = found!
  yield* check("RFC 9126 §2.2: it was pushed by this client", clientId === client.clientId, () =>
    asPage(
      new InvalidRequestUri({ reason: "RequestUriOfAnotherClient", expected: clientId, received: client.clientId })
    )
  )
  const request: AuthorizationRequest = heldMode({ ...found!.request, pushedAs }, yield* rulesFor(client))
  yield* check(
    "RFC 9700 §4.1.3: redirect_uri is still registered",
    matchRedirectUri(client, request.redirectUri) !== undefined,
    () => asPage(new InvalidRequest({ reason: "RedirectUriNotRegistered", parameter: "redirect_uri" }))
  )
  const asRedirect = (error: InvalidRequestUri | InvalidRequest) =>
    new RedirectRefusal({ error, target: request, client })
  const refusal = (reason: InvalidRequestUri["reason"]) => () => asRedirect(new InvalidRequestUri({ reason }))
  yield* check(
    "RFC 9101 §5: request and request_uri are not sent together",
    every(parameters, "request").length === 0,
    () => asRedirect(new InvalidRequest({ reason: "ParameterUnexpected", parameter: "request" }))
  )
  yield* check("RFC 9126 §7.3: it was not used", found!._tag === "Pushed", refusal("RequestUriUsed"))
  const now = yield* DateTime.now
  yield* check(
    "RFC 9126 §4: it has not expired",
    now.epochMilliseconds < expiresAt.epochMilliseconds,
    refusal("RequestUriExpired")
  )
  return { client, request }
})
