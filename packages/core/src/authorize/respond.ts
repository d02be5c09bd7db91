/**
 * The authorization response, RFC 6749 §4.1.2, §4.1.2.1; always with `iss`, RFC 9207 §2. In the modes of JARM it is one
 * JWT.
 */
import { DateTime, Effect } from "effect"
import { PageRefusal, type ResponseTarget } from "../authorization-request/establish.ts"
import type { Client } from "../client/Client.ts"
import { CurrentIssuer } from "../issuer/Issuer.ts"
import { carrierOf, isJwtResponseMode, type PlainResponseMode, type ResponseMode } from "../oauth/Metadata.ts"
import type { AuthorizationError } from "../oauth/OAuthError.ts"
import { encryptFor, signFor } from "../token/SecuredResponse.ts"

/** What is to be said to the client; nothing sends it before `secured` made it what the mode asks for. */
export interface Unsecured {
  readonly redirectUri: ResponseTarget["redirectUri"]
  readonly responseMode: ResponseMode
  readonly parameters: ReadonlyArray<readonly [name: string, value: string]>
}

/** What is sent through the browser to the client, in which way. */
export interface AuthorizationResponse extends Unsecured {
  readonly responseMode: PlainResponseMode
}

const toTarget = (
  issuer: string,
  target: ResponseTarget,
  parameters: ReadonlyArray<readonly [string, string]>
): Unsecured => ({
  redirectUri: target.redirectUri,
  responseMode: target.responseMode,
  parameters: [
    ...parameters,
    ...(target.state === undefined ? [] : [["state", target.state] as const]),
    ["iss", issuer]
  ]
})

export const success = (issuer: string, target: ResponseTarget, code: string): Unsecured =>
  toTarget(issuer, target, [["code", code]])

/** `wire` gives the code and the fixed sentence of an error. */
export const failure = (
  issuer: string,
  target: ResponseTarget,
  error: AuthorizationError,
  wire: (error: AuthorizationError) => { readonly error: string; readonly description: string }
): Unsecured => {
  const { description, error: code } = wire(error)
  return toTarget(issuer, target, [
    ["error", code],
    ["error_description", description]
  ])
}

/** Seconds; JARM §2.1 recommends ten minutes at most. The code in it lives shorter, and clocks differ. */
const responseLifetime = 300

/**
 * JARM §2.1, §2.3: in its modes `response` is the only parameter, a JWT for this client alone. It has no `typ`: the
 * specification names none, and there are clients that take nothing but `JWT`, which is our ID token's. A reader of ours
 * wants a `typ`, and userinfo, the other JWT without one, has `sub` and no `exp`, where this has `exp` and no `sub`.
 */
export const secured = Effect.fnUntraced(function* (
  { parameters, redirectUri, responseMode }: Unsecured,
  client: Client
) {
  if (!isJwtResponseMode(responseMode)) return { parameters, redirectUri, responseMode } satisfies AuthorizationResponse
  const now = yield* DateTime.now
  const response = yield* Effect.gen(function* () {
    const jwt = yield* signFor(client, "authorization", undefined, {
      ...Object.fromEntries(parameters),
      iss: (yield* CurrentIssuer).identifier,
      aud: client.clientId,
      exp: Math.floor(now.epochMilliseconds / 1000) + responseLifetime
    })
    return yield* encryptFor(client, "authorization", jwt, { cty: "JWT" })
  }).pipe(
    // What the client asked to have secured is not sent in the open: the person is told in its place.
    Effect.mapError((error) => new PageRefusal({ error, clientId: client.clientId }))
  )
  return {
    redirectUri,
    responseMode: carrierOf[responseMode],
    parameters: [["response", response]]
  } satisfies AuthorizationResponse
})

/**
 * The URL for the modes `query` and `fragment` (Multiple Response Type Encoding Practices §2.1). The registered URI
 * stays as it is, character by character: parameters are only added to it (RFC 6749 §3.1.2).
 */
export const location = ({ parameters, redirectUri, responseMode }: AuthorizationResponse): string => {
  const encoded = new URLSearchParams(parameters.map(([name, value]) => [name, value])).toString()
  if (responseMode === "fragment") return `${redirectUri}#${encoded}`
  const separator = redirectUri.includes("?") ? (/[?&]$/.test(redirectUri) ? "" : "&") : "?"
  return `${redirectUri}${separator}${encoded}`
}
