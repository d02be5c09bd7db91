/**
 * The cookie that ties an interaction to the browser in which it began. Its value is random and means nothing by itself;
 * the database knows its hash. Part of the value is in the name, so that two tabs that race to set the first one end up
 * with two cookies, and neither loses its interaction.
 */
import type { Issuer } from "@lockspire/core"
import { HttpServerResponse, type HttpServerRequest } from "effect/http"
import { cookieName } from "../pages/cookies.ts"

const isBinding = /^[A-Za-z0-9_-]{43}$/

const prefixOf = (issuer: Issuer.Issuer) => `${cookieName(issuer, "interaction")}-`

/** The binding values that this browser holds for the issuer. */
export const bindingsOf = (issuer: Issuer.Issuer, request: HttpServerRequest.HttpServerRequest) => {
  const prefix = prefixOf(issuer)
  return Object.entries(request.cookies)
    .filter(([name, value]) => name.startsWith(prefix) && isBinding.test(value))
    .map(([, value]) => value)
}

/** Sets the cookie; a browser that has it already is left alone. */
export const setBinding = (
  response: HttpServerResponse.HttpServerResponse,
  issuer: Issuer.Issuer,
  held: ReadonlyArray<string>,
  binding: string | undefined
) =>
  binding === undefined || held.includes(binding)
    ? response
    : HttpServerResponse.setCookieUnsafe(response, `${prefixOf(issuer)}${binding.slice(0, 6)}`, binding, {
        httpOnly: true,
        sameSite: "lax",
        secure: issuer.secure,
        path: "/"
      })
