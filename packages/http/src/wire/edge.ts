/**
 * Where a request meets a pipeline: which issuer it is for, the trace of its checks, and what becomes of a failure. A
 * refusal goes to `Refusals` with everything known; a defect goes to the log, and the answer says nothing about it.
 */
import {
  AnswerNonce,
  Crypto,
  Issuer,
  MutualTls,
  type MutualTlsOptions,
  type OAuthError,
  Refusal,
  Refusals,
  type RefusalRecord,
  StorageUnavailable
} from "@lockspire/core"
import { Cause, Context, DateTime, Effect } from "effect"
import { HttpServerResponse, type HttpServerRequest } from "effect/http"
import { isSpelledAs, pathnameOf } from "./endpoints.ts"
import { toWire } from "./oauthError.ts"

type Request = HttpServerRequest.HttpServerRequest
type Response = HttpServerResponse.HttpServerResponse

/** The host the request was sent to: the `Host` header, or for a web-standard request its URL. Only selects. */
const hostOf = (request: Request): string | undefined => {
  const header = request.headers["host"]
  if (header !== undefined) return header.toLowerCase()
  return URL.canParse(request.originalUrl) ? new URL(request.originalUrl).host : undefined
}

/** RFC 8705 §5: what answers at an alias too. People and their browsers have nothing to do there. */
const aliased = new Set(["par", "token", "revoke", "introspect", "userinfo"])

/** The configured issuer with this path whose host, or mutual-TLS alias, equals the request's, character by character. */
const select = (
  issuers: ReadonlyArray<Issuer.Issuer>,
  mutualTls: MutualTlsOptions | undefined,
  { endpoint, path, request }: { readonly path: string; readonly endpoint: string; readonly request: Request }
): Issuer.Issuer | undefined => {
  const host = hostOf(request)
  if (host === undefined) return undefined
  return issuers.find((issuer) => {
    if (issuer.path !== path) return false
    const alias = aliased.has(endpoint) ? mutualTls?.aliases?.[issuer.identifier] : undefined
    if (alias !== undefined && (alias === `https://${host}` || `${alias}:443` === `https://${host}`)) return true
    return host === issuer.host || host === `${issuer.host}:${issuer.secure ? 443 : 80}`
  })
}

const selected = <E, R>(options: Answered<E, R>) =>
  Effect.flatMap(Issuer.Issuers, (issuers) => Effect.map(MutualTls, (mutualTls) => select(issuers, mutualTls, options)))

/** What a response to this failure is made from. */
export interface Refused {
  readonly error: OAuthError.OAuthError
  readonly clientId?: string | undefined
}

/** Turns a refusal into a response, knowing the handle under which it was recorded. */
export type Render<E> = (failure: E, trace: string, issuer: Issuer.Issuer) => Response

export const traceHeader = "lockspire-trace"

const unavailable = HttpServerResponse.jsonUnsafe(
  { error: "temporarily_unavailable", error_description: "The server cannot answer at the moment. Try again." },
  { status: 503, headers: { "retry-after": "1", "cache-control": "no-store" } }
)
const serverError = HttpServerResponse.jsonUnsafe(
  { error: "server_error", error_description: "The server met a condition it did not expect." },
  { status: 500, headers: { "cache-control": "no-store" } }
)
const unknownIssuer = HttpServerResponse.jsonUnsafe(
  { error: "not_found", error_description: "No issuer is configured for this host." },
  { status: 404, headers: { "cache-control": "no-store" } }
)

const notFound = HttpServerResponse.empty({ status: 404 })

const isStorageFault = (cause: Cause.Cause<unknown>) =>
  cause.reasons.some((reason) => reason._tag === "Die" && reason.defect instanceof StorageUnavailable)

/** 503 when storage is away, 500 for a broken invariant; the cause is for the log alone. */
export const defectResponse = (endpoint: string, cause: Cause.Cause<never>) => {
  if (Cause.hasInterruptsOnly(cause)) return Effect.failCause(cause)
  return isStorageFault(cause)
    ? Effect.as(Effect.logWarning(`${endpoint}: storage is unavailable`, cause), unavailable)
    : Effect.as(Effect.logError(`${endpoint}: defect`, cause), serverError)
}

interface Answered<E, R> {
  readonly path: string
  readonly endpoint: string
  readonly request: Request
  readonly pipeline: Effect.Effect<Response, E, R>
  readonly refused: (failure: E) => Refused
  readonly render: Render<E>
}

/** Hands the refusal on with everything known, and makes the response of it. */
const refuse = Effect.fnUntraced(function* <E, R>(
  { endpoint, refused, render }: Answered<E, R>,
  failure: E,
  issuer: Issuer.Issuer,
  checks: ReadonlyArray<Refusal.Check>
) {
  const { clientId, error } = refused(failure)
  const trace = (yield* Crypto.randomToken).slice(0, 12)
  const refusals = yield* Refusals
  yield* refusals.record({
    trace,
    at: yield* DateTime.now,
    issuer: issuer.identifier,
    endpoint,
    clientId,
    error: toWire(error).error,
    reason: error.reason,
    parameter: error.parameter,
    expected: error.expected,
    received: error.received,
    checks
  } satisfies RefusalRecord)
  return HttpServerResponse.setHeader(render(failure, trace, issuer), traceHeader, trace)
})

/** RFC 9449 §8, §8.2: the nonce for the next proof, with the answer that asks for it or with any other. */
export const withNonce = (response: Response, { nonce }: { readonly nonce: string | undefined }) =>
  nonce === undefined ? response : HttpServerResponse.setHeader(response, "dpop-nonce", nonce)

/**
 * Answers one request below the issuer path `path`. `refused` tells what to record of a failure, `render` what to send.
 * Every request passes here: the context changes once, and nothing but a refusal runs the generator (8 µs less).
 */
export const answer = <E, R>(options: Answered<E, R>) =>
  Effect.flatMap(selected(options), (issuer) => {
    if (issuer === undefined) return Effect.succeed(unknownIssuer)
    if (!isSpelledAs(options.path, pathnameOf(options.request))) return Effect.succeed(notFound)
    const checks: Array<Refusal.Check> = []
    const handedOut: { nonce: string | undefined } = { nonce: undefined }
    return options.pipeline.pipe(
      Effect.catch((failure) => refuse(options, failure, issuer, checks)),
      Effect.catchCause((cause) => defectResponse(options.endpoint, cause)),
      Effect.map((response) => withNonce(response, handedOut)),
      Effect.updateContext(
        (context: Context.Context<Exclude<R | Crypto.Crypto, Issuer.CurrentIssuer>>) =>
          context.pipe(
            Context.add(Issuer.CurrentIssuer, issuer),
            Context.add(Refusal.Trace, checks),
            Context.add(AnswerNonce, handedOut)
          ) as unknown as Context.Context<R | Crypto.Crypto>
      )
    )
  })
