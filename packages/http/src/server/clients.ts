/** The endpoints that clients call: /par (RFC 9126), /token (RFC 6749 §3.2), /revoke (RFC 7009), /introspect (RFC 7662). */
import { introspectionResponse, type OAuthError, push, revoke, token } from "@lockspire/core"
import { Effect } from "effect"
import { type HttpServerRequest, HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { ProtocolApi } from "../api/ProtocolApi.ts"
import { prefers } from "../wire/accept.ts"
import { CertificateSource } from "../wire/CertificateSource.ts"
import { answer } from "../wire/edge.ts"
import { readForm } from "../wire/form.ts"
import { clientError, json, jwt } from "../wire/response.ts"
import { protocolServices } from "./services.ts"

const refused = (error: OAuthError.OAuthError) => ({ error })
const revoked = json({}, { crossOrigin: true })

/** RFC 9701 §4. */
const introspectionJwt = "application/token-introspection+jwt"

export const layer = (path: string) =>
  HttpApiBuilder.group(
    ProtocolApi,
    "clients",
    Effect.fnUntraced(function* (handlers) {
      const services = yield* protocolServices
      const certificateOf = yield* CertificateSource
      const credentials = (request: HttpServerRequest.HttpServerRequest) => ({
        authorization: request.headers["authorization"],
        certificate: certificateOf(request),
        dpop: request.headers["dpop"]
      })
      const crossOrigin = clientError({ crossOrigin: true })
      const sameOrigin = clientError()
      return handlers
        .handleRaw("push", ({ request }) =>
          answer({
            path,
            endpoint: "par",
            request,
            pipeline: Effect.flatMap(readForm(request), (form) => push(form, credentials(request))).pipe(
              Effect.map((response) => json(response, { crossOrigin: true, status: 201 }))
            ),
            refused,
            render: crossOrigin
          }).pipe(Effect.provideContext(services))
        )
        .handleRaw("token", ({ request }) =>
          answer({
            path,
            endpoint: "token",
            request,
            pipeline: Effect.flatMap(readForm(request), (form) => token(form, credentials(request))).pipe(
              Effect.map((response) => json(response, { crossOrigin: true }))
            ),
            refused,
            render: crossOrigin
          }).pipe(Effect.provideContext(services))
        )
        .handleRaw("revoke", ({ request }) =>
          answer({
            path,
            endpoint: "revoke",
            request,
            pipeline: Effect.flatMap(readForm(request), (form) => revoke(form, credentials(request))).pipe(
              Effect.as(revoked)
            ),
            refused,
            render: crossOrigin
          }).pipe(Effect.provideContext(services))
        )
        .handleRaw("introspect", ({ request }) =>
          answer({
            path,
            endpoint: "introspect",
            request,
            pipeline: Effect.flatMap(readForm(request), (form) =>
              introspectionResponse(
                form,
                credentials(request),
                prefers(request.headers["accept"], introspectionJwt, "application/json")
              )
            ).pipe(
              Effect.map((response) =>
                response._tag === "Jwt" ? jwt(response.jwt, introspectionJwt) : json(response.claims)
              ),
              Effect.map(HttpServerResponse.setHeader("vary", "Accept"))
            ),
            refused,
            render: sameOrigin
          }).pipe(Effect.provideContext(services))
        )
    })
  )
