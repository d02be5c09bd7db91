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
import { Cause, Context, DateTime, Effect, References, Tracer } from "effect"
import { HttpServerResponse, type HttpServerRequest } from "effect/http"
import { type ProtocolServices, protocolServices } from "./services.ts"
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

type ByHost = ReadonlyMap<string, Issuer.Issuer>

/** The issuers with this path by the hosts that they answer at, each with and without the port that goes without saying. */
const byHost = (
  issuers: ReadonlyArray<Issuer.Issuer>,
  path: string,
  aliases: MutualTlsOptions["aliases"] = {}
): ByHost => {
  const found = new Map<string, Issuer.Issuer>()
  for (const issuer of issuers) {
    if (issuer.path !== path) continue
    const alias = aliases[issuer.identifier]
    const own = [issuer.host, `${issuer.host}:${issuer.secure ? 443 : 80}`]
    const other = alias?.startsWith("https://")
      ? [alias, `${alias}:443`].map((one) => one.slice("https://".length))
      : []
    for (const host of [...own, ...other]) if (!found.has(host)) found.set(host, issuer)
  }
  return found
}

/** What a response to this failure is made from. */
export interface Refused {
  readonly error: OAuthError.OAuthError
  readonly clientId?: string | undefined
}

/** Turns a refusal into a response, knowing the handle under which it was recorded. */
export type Render<E> = (failure: E, trace: string, issuer: Issuer.Issuer) => Response

export const traceHeader = "lockspire-trace"

/** What is said of a fault that is not the request's. */
interface Fault {
  readonly error: "temporarily_unavailable" | "server_error"
  readonly description: string
  readonly status: number
}
const unavailable: Fault = {
  error: "temporarily_unavailable",
  description: "The server cannot answer at the moment. Try again.",
  status: 503
}
const serverError: Fault = {
  error: "server_error",
  description: "The server met a condition it did not expect.",
  status: 500
}
const faultJson = ({ description, error, status }: Fault) =>
  HttpServerResponse.jsonUnsafe(
    { error, error_description: description },
    { status, headers: { "cache-control": "no-store" } }
  )
const unknownIssuer = HttpServerResponse.jsonUnsafe(
  { error: "not_found", error_description: "No issuer is configured for this host." },
  { status: 404, headers: { "cache-control": "no-store" } }
)

/** RFC 9112 §3.2: what cannot be a host, or was sent twice, is the sender's mistake and no issuer's name. */
const isHost = /^[\w.~%!$&'()*+;=-]*(?:\[[\da-f:.]+\])?(?::\d*)?$/
const malformedHost = HttpServerResponse.jsonUnsafe(
  { error: "invalid_request", error_description: "The Host header is malformed." },
  { status: 400, headers: { "cache-control": "no-store" } }
)

const notFound = HttpServerResponse.empty({ status: 404 })

const isStorageFault = (cause: Cause.Cause<unknown>) =>
  cause.reasons.some((reason) => reason._tag === "Die" && reason.defect instanceof StorageUnavailable)

/** 503 when storage is away, 500 for a broken invariant; the cause is for the log alone. */
export const defectResponse = (
  endpoint: string,
  cause: Cause.Cause<never>,
  render: (fault: Fault) => Response = faultJson
) => {
  if (Cause.hasInterruptsOnly(cause)) return Effect.failCause(cause)
  return isStorageFault(cause)
    ? Effect.as(
        Effect.logWarning(`${endpoint}: storage is unavailable`, cause),
        HttpServerResponse.setHeader(render(unavailable), "retry-after", "1")
      )
    : Effect.as(Effect.logError(`${endpoint}: defect`, cause), render(serverError))
}

interface Answered<E> {
  readonly endpoint: string
  readonly request: Request
  readonly pipeline: Effect.Effect<Response, E, ProtocolServices | Issuer.CurrentIssuer>
  readonly refused: (failure: E) => Refused
  readonly render: Render<E>
  /** What is sent when the fault is the server's own; JSON unless given. */
  readonly renderFault?: (fault: Fault) => Response
}

/** Hands the refusal on with everything known, and makes the response of it. */
const refuse = Effect.fnUntraced(function* <E>(
  { endpoint, refused, render }: Answered<E>,
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

/** What a request brings of its own: where its spans and log lines belong. */
const carried = [
  Tracer.Tracer,
  Tracer.ParentSpan,
  Tracer.DisablePropagation,
  References.TracerEnabled,
  References.TracerSpanAnnotations,
  References.TracerSpanLinks,
  References.TracerTimingEnabled,
  References.CurrentLogAnnotations,
  References.CurrentLogSpans,
  References.CurrentLoggers,
  References.MinimumLogLevel
] as ReadonlyArray<Context.Key<never, unknown>>

/** The services with what the request brings: to merge the two contexts would copy some eighty entries per request. */
const inRequest = (services: Context.Context<ProtocolServices>) => {
  const usual = carried.map((key) => Context.getOrUndefined(services, key))
  return (request: Context.Context<never>) => {
    let context = services
    for (const [at, key] of carried.entries()) {
      const value = Context.getOrUndefined(request, key)
      if (value !== undefined && value !== usual[at]) context = Context.add(context, key, value)
    }
    return context
  }
}

/** For which issuer below `path` a request is; or the answer to one that is for none, or whose path is not spelled as ours. */
export const selecting = Effect.fnUntraced(function* (path: string) {
  const issuers = yield* Issuer.Issuers
  const mutualTls = yield* MutualTls
  const hosts = byHost(issuers, path)
  const hostsAndAliases = byHost(issuers, path, mutualTls?.aliases)
  return (endpoint: string, request: Request): Issuer.Issuer | Response => {
    const host = hostOf(request)
    const issuer = host === undefined ? undefined : (aliased.has(endpoint) ? hostsAndAliases : hosts).get(host)
    if (issuer === undefined) return host === undefined || isHost.test(host) ? unknownIssuer : malformedHost
    return isSpelledAs(path, pathnameOf(request)) ? issuer : notFound
  }
})

/** Answers a request. `refused` tells what to record of a failure, `render` what to send. */
export type Answer = <E>(options: Answered<E>) => Effect.Effect<Response>

/** How requests below the issuer path `path` are answered. */
export const answering = Effect.fnUntraced(function* (path: string) {
  const services = yield* protocolServices
  const select = yield* selecting(path)
  const withServices = inRequest(services)

  const answer: Answer = (options) => {
    const issuer = select(options.endpoint, options.request)
    if (HttpServerResponse.isHttpServerResponse(issuer)) return Effect.succeed(issuer)
    const checks: Array<Refusal.Check> = []
    const handedOut: { nonce: string | undefined } = { nonce: undefined }
    return options.pipeline.pipe(
      Effect.catch((failure) => refuse(options, failure, issuer, checks)),
      Effect.catchCause((cause) => defectResponse(options.endpoint, cause, options.renderFault)),
      Effect.map((response) => withNonce(response, handedOut)),
      Effect.updateContext((request: Context.Context<never>) =>
        withServices(request).pipe(
          Context.add(Issuer.CurrentIssuer, issuer),
          Context.add(Refusal.Trace, checks),
          Context.add(AnswerNonce, handedOut)
        )
      )
    )
  }
  return answer
})
