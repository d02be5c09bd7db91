/** What the issuer publishes: metadata (RFC 8414, OpenID Connect Discovery) and the JWK Set (RFC 7517). */
import { Crypto, Issuer, KeyRotation, metadata, SigningKeys } from "@lockspire/core"
import { Cache, Duration, Effect, Exit } from "effect"
import { HttpRouter, type HttpServerRequest, HttpServerResponse } from "effect/http"
import { ProtocolApi } from "../api/ProtocolApi.ts"
import { defectResponse, selecting } from "../wire/edge.ts"
import { isSpelledAs, pathnameOf, rootDocuments } from "../wire/endpoints.ts"
import { preflight, publicDocument } from "../wire/response.ts"
import { routes } from "./routes.ts"
import { type ProtocolServices, protocolServices } from "../wire/services.ts"

const jwks = Effect.gen(function* () {
  const keys = yield* SigningKeys
  return yield* keys.jwks((yield* Issuer.CurrentIssuer).identifier)
})

/**
 * Answers with a document. It is written once a second: what it is made of may be older than that, clients keep it for
 * minutes, and to write it for every request would take a third of the time that one takes.
 */
const publish = Effect.fnUntraced(function* (
  path: string,
  endpoint: string,
  document: Effect.Effect<unknown, never, ProtocolServices | Issuer.CurrentIssuer>
) {
  const select = yield* selecting(path)
  const services = yield* protocolServices
  const issuers = new Map((yield* Issuer.Issuers).map((issuer) => [issuer.identifier, issuer]))
  const written = yield* Cache.makeWith(
    (identifier: string) =>
      Effect.gen(function* () {
        const body = JSON.stringify(yield* document)
        return publicDocument(body, yield* Crypto.hashToken(body), KeyRotation.jwksMaxAge)
      }).pipe(Effect.provideService(Issuer.CurrentIssuer, issuers.get(identifier)!), Effect.provideContext(services)),
    { capacity: 1024, timeToLive: (exit) => (Exit.isSuccess(exit) ? Duration.seconds(1) : Duration.zero) }
  )
  return (request: HttpServerRequest.HttpServerRequest) => {
    const issuer = select(endpoint, request)
    if (HttpServerResponse.isHttpServerResponse(issuer)) return Effect.succeed(issuer)
    return Cache.get(written, issuer.identifier).pipe(
      Effect.map((answerTo) => answerTo(request)),
      Effect.catchCause((cause) => defectResponse(endpoint, cause))
    )
  }
})

const handlers = Effect.fnUntraced(function* (path: string) {
  const document = yield* publish(path, "metadata", metadata)
  return { jwks: yield* publish(path, "jwks", jwks), openidConfiguration: document, authorizationServer: document }
})

export const layer = (path: string) => routes(ProtocolApi.groups.documents, handlers(path))

export const layerRoot = (path: string) =>
  HttpRouter.use(
    Effect.fnUntraced(function* (router) {
      const document = yield* publish(path, "metadata", metadata)
      const allowed = preflight(["GET"])
      for (const location of rootDocuments(path)) {
        yield* router.add("GET", location, document)
        yield* router.add("OPTIONS", location, (request) =>
          Effect.succeed(isSpelledAs(path, pathnameOf(request)) ? allowed : HttpServerResponse.empty({ status: 404 }))
        )
      }
    })
  )
