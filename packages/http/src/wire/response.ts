/** The shapes of answers that are not pages: JSON, challenges, and which endpoints scripts of other origins may call. */
import { DpopProof, type Issuer, type OAuthError } from "@lockspire/core"
import { type HttpServerRequest, HttpServerResponse } from "effect/http"
import { challengeOf, type Scheme, statusOf } from "./challenge.ts"
import { toWire } from "./oauthError.ts"

type Response = HttpServerResponse.HttpServerResponse

/** RFC 6749 §5.1: whatever holds tokens, credentials or other sensitive information is never stored. */
const noStore = { "cache-control": "no-store", pragma: "no-cache" }

/**
 * Every origin may read it: these endpoints look at no cookie, so a script gets nothing that it could not get by itself.
 */
const crossOrigin = {
  "access-control-allow-origin": "*",
  "access-control-expose-headers": "WWW-Authenticate, DPoP-Nonce, Retry-After, Lockspire-Trace"
}

export const json = (body: unknown, options?: { readonly crossOrigin?: boolean; readonly status?: number }): Response =>
  HttpServerResponse.jsonUnsafe(body, {
    status: options?.status ?? 200,
    headers: { ...noStore, ...(options?.crossOrigin ? crossOrigin : {}) }
  })

/** A JWT as the whole body. */
export const jwt = (body: string, contentType: string, options?: { readonly crossOrigin?: boolean }): Response =>
  HttpServerResponse.text(body, { contentType, headers: { ...noStore, ...(options?.crossOrigin ? crossOrigin : {}) } })

/**
 * A public document: the same for everyone, cacheable for `maxAge` seconds, and after that renewed without its body
 * by who still has it (RFC 9110 §13.1.2). `hash` is of the body.
 */
export const publicDocument = (body: string, hash: string, maxAge: number) => {
  const etag = `"${hash}"`
  const headers = { "cache-control": `public, max-age=${maxAge}`, etag, ...crossOrigin }
  const whole = HttpServerResponse.text(body, { contentType: "application/json", headers })
  const notModified = HttpServerResponse.empty({ status: 304, headers })
  return (request: HttpServerRequest.HttpServerRequest): Response => {
    const held = request.headers["if-none-match"]
    const isCurrent = held !== undefined && (held.trim() === "*" || held.includes(etag))
    return isCurrent ? notModified : whole
  }
}

/** The answer to a preflight (Fetch §4.8). */
export const preflight = (methods: ReadonlyArray<string>): Response =>
  HttpServerResponse.empty({
    status: 204,
    headers: {
      "access-control-allow-origin": "*",
      "access-control-allow-methods": methods.join(", "),
      "access-control-allow-headers": "authorization, content-type, dpop",
      "access-control-max-age": "3600"
    }
  })

const quoted = (text: string) => `"${text.replaceAll(/["\\]/g, "")}"`

const errorBody = (error: OAuthError.OAuthError) => {
  const { description, error: code } = toWire(error)
  return { error: code, error_description: description }
}

/**
 * RFC 6749 §5.2 for the endpoints that clients call. A failed client authentication is a 401, which needs a challenge
 * (RFC 9110 §11.6.1).
 */
export const clientError =
  (options?: { readonly crossOrigin?: boolean }) =>
  (error: OAuthError.OAuthError, _trace: string, issuer: Issuer.Issuer): Response => {
    const { status } = toWire(error)
    return HttpServerResponse.jsonUnsafe(errorBody(error), {
      status,
      headers: {
        ...noStore,
        ...(options?.crossOrigin ? crossOrigin : {}),
        ...(status === 401 ? { "www-authenticate": `Basic realm=${quoted(issuer.identifier)}, charset="UTF-8"` } : {})
      }
    })
  }

/** The answer of the UserInfo endpoint, a protected resource; `authorization` is the header of its request. */
export const resourceError =
  (authorization: string | undefined) =>
  (error: OAuthError.ResourceError, _trace: string, issuer: Issuer.Issuer): Response => {
    const status = statusOf(error)
    const presented: Scheme = /^dpop(?: |$)/i.test(authorization ?? "") ? "DPoP" : "Bearer"
    const resource = {
      realm: issuer.identifier,
      schemes: ["Bearer", "DPoP"],
      proofAlgorithms: DpopProof.proofAlgorithms
    } as const
    const headers = { ...noStore, ...crossOrigin, "www-authenticate": challengeOf(error, resource, presented) }
    return error._tag === "TokenMissing"
      ? HttpServerResponse.empty({ status, headers })
      : HttpServerResponse.jsonUnsafe(errorBody(error), { status, headers })
  }
