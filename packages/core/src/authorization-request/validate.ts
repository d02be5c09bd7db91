/**
 * What can be said about an authorization request before any person is involved.
 * RFC 6749 §4.1.1, §4.1.2.1; OpenID Connect Core §3.1.2.1, §3.1.2.2; RFC 7636 §4.3; RFC 8707 §2.
 */
import { Data, Effect, Option, Schema } from "effect"
import { check, checking } from "../audit/Refusal.ts"
import { type Client, isConfidential } from "../client/Client.ts"
import { ClientStore } from "../client/ClientStore.ts"
import { CurrentIssuer } from "../issuer/Issuer.ts"
import { acceptedValues, type ClaimsRequest, parseRequest, requested } from "../oauth/Claims.ts"
import { Display, Prompt, type ResponseMode, supportedResponseTypes } from "../oauth/Metadata.ts"
import {
  type AuthorizationError,
  InvalidRequest,
  InvalidScope,
  RegistrationNotSupported,
  RequestNotSupported,
  RequestUriNotSupported,
  UnauthorizedClient,
  UnsupportedResponseType
} from "../oauth/OAuthError.ts"
import { every, optional, type Parameters, required } from "../oauth/Parameters.ts"
import { isCodeChallenge } from "../oauth/Pkce.ts"
import * as Scope from "../oauth/Scope.ts"
import { currentResources, knownScopes, requestedResources } from "../resource/registry.ts"
import { verifyIdToken } from "../token/verify.ts"
import { digestOf, requestedDetails } from "./details.ts"
import type { AuthorizationRequest } from "./AuthorizationRequest.ts"
import { checkResponseMode, responseModeFor } from "./responseMode.ts"
import { matchRedirectUri, type SafeRedirect } from "./SafeRedirect.ts"

