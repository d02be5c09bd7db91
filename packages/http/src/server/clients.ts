/** The endpoints that clients call: /par (RFC 9126), /token (RFC 6749 §3.2), /revoke (RFC 7009), /introspect (RFC 7662). */
import { introspectionResponse, type OAuthError, push, revoke, token } from "@lockspire/core"
import { Effect } from "effect"
import { type HttpServerRequest, HttpServerResponse } from "effect/http"
import { ProtocolApi } from "../api/ProtocolApi.ts"
import { prefers } from "../wire/accept.ts"
import { CertificateSource } from "../wire/CertificateSource.ts"
import { answering } from "../wire/edge.ts"
import { readForm } from "../wire/form.ts"
import { clientError, json, jwt } from "../wire/response.ts"
import { routes } from "./routes.ts"

type Request = HttpServerRequest.HttpServerRequest

const refused = (error: OAuthError.OAuthError) => ({ error })
const revoked = json({}, { crossOrigin: true })

/** RFC 9701 §4. */
const introspectionJwt = "application/token-introspection+jwt"

const handlers = Effect.fnUntraced(function* (path: string) {
  const answer = yield* answering(path)
  const certificateOf = yield* CertificateSource
  const credentials = (request: Request) => ({
    authorization: request.headers["authorization"],
    certificate: certificateOf(request),
    dpop: request.headers["dpop"]
  })
  const crossOrigin = clientError({ crossOrigin: true })
  const sameOrigin = clientError()
  return {
    push: (request: Request) =>
      answer({
        endpoint: "par",
        request,
        pipeline: Effect.flatMap(readForm(request), (form) => push(form, credentials(request))).pipe(
          Effect.map((response) => json(response, { crossOrigin: true, status: 201 }))
        ),
        refused,
        render: crossOrigin
      }),
    token: (request: Request) =>
      answer({
        endpoint: "token",
        request,
        pipeline: Effect.flatMap(readForm(request), (form) => token(form, credentials(request))).pipe(
          Effect.map((response) => json(response, { crossOrigin: true }))
        ),
        refused,
        render: crossOrigin
      }),
    revoke: (request: Request) =>
      answer({
        endpoint: "revoke",
        request,
        pipeline: Effect.flatMap(readForm(request), (form) => revoke(form, credentials(request))).pipe(
          Effect.as(revoked)
        ),
        refused,
        render: crossOrigin
      }),
    introspect: (request: Request) =>
      answer({
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
      })
  }
})

export const layer = (path: string) => routes(ProtocolApi.groups.clients, handlers(path))
