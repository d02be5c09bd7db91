/** The authorization response, RFC 6749 §4.1.2, §4.1.2.1; always with `iss`, RFC 9207 §2. */
import type { ResponseTarget } from "../authorization-request/establish.ts"
import type { ResponseMode } from "../oauth/Metadata.ts"
import type { AuthorizationError } from "../oauth/OAuthError.ts"

/** What is sent through the browser to the client, in which way. */
export interface AuthorizationResponse {
  readonly redirectUri: ResponseTarget["redirectUri"]
  readonly responseMode: ResponseMode
  readonly parameters: ReadonlyArray<readonly [name: string, value: string]>
}

const toTarget = (
  issuer: string,
  target: ResponseTarget,
  parameters: ReadonlyArray<readonly [string, string]>
): AuthorizationResponse => ({
  redirectUri: target.redirectUri,
  responseMode: target.responseMode,
  parameters: [
    ...parameters,
    ...(target.state === undefined ? [] : [["state", target.state] as const]),
    ["iss", issuer]
  ]
})

export const success = (issuer: string, target: ResponseTarget, code: string): AuthorizationResponse =>
  toTarget(issuer, target, [["code", code]])

/** `wire` gives the code and the fixed sentence of an error. */
export const failure = (
  issuer: string,
  target: ResponseTarget,
  error: AuthorizationError,
  wire: (error: AuthorizationError) => { readonly error: string; readonly description: string }
): AuthorizationResponse => {
  const { description, error: code } = wire(error)
  return toTarget(issuer, target, [
    ["error", code],
    ["error_description", description]
  ])
}

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