/** Shown to the person on a page of ours: nothing about the request can be trusted yet. */
export class PageRefusal extends Data.TaggedError("PageRefusal")<{
  readonly error: InvalidRequest | UnauthorizedClient
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

/** Client and redirect URI: until both are known to belong together every error is a page (RFC 6749 §4.1.2.1). */
export const establish = Effect.fnUntraced(function* (parameters: Parameters) {
  const clients = yield* ClientStore
  const issuer = (yield* CurrentIssuer).identifier
  let known: string | undefined
  return yield* Effect.gen(function* () {
    const clientId = yield* checking("RFC 6749 §4.1.1: client_id", required(parameters, "client_id"))
    known = clientId
    const client = Option.getOrUndefined(yield* clients.find(issuer, clientId))
    yield* check(
      "RFC 6749 §4.1.2.1: the client is registered and enabled",
      client?.disabled === false,
      () => new UnauthorizedClient({ reason: "ClientUnknown", received: clientId })
    )
    const sent = yield* checking("RFC 6749 §3.1: redirect_uri at most once", optional(parameters, "redirect_uri"))
    const isOpenId = every(parameters, "scope").some((scope) => scope.split(" ").includes("openid"))
    const only = client!.redirectUris.length === 1 && !isOpenId ? client!.redirectUris[0] : undefined
    // RFC 6749 §3.1.2.3: may be left out when there is one; OpenID Connect Core §3.1.2.1 always requires it.
    yield* check(
      "RFC 6749 §3.1.2.3: redirect_uri",
      (sent ?? only) !== undefined,
      () => new InvalidRequest({ reason: "RedirectUriMissing", parameter: "redirect_uri" })
    )
    const redirectUri = matchRedirectUri(client!, (sent ?? only)!)
    yield* check(
      "RFC 9700 §4.1.3: redirect_uri equals a registered one",
      redirectUri !== undefined,
      () =>
        new InvalidRequest({
          reason: "RedirectUriNotRegistered",
          parameter: "redirect_uri",
          expected: client!.redirectUris.join(" "),
          received: sent ?? ""
        })
    )
    return { client: client!, redirectUri: redirectUri!, redirectUriSent: sent !== undefined }
  }).pipe(Effect.mapError((error) => new PageRefusal({ error, clientId: known })))
})

/** OpenID Connect Core §3.1.2.1 and the extensions we know: each may be sent once (RFC 6749 §3.1). */
const singleParameters = [
  "response_type",
  "scope",
  "state",
  "nonce",
  "response_mode",
  "code_challenge",
  "code_challenge_method",
  "prompt",
  "max_age",
  "login_hint",
  "id_token_hint",
  "ui_locales",
  "claims_locales",
  "acr_values",
  "display",
  "claims",
  "request",
  "request_uri",
  "registration",
  "authorization_details"
]

const words = (text: string | undefined): ReadonlyArray<string> => (text ?? "").split(" ").filter((word) => word !== "")
const isPrompt = Schema.is(Prompt)
const isDisplay = Schema.is(Display)
const malformed = (parameter: string) => new InvalidRequest({ reason: "ParameterMalformed", parameter })

/** RFC 7636 §4.3, §4.4.1: S256, and always, unless the operator exempted this confidential client. */
const codeChallenge = Effect.fnUntraced(function* (client: Client, parameters: Parameters) {
  const challenge = yield* optional(parameters, "code_challenge")
  const method = yield* optional(parameters, "code_challenge_method")
  const isExempt = client.dangerouslyAllowNoPkce && isConfidential(client)
  yield* check(
    "RFC 9700 §2.1.1: code_challenge",
    challenge !== undefined || (isExempt && method === undefined),
    () => new InvalidRequest({ reason: "CodeChallengeMissing", parameter: "code_challenge" })
  )
  if (challenge === undefined) return undefined
  // RFC 7636 §4.3: without a method it would be "plain", which RFC 9700 §2.1.1 forbids.
  yield* check(
    "RFC 9700 §2.1.1: code_challenge_method is S256",
    method === "S256",
    () =>
      new InvalidRequest({
        reason: "CodeChallengeMethodNotS256",
        parameter: "code_challenge_method",
        expected: "S256",
        received: method ?? "plain"
      })
  )
  yield* check("RFC 7636 §4.2: code_challenge has 43 base64url characters", isCodeChallenge(challenge), () =>
    malformed("code_challenge")
  )
  return challenge
})

/** The values that alone will do for a claim, as text; undefined when the request does not bind it. */
const boundValues = (claims: ClaimsRequest | undefined, name: string): ReadonlyArray<string> | undefined =>
  acceptedValues(requested(claims?.id_token, name))?.filter((value): value is string => typeof value === "string")

/** OpenID Connect Core §3.1.2.1: `id_token_hint` is a token of ours, however old; its subject is who is meant. */
const hintedSubject = Effect.fnUntraced(function* (hint: string | undefined) {
  if (hint === undefined) return undefined
  const claims = Option.getOrUndefined(yield* verifyIdToken(hint))
  yield* check("OpenID Connect Core §3.1.2.1: id_token_hint is an ID token of this issuer", claims !== undefined, () =>
    malformed("id_token_hint")
  )
  return claims!.sub
})

/**
 * The request, or the refusal to show or to send. Parameters outside the list are ignored (RFC 6749 §3.1).
 */
export const validate = Effect.fnUntraced(function* (parameters: Parameters) {
  const { client, redirectUri, redirectUriSent } = yield* establish(parameters)
  const states = every(parameters, "state")
  const modes = every(parameters, "response_mode")
  const responseMode = yield* Effect.mapError(
    responseModeFor(client, modes),
    (error) => new PageRefusal({ error, clientId: client.clientId })
  )
  const target: ResponseTarget = {
    clientId: client.clientId,
    redirectUri,
    responseMode,
    state: states.length === 1 ? states[0] : undefined
  }
  return yield* Effect.gen(function* () {
    for (const name of singleParameters) {
      const count = parameters.get(name)?.length ?? 0
      if (count > 1) {
        yield* check(
          `RFC 6749 §3.1: ${name} at most once`,
          false,
          () => new InvalidRequest({ reason: "ParameterRepeated", parameter: name })
        )
      }
    }
    yield* check(
      "OpenID Connect Core §6.1: no request object",
      every(parameters, "request").length === 0,
      () => new RequestNotSupported({ reason: "RequestObjectUnsigned" })
    )
    yield* check(
      "OpenID Connect Core §6.2: no request_uri",
      every(parameters, "request_uri").length === 0,
      () => new RequestUriNotSupported({ reason: "RequestUriSent" })
    )
    yield* check(
      "OpenID Connect Core §7.2.1: no registration",
      every(parameters, "registration").length === 0,
      () => new RegistrationNotSupported({ reason: "RegistrationSent" })
    )

    const responseType = yield* checking("RFC 6749 §3.1.1: response_type", required(parameters, "response_type"))
    yield* check(
      "RFC 6749 §3.1.1: response_type is supported",
      (supportedResponseTypes as ReadonlyArray<string>).includes(responseType),
      () => new UnsupportedResponseType({ reason: "ResponseTypeUnknown", expected: "code", received: responseType })
    )
    yield* check(
      "RFC 7591 §2: response_type is registered",
      client.responseTypes.includes(responseType),
      () => new UnauthorizedClient({ reason: "ResponseTypeNotRegistered", received: responseType })
    )
    yield* check(
      "RFC 7591 §2: the authorization_code grant is registered",
      client.grantTypes.includes("authorization_code"),
      () => new UnauthorizedClient({ reason: "GrantTypeNotRegistered", received: "authorization_code" })
    )
    yield* checkResponseMode(client, modes[0])

    const resources = yield* currentResources
    const scopeText = yield* optional(parameters, "scope")
    const asked = scopeText === undefined ? [] : yield* checking("RFC 6749 §3.3: scope syntax", Scope.parse(scopeText))
    const allowed = client.scope ?? knownScopes(resources)
    for (const value of asked) {
      const isKnown = allowed.includes(value) && knownScopes(resources).includes(value)
      if (!isKnown) {
        yield* check(
          "RFC 6749 §3.3: scope is known and allowed",
          false,
          () => new InvalidScope({ reason: "ScopeNotAllowed", expected: allowed.join(" "), received: value })
        )
      }
    }
    // OpenID Connect Core §11: offline access means nothing to a client that cannot refresh.
    const scope = client.grantTypes.includes("refresh_token") ? asked : asked.filter((one) => one !== "offline_access")

    const challenge = yield* codeChallenge(client, parameters)

    const promptText = words(yield* optional(parameters, "prompt"))
    yield* check(
      "OpenID Connect Core §3.1.2.1: prompt values are known",
      promptText.every((one) => isPrompt(one)),
      () => malformed("prompt")
    )
    const prompt = promptText as ReadonlyArray<Prompt>
    yield* check(
      "OpenID Connect Core §3.1.2.1: prompt none stands alone",
      !prompt.includes("none") || prompt.length === 1,
      () => malformed("prompt")
    )
    const maxAgeText = yield* optional(parameters, "max_age")
    yield* check(
      "OpenID Connect Core §3.1.2.1: max_age counts seconds",
      maxAgeText === undefined || /^[0-9]{1,9}$/.test(maxAgeText),
      () => malformed("max_age")
    )
    const display = yield* optional(parameters, "display")
    yield* check("OpenID Connect Core §3.1.2.1: display is known", display === undefined || isDisplay(display), () =>
      malformed("display")
    )
    const claimsText = yield* optional(parameters, "claims")
    const claims =
      claimsText === undefined
        ? undefined
        : yield* checking("OpenID Connect Core §5.5: claims is a claims request", parseRequest(claimsText))
    const requestedResource = yield* checking(
      "RFC 8707 §2: every resource is registered",
      requestedResources(
        parameters,
        resources.map((resource) => resource.identifier),
        "ResourceUnknown"
      )
    )

    const hinted = yield* hintedSubject(yield* optional(parameters, "id_token_hint"))
    const subjects = new Set([
      ...(hinted === undefined ? [] : [hinted]),
      ...(acceptedValues(requested(claims?.id_token, "sub")) ?? []),
      ...(acceptedValues(requested(claims?.userinfo, "sub")) ?? [])
    ])
    const [subject] = subjects
    yield* check(
      "OpenID Connect Core §5.5.1: id_token_hint and the requested sub name one subject",
      subjects.size <= 1 && (subject === undefined || typeof subject === "string"),
      () => malformed("claims")
    )
    const acr = requested(claims?.id_token, "acr")
    const acrAccepted = boundValues(claims, "acr")
    const details = yield* requestedDetails(client, parameters)
    const authorizationDetails = yield* Effect.forEach(details, (detail) =>
      Effect.map(digestOf(detail), (digest) => ({ detail, digest }))
    )
    const request: AuthorizationRequest = {
      clientId: client.clientId,
      redirectUri,
      redirectUriSent,
      responseMode,
      scope,
      state: target.state,
      nonce: yield* optional(parameters, "nonce"),
      codeChallenge: challenge,
      resources: requestedResource,
      prompt,
      maxAge: maxAgeText === undefined ? client.defaultMaxAge : Number(maxAgeText),
      loginHint: yield* optional(parameters, "login_hint"),
      subject: subject as string | undefined,
      acrValues: acrAccepted ?? words(yield* optional(parameters, "acr_values")),
      // OpenID Connect Core §5.5.1.1: essential and with values it must be reached, else the request fails.
      acrEssential: acr?.essential === true && acrAccepted !== undefined,
      uiLocales: words(yield* optional(parameters, "ui_locales")),
      claimsLocales: words(yield* optional(parameters, "claims_locales")),
      display: display as Display | undefined,
      claims,
      authorizationDetails
    }
    return { client, request }
  }).pipe(Effect.mapError((error) => new RedirectRefusal({ error, target, client })))
})
