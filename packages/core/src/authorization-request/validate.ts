/**
 * What can be said about an authorization request before any person is involved.
 * RFC 6749 §4.1.1, §4.1.2.1; OpenID Connect Core §3.1.2.1, §3.1.2.2; RFC 7636 §4.3; RFC 8707 §2.
 */
import { Effect, Option, Schema } from "effect"
import { check, checking } from "../audit/Refusal.ts"
import { type Client, isConfidential } from "../client/Client.ts"
import { HostResolver } from "../host/HostResolver.ts"
import { acceptedValues, type ClaimsRequest, parseRequest, requested } from "../oauth/Claims.ts"
import { Display, Prompt, supportedResponseTypes } from "../oauth/Metadata.ts"
import {
  type AuthorizationError,
  InvalidRequest,
  InvalidRequestObject,
  InvalidScope,
  RegistrationNotSupported,
  RequestUriNotSupported,
  UnauthorizedClient,
  UnsupportedResponseType
} from "../oauth/OAuthError.ts"
import { every, optional, type Parameters, required } from "../oauth/Parameters.ts"
import { isCodeChallenge } from "../oauth/Pkce.ts"
import * as Scope from "../oauth/Scope.ts"
import { currentResources, knownScopes, requestedResources } from "../resource/registry.ts"
import { rulesFor } from "../profile/inForce.ts"
import { textsOf } from "../profile/Registration.ts"
import { demanding, hold, type Rules } from "../profile/Rule.ts"
import type { Sender } from "../proof/sender.ts"
import { verifyIdToken } from "../token/verify.ts"
import { digestOf, requestedDetails } from "./details.ts"
import {
  establishClient,
  establishRedirect,
  PageRefusal,
  RedirectRefusal,
  type ResponseTarget,
  targetAt,
  targetOf
} from "./establish.ts"
import type { SafeRedirect } from "./SafeRedirect.ts"
import { readRequestObject } from "./requestObject.ts"
import { singleParameters } from "./parameterNames.ts"
import { checkResponseMode } from "./responseMode.ts"
import type { AuthorizationRequest } from "./AuthorizationRequest.ts"

const words = (text: string | undefined): ReadonlyArray<string> => (text ?? "").split(" ").filter((word) => word !== "")
const isPrompt = Schema.is(Prompt)
const isDisplay = Schema.is(Display)
const malformed = (parameter: string) => new InvalidRequest({ reason: "ParameterMalformed", parameter })

