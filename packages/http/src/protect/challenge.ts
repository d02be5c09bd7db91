/** What a refused request for a protected resource is answered: RFC 6750 §3, RFC 9449 §7.1, RFC 9470 §3, RFC 9728 §5.1. */
import { type OAuthError, type ProtectedResourcePort, ResourceMetadata, type SenderDemand } from "@lockspire/core"
import { Effect } from "effect"
import { HttpServerResponse } from "effect/http"
import { challengeOf, type Resource, type Scheme, statusOf } from "../wire/challenge.ts"
import { toWire } from "../wire/oauthError.ts"

const resourceOf = (
  { identifier, origins, proofAlgorithms }: ProtectedResourcePort,
  demand: SenderDemand
): Resource => {
  const url = ResourceMetadata.metadataUrl(identifier)
  return {
    realm: identifier,
    proofAlgorithms,
    schemes: [
      ...(demand.dpop === undefined ? (["Bearer"] as const) : []),
      ...(origins.length === 0 ? [] : (["DPoP"] as const))
    ],
    where: url === undefined ? [] : [["resource_metadata", url.href]]
  }
}

/** The whole answer; `presented` is how the token came, by which an error about it is told. */
export const refusal = Effect.fnUntraced(function* (
  error: OAuthError.ResourceError,
  resource: ProtectedResourcePort,
  presented: Scheme = "Bearer"
) {
  const challenge = challengeOf(error, resourceOf(resource, yield* resource.demand), presented)
  const { description, error: code } = toWire(error)
  const body = error._tag === "TokenMissing" ? {} : { error: code, error_description: description }
  return HttpServerResponse.jsonUnsafe(body, {
    status: statusOf(error),
    headers: { "cache-control": "no-store", "www-authenticate": challenge }
  })
})
