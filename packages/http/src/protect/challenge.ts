/** What a refused request for a protected resource is answered: RFC 6750 §3, RFC 9449 §7.1, RFC 9470 §3, RFC 9728 §5.1. */
import {
  DpopProof,
  type OAuthError,
  type ProtectedResourcePort,
  ResourceMetadata,
  type ResourceRequest
} from "@lockspire/core"
import { HttpServerResponse } from "effect/http"
import { toWire } from "../wire/oauthError.ts"

/** RFC 9110 §5.6.4: what cannot stand between quotes is left out; nothing of it comes from a request. */
const parameter = ([name, value]: readonly [string, string]) =>
  `${name}="${value.replaceAll(/["\\]|[^\x20-\x7e]/g, "")}"`

type Parameters = ReadonlyArray<readonly [name: string, value: string]>

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

type Scheme = ResourceRequest.Presented["scheme"]

/** What is wrong with how a token is bound, or proved to be, is said in words of DPoP, however it was presented. */
const isOfDpop = (error: OAuthError.ResourceError): boolean =>
  error._tag === "InvalidDpopProof" ||
  error._tag === "UseDpopNonce" ||
  (error._tag === "InvalidToken" && ["SenderConstrained", "NotSenderConstrained", "KeyMismatch"].includes(error.reason))

/** RFC 6750 §3, RFC 9449 §7.1. */
const inScheme = (scheme: Scheme, parameters: Parameters): string => {
  const algs: Parameters = scheme === "DPoP" ? [["algs", DpopProof.proofAlgorithms.join(" ")]] : []
  return `${scheme} ${[...parameters, ...algs].map(parameter).join(", ")}`
}

/**
 * The `WWW-Authenticate` header. RFC 6750 §3.1: whoever sent no token learns how and where to get one, and no error code.
 * Otherwise the one challenge is that of the scheme in which the error stands: clients take a lone one for certain.
 */
export const challenge = (
  error: OAuthError.ResourceError,
  resource: ProtectedResourcePort,
  presented: Scheme = "Bearer"
): string => {
  const url = ResourceMetadata.metadataUrl(resource.identifier)
  const where: Parameters = url === undefined ? [] : [["resource_metadata", url.href]]
  const realm = ["realm", resource.identifier] as const
  if (error._tag === "TokenMissing") {
    const schemes: ReadonlyArray<Scheme> = [
      ...(resource.demand.dpop === undefined ? (["Bearer"] as const) : []),
      ...(resource.origins.length === 0 ? [] : (["DPoP"] as const))
    ]
    return schemes.map((scheme) => inScheme(scheme, [realm, ...where])).join(", ")
  }
  const { description, error: code } = toWire(error)
  const what: Parameters = [["error", code], ["error_description", description], ...remedies(error)]
  return inScheme(isOfDpop(error) ? "DPoP" : presented, [realm, ...what, ...where])
}

/** The whole answer; `presented` is how the token came, by which an error about it is told. */
export const refusal = (
  error: OAuthError.ResourceError,
  resource: ProtectedResourcePort,
  presented: Scheme = "Bearer"
) => {
  const { description, error: code, status } = toWire(error)
  const body = error._tag === "TokenMissing" ? {} : { error: code, error_description: description }
  return HttpServerResponse.jsonUnsafe(body, {
    // RFC 9449 §7.1, §9: where the token endpoint answers 400, a resource challenges.
    status: error._tag === "InvalidDpopProof" || error._tag === "UseDpopNonce" ? 401 : status,
    headers: { "cache-control": "no-store", "www-authenticate": challenge(error, resource, presented) }
  })
}
