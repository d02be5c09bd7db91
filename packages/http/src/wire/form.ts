/** The one strict reader of form bodies and queries. */
import { OAuthError, Parameters } from "@lockspire/core"
import { ByteSize, Effect } from "effect"
import { HttpIncomingMessage, type HttpServerError, type HttpServerRequest } from "effect/http"

/** No request of the protocol comes near it. */
const maximumBytes = 64 * 1024
const maxBodySize = ByteSize.fromInputUnsafe(maximumBytes)

const isForm = /^application\/x-www-form-urlencoded[ \t]*(?:;|$)/i
/** A form body is ASCII: what else there is must have been percent-encoded. */
const ascii = /^[\x20-\x7e]*$/

const isTooLarge = (error: HttpServerError.HttpServerError) =>
  error.reason._tag === "RequestParseError" && error.reason.reason === "BodyTooLarge"

// Made only when it is needed: an error records its stack, which costs more than reading a whole form.
const tooLarge = () => new OAuthError.InvalidRequest({ reason: "BodyTooLarge", expected: `${maximumBytes} bytes` })
const malformed = () => new OAuthError.InvalidRequest({ reason: "ParameterMalformed" })

/** The parameters of a form body. Any other content type, or none, is `invalid_request`; too long is 413. */
export const readForm = (
  request: HttpServerRequest.HttpServerRequest
): Effect.Effect<Parameters.Parameters, OAuthError.InvalidRequest> => {
  const contentType = request.headers["content-type"] ?? ""
  if (!isForm.test(contentType)) {
    return Effect.fail(new OAuthError.InvalidRequest({ reason: "ContentTypeNotForm", received: contentType }))
  }
  if (Number(request.headers["content-length"] ?? 0) > maximumBytes) return Effect.fail(tooLarge())
  return request.text.pipe(
    Effect.provideService(HttpIncomingMessage.MaxBodySize, maxBodySize),
    Effect.mapError((error) => (isTooLarge(error) ? tooLarge() : malformed())),
    Effect.flatMap((text) => (ascii.test(text) ? Parameters.parse(text) : Effect.fail(malformed())))
  )
}

/** The parameters of the query. */
export const readQuery = (request: HttpServerRequest.HttpServerRequest) => {
  const at = request.url.indexOf("?")
  const query = at < 0 ? "" : request.url.slice(at + 1)
  return ascii.test(query) ? Parameters.parse(query) : Effect.fail(malformed())
}
