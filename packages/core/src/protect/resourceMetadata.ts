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

/** RFC 9728 §2. */
export const resourceMetadata = Effect.gen(function* () {
  const { identifier, issuer, name, scopes } = yield* ProtectedResource
  const supported = yield* scopes
  return {
    resource: identifier,
    authorization_servers: [issuer],
    ...(supported.length === 0 ? {} : { scopes_supported: supported }),
    bearer_methods_supported: ["header"],
    ...(name === undefined ? {} : { resource_name: name })
  }
})
