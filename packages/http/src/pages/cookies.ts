/**
 * Cookies of one issuer: HttpOnly, SameSite=Lax, for the whole host (RFC 6265bis). On https they are `Secure` and carry
 * the `__Host-` prefix, so that no other host of the domain can set them. On plain http (loopback) neither is possible.
 */
import type { Issuer } from "@lockspire/core"
import type { Duration } from "effect"
import { type HttpServerRequest, HttpServerResponse } from "effect/http"

/** FNV-1a: tells issuers on one host apart, nothing more. */
const tag = (text: string): string => {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return (hash >>> 0).toString(36)
}

/** The name under which the cookie for `purpose` (letters and `-`) travels. */
export const cookieName = (issuer: Issuer.Issuer, purpose: string): string =>
  `${issuer.secure ? "__Host-" : ""}${purpose}-${tag(issuer.identifier)}`

/** The cookie's value, or undefined. */
export const readCookie = (
  cookies: Readonly<Record<string, string>>,
  issuer: Issuer.Issuer,
  purpose: string
): string | undefined => {
  const name = cookieName(issuer, purpose)
  return Object.hasOwn(cookies, name) && cookies[name] !== "" ? cookies[name] : undefined
}

/** Every value under that name in the `Cookie` header: browsers can hold several. */
export const readCookies = (
  request: HttpServerRequest.HttpServerRequest,
  issuer: Issuer.Issuer,
  purpose: string
): ReadonlyArray<string> => {
  const start = `${cookieName(issuer, purpose)}=`
  return (request.headers["cookie"] ?? "")
    .split(";")
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(start) && pair.length > start.length)
    .map((pair) => pair.slice(start.length))
}

const attributes = (issuer: Issuer.Issuer) => ({
  httpOnly: true,
  sameSite: "lax" as const,
  secure: issuer.secure,
  path: "/"
})

/** Sets it, until the browser closes or for `maxAge`. The value must be of the characters of a token. */
export const setCookie = (
  response: HttpServerResponse.HttpServerResponse,
  issuer: Issuer.Issuer,
  purpose: string,
  value: string,
  maxAge?: Duration.Input
): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.setCookieUnsafe(response, cookieName(issuer, purpose), value, {
    ...attributes(issuer),
    ...(maxAge === undefined ? {} : { maxAge })
  })

export const expireCookie = (
  response: HttpServerResponse.HttpServerResponse,
  issuer: Issuer.Issuer,
  purpose: string
): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.setCookieUnsafe(response, cookieName(issuer, purpose), "", { ...attributes(issuer), maxAge: 0 })
