/** Whose request it is, and where its response goes: RFC 6749 §4.1.1, §4.1.2.1. */
import { Data, Effect, Option } from "effect"
import { check, checking } from "../audit/Refusal.ts"
import type { Client } from "../client/Client.ts"
import { ClientStore } from "../client/ClientStore.ts"
import { CurrentIssuer } from "../issuer/Issuer.ts"
import type { ResponseMode } from "../oauth/Metadata.ts"
import { type AuthorizationError, InvalidRequest, UnauthorizedClient } from "../oauth/OAuthError.ts"
import { every, optional, type Parameters, required } from "../oauth/Parameters.ts"
import { isHttpsOrNative } from "../profile/fapi2.ts"
import { rulesFor } from "../profile/inForce.ts"
import { demanding, hold, type Rules } from "../profile/Rule.ts"
import { responseModeFor } from "./responseMode.ts"
import { matchRedirectUri, type SafeRedirect } from "./SafeRedirect.ts"

/** Shown to the person on a page of ours: nothing about the request can be trusted yet. */
export class PageRefusal extends Data.TaggedError("PageRefusal")<{
  readonly error: AuthorizationError
  readonly clientId: string | undefined
}> {}

/** Where and how the response to a request is sent. */
export interface ResponseTarget {
  readonly clientId: string
  readonly redirectUri: SafeRedirect
  readonly responseMode: ResponseMode
  readonly state: string | undefined
}

/** Sent back to the client through the browser. */
export class RedirectRefusal extends Data.TaggedError("RedirectRefusal")<{
  readonly error: AuthorizationError
  readonly target: ResponseTarget
  /** Whose metadata says how the response is secured. */
  readonly client: Client
}> {}

/** The client: until it and its redirect URI are known to belong together every error is a page (RFC 6749 §4.1.2.1). */
export const establishClient = Effect.fnUntraced(function* (parameters: Parameters) {
  const clients = yield* ClientStore
  const issuer = (yield* CurrentIssuer).identifier
  const clientId = yield* Effect.mapErrorEager(
    checking("RFC 6749 §4.1.1: client_id", required(parameters, "client_id")),
    (error) => new PageRefusal({ error, clientId: undefined })
  )
  const client = Option.getOrUndefined(yield* clients.find(issuer, clientId))
  yield* check("RFC 6749 §4.1.2.1: the client is registered and enabled", client?.disabled === false, () => {
    const error = new UnauthorizedClient({ reason: "ClientUnknown", received: clientId })
    return new PageRefusal({ error, clientId })
  })
  return client!
})

/** Where the response goes: a redirect URI of the client. */
export const establishRedirect = Effect.fnUntracedEager(function* (
  client: Client,
  parameters: Parameters,
  rules: Rules
) {
  const sent = yield* checking("RFC 6749 §3.1: redirect_uri at most once", optional(parameters, "redirect_uri"))
  const isOpenId = every(parameters, "scope").some((scope) => scope.split(" ").includes("openid"))
  const only = client.redirectUris.length === 1 && !isOpenId ? client.redirectUris[0] : undefined
  const missing = () => new InvalidRequest({ reason: "RedirectUriMissing", parameter: "redirect_uri" })
  // RFC 6749 §3.1.2.3: may be left out when there is one; OpenID Connect Core §3.1.2.1 always requires it.
  yield* check("RFC 6749 §3.1.2.3: redirect_uri", (sent ?? only) !== undefined, missing)
  yield* hold(demanding(rules, "redirectUriSent"), sent !== undefined, missing)
  const redirectUri = matchRedirectUri(client, (sent ?? only)!)
  const notRegistered = () =>
    new InvalidRequest({
      reason: "RedirectUriNotRegistered",
      parameter: "redirect_uri",
      expected: client.redirectUris.join(" "),
      received: sent ?? ""
    })
  yield* check("RFC 9700 §4.1.3: redirect_uri equals a registered one", redirectUri !== undefined, notRegistered)
  const https = demanding(rules, "httpsRedirect")
  yield* hold(https, https === undefined || isHttpsOrNative(client, redirectUri!), notRegistered)
  return { redirectUri: redirectUri!, redirectUriSent: sent !== undefined }
})

/** How the response gets there, as far as the request says so in a way that can be followed. */
export const targetAt = Effect.fnUntracedEager(function* (
  client: Client,
  redirectUri: SafeRedirect,
  parameters: Parameters,
  rules: Rules
) {
  const states = every(parameters, "state")
  const responseMode = yield* Effect.mapErrorEager(
    responseModeFor(client, every(parameters, "response_mode"), rules),
    (error) => new PageRefusal({ error, clientId: client.clientId })
  )
  const state = states.length === 1 ? states[0] : undefined
  return { clientId: client.clientId, redirectUri, responseMode, state } satisfies ResponseTarget
})

/** Where an error goes before anything of the request is known to be good: to a registered URI, if it names one. */
export const targetOf = Effect.fnUntraced(function* (client: Client, parameters: Parameters) {
  const [uri, ...more] = every(parameters, "redirect_uri")
  const redirectUri = uri === undefined || more.length > 0 ? undefined : matchRedirectUri(client, uri)
  if (redirectUri === undefined) return undefined
  return yield* targetAt(client, redirectUri, parameters, yield* rulesFor(client))
})
