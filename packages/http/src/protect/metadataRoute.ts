/** The resource's own document, RFC 9728 §3, where its URL says it is. */
import { ProtectedResource, ResourceMetadata } from "@lockspire/core"
import { Effect } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { CertificateSource, noCertificates } from "../wire/CertificateSource.ts"
import { preflight } from "../wire/response.ts"

/** For five minutes, and for every origin: a client in a browser reads it before it has any token (RFC 9728 §3.1). */
const headers = { "cache-control": "public, max-age=300", "access-control-allow-origin": "*" }

/** A route at the root of the resource's host. A resource that is no URL has no document, and this adds nothing. */
export const metadataRoute = HttpRouter.use(
  Effect.fnUntraced(function* (router) {
    const resource = yield* ProtectedResource
    const url = ResourceMetadata.metadataUrl(resource.identifier)
    if (url === undefined) return
    const certificates = (yield* CertificateSource) !== noCertificates
    const document = ResourceMetadata.resourceMetadata(certificates).pipe(
      Effect.provideService(ProtectedResource, resource),
      Effect.map((metadata) => HttpServerResponse.jsonUnsafe(metadata, { headers }))
    )
    const path = url.pathname as `/${string}`
    yield* router.add("GET", path, document)
    yield* router.add("OPTIONS", path, preflight(["GET"]))
  })
)
