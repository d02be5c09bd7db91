/** The one strict reader of form bodies and queries. */
import { OAuthError, Parameters } from "@lockspire/core"
import { ByteSize, Effect } from "effect"
import { HttpIncomingMessage, type HttpServerError, type HttpServerRequest } from "effect/http"

/** No request of the protocol comes near it. */
const maximumBytes = 64 * 1024
const maxBodySize = ByteSize.fromInputUnsafe(maximumBytes)

const isForm = /^application\/x-www-form-urlencoded *(?:;|$)/i
/** A form body is ASCII: what else there is must have been percent-encoded. */
const ascii = /^[\x20-\x7e]*$/

const isTooLarge = (error: HttpServerError.HttpServerError) =>
  error.reason._tag === "RequestParseError" && error.reason.reason === "BodyTooLarge"

/** The parameters of a form body. Any other content type, or none, is `invalid_request`; too long is 413. */
export const readForm = (request: HttpServerRequest.HttpServerRequest) =>
  Effect.gen(function* () {
    if (!isForm.test(request.headers["content-type"] ?? "")) {
      return yield* new OAuthError.InvalidRequest({
        reason: "ContentTypeNotForm",
        received: request.headers["content-type"] ?? ""
      })
    }
    const tooLarge = new OAuthError.InvalidRequest({ reason: "BodyTooLarge", expected: `${maximumBytes} bytes` })
    if (Number(request.headers["content-length"] ?? 0) > maximumBytes) return yield* tooLarge
    const text = yield* request.text.pipe(
      Effect.provideService(HttpIncomingMessage.MaxBodySize, maxBodySize),
      Effect.mapError((error) =>
        isTooLarge(error) ? tooLarge : new OAuthError.InvalidRequest({ reason: "ParameterMalformed" })
      )
    )
    if (!ascii.test(text)) return yield* new OAuthError.InvalidRequest({ reason: "ParameterMalformed" })
    return yield* Parameters.parse(text)
  })

/** The parameters of the query. */
export const readQuery = (request: HttpServerRequest.HttpServerRequest) => {
  const at = request.url.indexOf("?")
  const query = at < 0 ? "" : request.url.slice(at + 1)
  return ascii.test(query)
    ? Parameters.parse(query)
    : Effect.fail(new OAuthError.InvalidRequest({ reason: "ParameterMalformed" }))
}