/** RFC 7636 §4.3, §4.4.1: S256, and always, unless the operator exempted this confidential client. */
const codeChallenge = Effect.fnUntracedEager(function* (client: Client, parameters: Parameters, rules: Rules) {
  const challenge = yield* optional(parameters, "code_challenge")
  const method = yield* optional(parameters, "code_challenge_method")
  const isExempt =
    client.dangerouslyAllowNoPkce && isConfidential(client) && demanding(rules, "codeChallenge") === undefined
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
const hintedSubject = Effect.fnUntracedEager(function* (hint: string | undefined) {
  if (hint === undefined) return undefined
  const claims = Option.getOrUndefined(yield* verifyIdToken(hint))
  yield* check("OpenID Connect Core §3.1.2.1: id_token_hint is an ID token of this issuer", claims !== undefined, () =>
    malformed("id_token_hint")
  )
  return claims!.sub
})

/** How a request came here. */
type Arrival =
  | { readonly _tag: "Direct" }
  /** RFC 9126: from the client itself. A proof that came with it binds the code (RFC 9449 §10.1). */
  | { readonly _tag: "Pushed"; readonly sender: Sender }

/** What the request says: its parameters, or those of the request object in it, which then count alone (RFC 9101 §6.3). */
const saidBy = Effect.fnUntracedEager(function* (client: Client, sent: Parameters) {
  const text = yield* checking("RFC 9101 §5: request at most once", optional(sent, "request"))
  if (text === undefined) return { parameters: sent, object: undefined, isSigned: false }
  const read = yield* readRequestObject(client, text)
  const responseType = every(sent, "response_type")[0]
  yield* check(
    "OpenID Connect Core §6.1: response_type outside the request object is the one inside",
    responseType === undefined || responseType === every(read.parameters, "response_type")[0],
    () => malformed("response_type")
  )
  yield* check(
    "RFC 9101 §5: request and request_uri are not sent together",
    every(sent, "request_uri").length === 0,
    () => new RequestUriNotSupported({ reason: "RequestUriSent" })
  )
  return { ...read, isSigned: true }
})

/** RFC 9449 §10, §10.1: the key of the proof that was pushed, and of the parameter, which name the same one. */
const boundKey = Effect.fnUntracedEager(function* (parameters: Parameters, arrival: Arrival) {
  const named = yield* optional(parameters, "dpop_jkt")
  yield* check("RFC 9449 §10: dpop_jkt is a thumbprint", named === undefined || isCodeChallenge(named), () =>
    malformed("dpop_jkt")
  )
  const proved = arrival._tag === "Pushed" ? arrival.sender.proved.jkt : undefined
  yield* check(
    "RFC 9449 §10.1: dpop_jkt names the key of the proof",
    named === undefined || proved === undefined || named === proved,
    () => new InvalidRequest({ reason: "KeyConflict", parameter: "dpop_jkt" })
  )
  return named ?? proved
})

/** Where an error goes before anything of the request is known to be good: to a registered URI, if it names one. */
const tellAt = Effect.fnUntraced(function* (client: Client, sent: Parameters, error: AuthorizationError) {
  const target = yield* targetOf(client, sent)
  return yield* target === undefined
    ? new PageRefusal({ error, clientId: client.clientId })
    : new RedirectRefusal({ error, target, client })
})

/** A request that came by the browser, or the refusal to show or to send. */
export const validate = Effect.fnUntraced(function* (sent: Parameters) {
  const client = yield* establishClient(sent)
  const said = yield* Effect.catch(saidBy(client, sent), (error) => tellAt(client, sent, error))
  return { client, request: yield* judge(client, said, { _tag: "Direct" }) }
})

/** A request that its client pushed; every refusal is told to the client itself. */
export const validatePushed = (client: Client, sent: Parameters, sender: Sender) =>
  saidBy(client, sent).pipe(
    Effect.flatMap((said) => judge(client, said, { _tag: "Pushed", sender })),
    Effect.mapError((failure) => ("error" in failure ? failure.error : failure)),
    // RFC 9101 §7 has the code for whoever speaks of request objects; `request_not_supported` is for browsers.
    Effect.catchTag("RequestNotSupported", () =>
      Effect.fail(new InvalidRequestObject({ reason: "ObjectAlgorithmNotAllowed", received: "none" }))
    )
  )

/**
 * Everything that can be told without a person, in the order of the specifications. Parameters outside the list are
 * ignored (RFC 6749 §3.1).
 */
const judge = Effect.fnUntraced(function* (client: Client, said: Said, arrival: Arrival) {
  const rules = yield* rulesFor(client)
  const redirect = yield* Effect.mapErrorEager(
    establishRedirect(client, said.parameters, rules),
    (error) => new PageRefusal({ error, clientId: client.clientId })
  )
  const target = yield* targetAt(client, redirect.redirectUri, said.parameters, rules)
  return yield* Effect.mapError(
    read(client, said, arrival, { ...redirect, target, rules }),
    (error) => new RedirectRefusal({ error, target, client })
  )
})

type Said = Effect.Success<ReturnType<typeof saidBy>>

/** What is known before the request is read: where its response goes, and what it is held to. */
interface Established {
  readonly redirectUri: SafeRedirect
  readonly redirectUriSent: boolean
  readonly target: ResponseTarget
  readonly rules: Rules
}

const read = Effect.fnUntraced(function* (
  client: Client,
  { isSigned, object, parameters }: Said,
  arrival: Arrival,
  { redirectUri, redirectUriSent, rules, target }: Established
) {
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
    "RFC 9101 §5.2.3: no request object by reference",
    every(parameters, "request_uri").length === 0,
    () => new RequestUriNotSupported({ reason: "RequestUriSent" })
  )
  yield* check(
    "OpenID Connect Core §7.2.1: no registration",
    every(parameters, "registration").length === 0,
    () => new RegistrationNotSupported({ reason: "RegistrationSent" })
  )
  yield* hold(
    demanding(rules, "pushedRequest"),
    arrival._tag === "Pushed",
    () => new InvalidRequest({ reason: "PushedRequestRequired" })
  )
  yield* hold(
    demanding(rules, "signedRequest"),
    isSigned,
    () => new InvalidRequest({ reason: "RequestObjectRequired", parameter: "request" })
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
  yield* checkResponseMode(client, every(parameters, "response_mode")[0], rules)

  const resources = yield* currentResources
  const scopeText = yield* optional(parameters, "scope")
  const asked = scopeText === undefined ? [] : yield* checking("RFC 6749 §3.3: scope syntax", Scope.parse(scopeText))
  const known = knownScopes(resources)
  const allowed = client.scope ?? known
  for (const value of asked) {
    const isKnown = allowed.includes(value) && known.includes(value)
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

  const challenge = yield* codeChallenge(client, parameters, rules)

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
  const { signsUp = true } = yield* HostResolver
  yield* check(
    "Initiating User Registration §4: prompt create where people can sign up",
    signsUp || !prompt.includes("create"),
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
  yield* hold(
    demanding(rules, "resource"),
    every(parameters, "resource").length > 0,
    () => new InvalidRequest({ reason: "ResourceRequired", parameter: "resource" })
  )
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
  const acrAsked = yield* optional(parameters, "acr_values")
  const details = yield* requestedDetails(client, parameters)
  const authorizationDetails = yield* Effect.forEach(details, (detail) =>
    Effect.map(digestOf(detail), (digest) => ({ detail, digest }))
  )
  const request: AuthorizationRequest = {
    clientId: client.clientId,
    redirectUri,
    redirectUriSent,
    responseMode: target.responseMode,
    scope,
    state: target.state,
    nonce: yield* optional(parameters, "nonce"),
    codeChallenge: challenge,
    resources: requestedResource,
    prompt,
    maxAge: maxAgeText === undefined ? client.defaultMaxAge : Number(maxAgeText),
    loginHint: yield* optional(parameters, "login_hint"),
    subject: subject as string | undefined,
    acrValues: acrAccepted ?? (acrAsked === undefined ? textsOf(client, "default_acr_values") : words(acrAsked)),
    // OpenID Connect Core §5.5.1.1: essential and with values it must be reached, else the request fails.
    acrEssential: acr?.essential === true && acrAccepted !== undefined,
    uiLocales: words(yield* optional(parameters, "ui_locales")),
    claimsLocales: words(yield* optional(parameters, "claims_locales")),
    display: display as Display | undefined,
    claims,
    authorizationDetails,
    dpopJkt: yield* boundKey(parameters, arrival),
    isSigned,
    requestObject: object
  }
  return request
})
