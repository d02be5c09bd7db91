/** Reading what a browser sends, strictly: whatever cannot be read is a 4xx page, never a fault. */
import { ByteSize, Data, Effect } from "effect"
import { HttpIncomingMessage, type HttpServerRequest } from "effect/http"

type Request = HttpServerRequest.HttpServerRequest

export class BadRequest extends Data.TaggedError("BadRequest")<{
  readonly status: 400 | 403 | 413 | 415
  readonly text: string
}> {}

/** An authorization response is far smaller. */
const maximumBytes = 32 * 1024
const isForm = /^application\/x-www-form-urlencoded *(?:;|$)/i
const ascii = /^[\x20-\x7e]*$/

const tooLarge = new BadRequest({ status: 413, text: `The body is larger than ${maximumBytes} bytes.` })
const malformed = new BadRequest({ status: 400, text: "The parameters are not well-formed." })

/** Lenient decoders replace what they cannot read; a value that changed on its way is no value. */
const isWellFormed = (text: string): boolean => {
  try {
    return ascii.test(text) && !decodeURIComponent(text).includes("\0")
  } catch {
    return false
  }
}

const parse = (text: string): Effect.Effect<URLSearchParams, BadRequest> =>
  isWellFormed(text) ? Effect.succeed(new URLSearchParams(text)) : Effect.fail(malformed)

/** The text of the body; none is the empty text. */
const readText = (request: Request): Effect.Effect<string, BadRequest> =>
  Number(request.headers["content-length"] ?? 0) > maximumBytes
    ? Effect.fail(tooLarge)
    : request.text.pipe(
        Effect.provideService(HttpIncomingMessage.MaxBodySize, ByteSize.fromInputUnsafe(maximumBytes)),
        Effect.mapError((error) =>
          error.reason._tag === "RequestParseError" && error.reason.reason === "BodyTooLarge" ? tooLarge : malformed
        )
      )

export const readForm = Effect.fnUntraced(function* (request: Request) {
  const text = yield* readText(request)
  if (text !== "" && !isForm.test(request.headers["content-type"] ?? "")) {
    return yield* new BadRequest({ status: 415, text: "The body must be application/x-www-form-urlencoded." })
  }
  return yield* parse(text)
})

export const readQuery = (request: Request): Effect.Effect<URLSearchParams, BadRequest> => {
  const at = request.url.indexOf("?")
  return parse(at < 0 ? "" : request.url.slice(at + 1).replace(/#.*$/, ""))
}

/** A parameter that may be left out, and must not be sent twice. */
export const optional = (parameters: URLSearchParams, name: string): Effect.Effect<string | undefined, BadRequest> => {
  const [value, ...more] = parameters.getAll(name)
  return more.length > 0
    ? Effect.fail(new BadRequest({ status: 400, text: `The parameter ${name} is repeated.` }))
    : Effect.succeed(value === "" ? undefined : value)
}

/**
 * Refuses what another site's page sends. Browsers say `Origin: null` for a form on a page with
 * `Referrer-Policy: no-referrer`, as all of ours are; `Sec-Fetch-Site` tells the truth there, and SameSite=Lax keeps
 * the cookie of this session away from every other site in any case.
 */
export const fromThisSite = (request: Request, origin: string): Effect.Effect<void, BadRequest> => {
  const site = request.headers["sec-fetch-site"]
  const sender = request.headers["origin"]
  const isOwn =
    site === undefined
      ? sender === undefined || sender === origin
      : (site === "same-origin" || site === "none") && (sender === undefined || sender === "null" || sender === origin)
  return isOwn ? Effect.void : Effect.fail(new BadRequest({ status: 403, text: "The request came from another site." }))
}
