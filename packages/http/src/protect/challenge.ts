/** What a refused request for a protected resource is answered: RFC 6750 §3, RFC 9470 §3, RFC 9728 §5.1. */
import { type OAuthError, type ProtectedResourcePort, ResourceMetadata } from "@lockspire/core"
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

/** The `WWW-Authenticate` header. RFC 6750 §3.1: whoever sent no token learns where to get one, and no error code. */
export const challenge = (error: OAuthError.ResourceError, resource: ProtectedResourcePort): string => {
  const url = ResourceMetadata.metadataUrl(resource.identifier)
  const where: Parameters = url === undefined ? [] : [["resource_metadata", url.href]]
  const { description, error: code } = toWire(error)
  const what: Parameters =
    error._tag === "TokenMissing" ? [] : [["error", code], ["error_description", description], ...remedies(error)]
  return `Bearer ${[["realm", resource.identifier] as const, ...what, ...where].map(parameter).join(", ")}`
}

/** The whole answer. */
export const refusal = (error: OAuthError.ResourceError, resource: ProtectedResourcePort) => {
  const { description, error: code, status } = toWire(error)
  const body = error._tag === "TokenMissing" ? {} : { error: code, error_description: description }
  return HttpServerResponse.jsonUnsafe(body, {
    status,
    headers: { "cache-control": "no-store", "www-authenticate": challenge(error, resource) }
  })
}
