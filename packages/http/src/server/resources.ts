/** The UserInfo endpoint, OpenID Connect Core §5.3.1: GET and POST. */
import { type OAuthError, type ResourceRequest, userinfoResponse } from "@lockspire/core"
import { Effect } from "effect"
import type { HttpServerRequest } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { ProtocolApi } from "../api/ProtocolApi.ts"
import { CertificateSource } from "../wire/CertificateSource.ts"
import { answer } from "../wire/edge.ts"
import { readForm } from "../wire/form.ts"
import { json, jwt, resourceError } from "../wire/response.ts"
import { protocolServices } from "./services.ts"

const refused = (error: OAuthError.OAuthError) => ({ error })
const noForm = Effect.succeed(new Map<string, ReadonlyArray<string>>())

/** RFC 6750 §2.2: only a form body can hold the token; of any other there is nothing to read. */
const formOf = (request: HttpServerRequest.HttpServerRequest) =>
  request.method === "POST" && /^application\/x-www-form-urlencoded/i.test(request.headers["content-type"] ?? "")
    ? readForm(request)
    : noForm

export const layer = (path: string) =>
  HttpApiBuilder.group(
    ProtocolApi,
    "resources",
    Effect.fnUntraced(function* (handlers) {
      const services = yield* protocolServices
      const certificateOf = yield* CertificateSource
      const presented = (request: HttpServerRequest.HttpServerRequest): ResourceRequest.ResourceRequest => ({
        method: request.method,
        authorization: request.headers["authorization"],
        dpop: request.headers["dpop"],
        certificate: certificateOf(request)
      })
      const handle = ({ request }: { readonly request: HttpServerRequest.HttpServerRequest }) =>
        answer({
          path,
          endpoint: "userinfo",
          request,
          pipeline: Effect.flatMap(formOf(request), (form) => userinfoResponse(presented(request), form)).pipe(
            Effect.map((response) =>
              response._tag === "Jwt"
                ? jwt(response.jwt, "application/jwt", { crossOrigin: true })
                : json(response.claims, { crossOrigin: true })
            )
          ),
          refused,
          render: resourceError(request.headers["authorization"])
        }).pipe(Effect.provideContext(services))
      return handlers.handleRaw("userinfo", handle).handleRaw("userinfoPost", handle)
    })
  )
