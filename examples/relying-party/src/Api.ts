/** A small protected API, RFC 6750: it takes a bearer token, asks the issuer about it (RFC 7662), and answers. */
import { Clock, Effect } from "effect"
import { HttpServerResponse, type HttpServerRequest } from "effect/http"
import type { IntrospectionResponse } from "openid-client"
import { type Failure } from "./Failure.ts"

/** RFC 6750 §2.1 with the scheme in any case (RFC 9110 §11.1). */
const credentials = /^bearer(?: +(.*))?$/i
const b64token = /^[A-Za-z0-9\-._~+/]+=*$/

export interface Options {
  readonly realm: string
  /** The scope value without which a token is not enough. */
  readonly scope: string
  /** The names by which a token may be meant for this API; one without an audience is meant for any. */
  readonly audience: ReadonlyArray<string>
  readonly introspect: (token: string) => Effect.Effect<IntrospectionResponse, Failure>
}

const json = (status: number, body: unknown, headers: Record<string, string> = {}) =>
  HttpServerResponse.jsonUnsafe(body, { status, headers: { "cache-control": "no-store", ...headers } })

/** RFC 6750 §3: every value is ours and holds no quote. */
const challenge = (realm: string, parameters: Record<string, string> = {}) =>
  `Bearer ${Object.entries({ realm, ...parameters })
    .map(([name, value]) => `${name}="${value}"`)
    .join(", ")}`

/** RFC 6750 §3.1. */
const statuses = { invalid_request: 400, invalid_token: 401, insufficient_scope: 403 } as const

export const handler = (options: Options) => {
  const { realm } = options
  const refuse = (error: keyof typeof statuses, description: string, more: Record<string, string> = {}) =>
    json(
      statuses[error],
      { error, error_description: description },
      { "www-authenticate": challenge(realm, { error, error_description: description, ...more }) }
    )

  return Effect.fnUntraced(
    function* (request: HttpServerRequest.HttpServerRequest) {
      const presented = credentials.exec(request.headers["authorization"] ?? "")
      // RFC 6750 §3.1: who sent no token at all learns that one is needed, and no error code.
      if (presented === null) {
        return json(401, { message: "An access token is required." }, { "www-authenticate": challenge(realm) })
      }
      const token = presented[1]?.trim() ?? ""
      if (token === "") return refuse("invalid_request", "The access token is missing.")
      if (!b64token.test(token)) return refuse("invalid_token", "The access token is malformed.")

      const found = yield* options.introspect(token)
      const now = yield* Clock.currentTimeMillis
      const isCurrent = found.exp === undefined || now < found.exp * 1000
      // An active refresh token is active too, but only an access token has a token_type (RFC 7662 §2.2).
      const isAccessToken = found.token_type?.toLowerCase() === "bearer"
      if (!found.active || !isCurrent || !isAccessToken) {
        return refuse("invalid_token", "The access token is unknown, expired or revoked.")
      }
      const audience = found.aud === undefined ? undefined : [found.aud].flat()
      if (audience !== undefined && !audience.some((one) => options.audience.includes(one))) {
        return refuse("invalid_token", "The access token is meant for another resource.")
      }
      if (!(found.scope ?? "").split(" ").includes(options.scope)) {
        return refuse("insufficient_scope", "The access token does not carry the scope.", { scope: options.scope })
      }
      return json(200, {
        message: "Hello from the API. This is what the issuer said about the access token.",
        sub: found.sub,
        scope: found.scope,
        client_id: found.client_id,
        iss: found.iss,
        aud: found.aud,
        iat: found.iat,
        exp: found.exp
      })
    },
    // The caller did nothing wrong: the issuer is away, or does not know this API.
    Effect.catch((failure: Failure) =>
      Effect.as(
        Effect.logWarning(`The API could not introspect a token: ${failure.description}`),
        json(503, { error: "temporarily_unavailable" }, { "retry-after": "5" })
      )
    )
  )
}
