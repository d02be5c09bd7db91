/** The endpoints that clients call: /par (RFC 9126), /token (RFC 6749 §3.2), /revoke (RFC 7009), /introspect (RFC 7662). */
import {
  introspectionResponse,
  type Issuer,
  type OAuthError,
  type Parameters,
  push,
  revoke,
  token
} from "@lockspire/core"
import { Effect } from "effect"
import { type HttpServerRequest, HttpServerResponse } from "effect/http"
import { ProtocolApi } from "../api/ProtocolApi.ts"
import { prefers } from "../wire/accept.ts"
import { CertificateSource } from "../wire/CertificateSource.ts"
import { answering } from "../wire/edge.ts"
import { readForm } from "../wire/form.ts"
import { clientError, json, jwt } from "../wire/response.ts"
import type { ProtocolServices } from "../wire/services.ts"
import { routes } from "./routes.ts"

type Request = HttpServerRequest.HttpServerRequest
type Response = HttpServerResponse.HttpServerResponse

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
  /** An endpoint to which clients post forms; `render` makes the answer to one that is refused. */
  const posted =
    (
      endpoint: string,
      pipeline: (
        form: Parameters.Parameters,
        request: Request
      ) => Effect.Effect<Response, OAuthError.OAuthError, ProtocolServices | Issuer.CurrentIssuer>,
      render = clientError({ crossOrigin: true })
    ) =>
    (request: Request) =>
      answer({
        endpoint,
        request,
        pipeline: Effect.flatMap(readForm(request), (form) => pipeline(form, request)),
        refused,
        render
      })
  return {
    push: posted("par", (form, request) =>
      Effect.map(push(form, credentials(request)), (response) => json(response, { crossOrigin: true, status: 201 }))
    ),
    token: posted("token", (form, request) =>
      Effect.map(token(form, credentials(request)), (response) => json(response, { crossOrigin: true }))
    ),
    revoke: posted("revoke", (form, request) => Effect.as(revoke(form, credentials(request)), revoked)),
    introspect: posted(
      "introspect",
      (form, request) =>
        introspectionResponse(
          form,
          credentials(request),
          prefers(request.headers["accept"], introspectionJwt, "application/json")
        ).pipe(
          Effect.map((response) =>
            response._tag === "Jwt" ? jwt(response.jwt, introspectionJwt) : json(response.claims)
          ),
          Effect.map(HttpServerResponse.setHeader("vary", "Accept"))
        ),
      clientError()
    )
  }
})

export const layer = (path: string) => routes(ProtocolApi.groups.clients, handlers(path))
