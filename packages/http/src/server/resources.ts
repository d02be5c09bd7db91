/** The UserInfo endpoint, OpenID Connect Core §5.3.1: GET and POST. */
import { type OAuthError, type ResourceRequest, userinfoResponse } from "@lockspire/core"
import { Effect } from "effect"
import type { HttpServerRequest } from "effect/http"
import { ProtocolApi } from "../api/ProtocolApi.ts"
import { CertificateSource } from "../wire/CertificateSource.ts"
import { answering } from "../wire/edge.ts"
import { readForm } from "../wire/form.ts"
import { json, jwt, resourceError } from "../wire/response.ts"
import { routes } from "./routes.ts"

type Request = HttpServerRequest.HttpServerRequest

const refused = (error: OAuthError.OAuthError) => ({ error })
const noForm = Effect.succeed(new Map<string, ReadonlyArray<string>>())

/** RFC 6750 §2.2: only a form body can hold the token; of any other there is nothing to read. */
const formOf = (request: Request) =>
  request.method === "POST" && /^application\/x-www-form-urlencoded/i.test(request.headers["content-type"] ?? "")
    ? readForm(request)
    : noForm

const handlers = Effect.fnUntraced(function* (path: string) {
  const answer = yield* answering(path)
  const certificateOf = yield* CertificateSource
  const presented = (request: Request): ResourceRequest.ResourceRequest => ({
    method: request.method,
    authorization: request.headers["authorization"],
    dpop: request.headers["dpop"],
    certificate: certificateOf(request)
  })
  const userinfo = (request: Request) =>
    answer({
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
    })
  return { userinfo, userinfoPost: userinfo }
})

export const layer = (path: string) => routes(ProtocolApi.groups.resources, handlers(path))
