/** The `WWW-Authenticate` header of protected resources: RFC 6750 §3, RFC 9449 §7.1, RFC 9470 §3. */
import type { OAuthError, ResourceRequest } from "@lockspire/core"
import { toWire } from "./oauthError.ts"

export type Scheme = ResourceRequest.Presented["scheme"]
export type Parameters = ReadonlyArray<readonly [name: string, value: string]>

/** RFC 9110 §5.6.4: what cannot stand between quotes is left out; nothing of it comes from a request. */
const parameter = ([name, value]: readonly [string, string]) =>
  `${name}="${value.replaceAll(/["\\]|[^\x20-\x7e]/g, "")}"`

/** What the client needs to know to do better next time. */
const remedies = (error: OAuthError.ResourceError): Parameters => {
  if (error._tag === "InsufficientScope") return [["scope", error.expected ?? ""]]
  if (error._tag !== "InsufficientUserAuthentication") return []
  const { acrValues, maxAge, scope } = error
  return [
    ...(acrValues === undefined ? [] : [["acr_values", acrValues.join(" ")] as const]),
    ...(maxAge === undefined ? [] : [["max_age", String(maxAge)] as const]),
    ...(scope.length === 0 ? [] : [["scope", scope.join(" ")] as const])
  ]
}

/** What is wrong with how a token is bound, or proved to be, is said in words of DPoP, however it was presented. */
const isOfDpop = (error: OAuthError.ResourceError): boolean =>
  error._tag === "InvalidDpopProof" ||
  error._tag === "UseDpopNonce" ||
  (error._tag === "InvalidToken" && ["SenderConstrained", "NotSenderConstrained", "KeyMismatch"].includes(error.reason))

const inScheme = (scheme: Scheme, parameters: Parameters, { proofAlgorithms }: Resource): string => {
  const algs: Parameters = scheme === "DPoP" ? [["algs", proofAlgorithms.join(" ")]] : []
  return `${scheme} ${[...parameters, ...algs].map(parameter).join(", ")}`
}

export interface Resource {
  readonly realm: string
  /** The schemes by which it takes tokens. */
  readonly schemes: ReadonlyArray<Scheme>
  /** By which DPoP proofs may be signed. */
  readonly proofAlgorithms: ReadonlyArray<string>
  /** Where to learn more, RFC 9728 §5.1. */
  readonly where?: Parameters
}

/**
 * RFC 6750 §3.1: whoever sent no token learns how to send one, and no error code. Otherwise the one challenge is that of
 * the scheme in which the error stands: clients take a lone one for certain.
 */
export const challengeOf = (error: OAuthError.ResourceError, resource: Resource, presented: Scheme): string => {
  const { realm, schemes, where = [] } = resource
  const inRealm = ["realm", realm] as const
  if (error._tag === "TokenMissing") {
    return schemes.map((scheme) => inScheme(scheme, [inRealm, ...where], resource)).join(", ")
  }
  const { description, error: code } = toWire(error)
  const what: Parameters = [["error", code], ["error_description", description], ...remedies(error)]
  const scheme = isOfDpop(error) ? "DPoP" : presented
  // In the order of the specifications' examples, which some clients match as text.
  return inScheme(scheme, scheme === "DPoP" ? [...what, inRealm, ...where] : [inRealm, ...what, ...where], resource)
}

/** RFC 9449 §7.1, §9: where the token endpoint answers 400, a resource challenges. */
export const statusOf = (error: OAuthError.ResourceError): number =>
  error._tag === "InvalidDpopProof" || error._tag === "UseDpopNonce" ? 401 : toWire(error).status
