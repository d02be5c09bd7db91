/** What a resource says about itself, RFC 9728: a client that knows nothing but its URL finds the issuer here. */
import { Effect } from "effect"
import { ProtectedResource } from "./ProtectedResource.ts"

const wellKnown = "/.well-known/oauth-protected-resource"

/**
 * RFC 9728 §3: where the document is, the well-known part between the host and the resource's own path. Undefined when
 * the identifier is no URL that anyone could fetch.
 */
export const metadataUrl = (identifier: string): URL | undefined => {
  const url = URL.canParse(identifier) ? new URL(identifier) : undefined
  if (url === undefined || (url.protocol !== "https:" && url.protocol !== "http:")) return undefined
  return new URL(`${wellKnown}${url.pathname === "/" ? "" : url.pathname}${url.search}`, url)
}

/** RFC 9728 §2. `certificates` is whether client certificates reach the routes. */
export const resourceMetadata = Effect.fnUntraced(function* (certificates = false) {
  const resource = yield* ProtectedResource
  const { identifier, issuer, name, origins, proofAlgorithms, scopes } = resource
  const supported = yield* scopes
  const { dpop } = yield* resource.demand
  return {
    resource: identifier,
    authorization_servers: [issuer],
    ...(supported.length === 0 ? {} : { scopes_supported: supported }),
    bearer_methods_supported: ["header"],
    ...(origins.length === 0 ? {} : { dpop_signing_alg_values_supported: proofAlgorithms }),
    ...(dpop === undefined ? {} : { dpop_bound_access_tokens_required: true }),
    ...(certificates ? { tls_client_certificate_bound_access_tokens: true } : {}),
    ...(name === undefined ? {} : { resource_name: name })
  }
})
