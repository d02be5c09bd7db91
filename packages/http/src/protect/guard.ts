/** The one way a request gets to a protected route, whichever router the route is in. */
import {
  type AccessTokenReader,
  AnswerNonce,
  Crypto,
  CurrentAccessToken,
  type IssuerUnavailable,
  type OAuthError,
  type ProtectedRequest,
  ProtectedResource,
  Refusal,
  Refusals,
  type Requirement,
  verifyAccessToken
} from "@lockspire/core"
import { DateTime, Effect } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import { CertificateSource } from "../wire/CertificateSource.ts"
import { defectResponse, traceHeader, withNonce } from "../wire/edge.ts"
import { pathnameOf } from "../wire/endpoints.ts"
import { toWire } from "../wire/oauthError.ts"
import { refusal } from "./challenge.ts"

/** The caller did nothing wrong, and may ask again. */
const unavailable = ({ because, issuer }: IssuerUnavailable) =>
  Effect.as(
    Effect.logWarning(`The issuer ${issuer} could not be asked about an access token: ${because}`),
    HttpServerResponse.jsonUnsafe(
      { error: "temporarily_unavailable", error_description: "The access token could not be verified. Try again." },
      { status: 503, headers: { "retry-after": "5", "cache-control": "no-store" } }
    )
  )

/** Runs the route with the verified token of the request; without one that is enough, answers for the route. */
export const guard = Effect.gen(function* () {
  const resource = yield* ProtectedResource
  const services = yield* Effect.context<ProtectedResource | AccessTokenReader>()
  const crypto = yield* Crypto.Crypto
  const refusals = yield* Refusals
  const certificateOf = yield* CertificateSource

  const presented = (request: HttpServerRequest.HttpServerRequest): ProtectedRequest => ({
    method: request.method,
    path: pathnameOf(request),
    authorization: request.headers["authorization"],
    dpop: request.headers["dpop"],
    certificate: certificateOf(request)
  })

  const refuse = Effect.fnUntraced(function* (
    request: HttpServerRequest.HttpServerRequest,
    error: OAuthError.ResourceError,
    checks: ReadonlyArray<Refusal.Check>
  ) {
    const trace = (yield* Effect.provideService(Crypto.randomToken, Crypto.Crypto, crypto)).slice(0, 12)
    yield* refusals.record({
      trace,
      at: yield* DateTime.now,
      issuer: resource.issuer,
      endpoint: `${request.method} ${pathnameOf(request)}`,
      clientId: undefined,
      error: toWire(error).error,
      reason: error.reason,
      parameter: error.parameter,
      expected: error.expected,
      received: error.received,
      checks
    })
    const scheme = /^dpop /i.test(request.headers["authorization"] ?? "") ? "DPoP" : "Bearer"
    return HttpServerResponse.setHeader(yield* refusal(error, resource, scheme), traceHeader, trace)
  })

  return <E, R>(
    route: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>,
    requirement: Requirement
  ): Effect.Effect<
    HttpServerResponse.HttpServerResponse,
    E,
    Exclude<R, CurrentAccessToken> | HttpServerRequest.HttpServerRequest
  > =>
    Effect.gen(function* () {
      const request = yield* HttpServerRequest.HttpServerRequest
      const checks: Array<Refusal.Check> = []
      const handedOut: { nonce: string | undefined } = { nonce: undefined }
      const verified = yield* verifyAccessToken(presented(request), requirement).pipe(
        Effect.provideContext(services),
        Effect.provideService(Refusal.Trace, checks),
        Effect.provideService(AnswerNonce, handedOut),
        Effect.map((token) => ({ token })),
        Effect.catchTag("IssuerUnavailable", unavailable),
        Effect.catch((error) => refuse(request, error, checks)),
        Effect.catchCause((cause) => defectResponse("protected resource", cause))
      )
      if (HttpServerResponse.isHttpServerResponse(verified)) return withNonce(verified, handedOut)
      const answer = yield* Effect.provideService(route, CurrentAccessToken, verified.token)
      return withNonce(answer, handedOut)
    })
})
