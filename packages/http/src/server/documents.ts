/** What the issuer publishes: metadata (RFC 8414, OpenID Connect Discovery) and the JWK Set (RFC 7517). */
import { Issuer, KeyRotation, metadata, SigningKeys } from "@lockspire/core"
import { Effect } from "effect"
import { HttpRouter, type HttpServerRequest } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { ProtocolApi } from "../api/ProtocolApi.ts"
import { answer } from "../wire/edge.ts"
import { rootDocuments } from "../wire/endpoints.ts"
import { publicJson } from "../wire/response.ts"
import { protocolServices } from "./services.ts"

const never = (failure: never): never => failure

const metadataAt = Effect.fnUntraced(function* (path: string) {
  const services = yield* protocolServices
  return (request: HttpServerRequest.HttpServerRequest) =>
    answer({
      path,
      endpoint: "metadata",
      request,
      pipeline: Effect.map(metadata, (document) => publicJson(document, KeyRotation.jwksMaxAge)),
      refused: never,
      render: never
    }).pipe(Effect.provideContext(services))
})

export const layer = (path: string) =>
  HttpApiBuilder.group(
    ProtocolApi,
    "documents",
    Effect.fnUntraced(function* (handlers) {
      const services = yield* protocolServices
      const document = yield* metadataAt(path)
      return handlers
        .handleRaw("jwks", ({ request }) =>
          answer({
            path,
            endpoint: "jwks",
            request,
            pipeline: Effect.gen(function* () {
              const keys = yield* SigningKeys
              return publicJson(yield* keys.jwks((yield* Issuer.CurrentIssuer).identifier), KeyRotation.jwksMaxAge)
            }),
            refused: never,
            render: never
          }).pipe(Effect.provideContext(services))
        )
        .handleRaw("openidConfiguration", ({ request }) => document(request))
        .handleRaw("authorizationServer", ({ request }) => document(request))
    })
  )

export const layerRoot = (path: string) =>
  HttpRouter.use(
    Effect.fnUntraced(function* (router) {
      const document = yield* metadataAt(path)
      for (const location of rootDocuments(path)) yield* router.add("GET", location, document)
    })
  )
