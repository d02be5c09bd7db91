/** Where an authorization response may be sent: RFC 6749 §3.1.2, §4.1.2.1. */
import { Schema } from "effect"

/**
 * A redirect URI that was found registered for the client that sent it. Only `matchRedirectUri` makes one, and only a
 * response that holds one can leave through the browser: RFC 6749 §4.1.2.1 forbids redirecting to anything else.
 */
export const SafeRedirect = Schema.String.pipe(Schema.brand("SafeRedirect"))
export type SafeRedirect = typeof SafeRedirect.Type

const loopback = /^(http:\/\/(?:127\.0\.0\.1|\[::1\]))(?::([0-9]{1,5}))?((?:[/?].*)?)$/

/** RFC 8252 §7.3: on a literal loopback address the port, and nothing but the port, is the native app's to choose. */
const isSameLoopback = (registered: string, sent: string): boolean => {
  const a = loopback.exec(registered)
  const b = loopback.exec(sent)
  if (a === null || b === null) return false
  const port = b[2] === undefined ? 80 : Number(b[2])
  return a[1] === b[1] && a[3] === b[3] && port >= 1 && port <= 65_535
}

/**
 * The sent URI as one that is safe to redirect to, or undefined. RFC 9700 §4.1.3: equal as strings, character by
 * character; no parser is involved, so no two parsers can disagree.
 */
export const matchRedirectUri = (
  client: { readonly redirectUris: ReadonlyArray<string>; readonly applicationType: "web" | "native" },
  sent: string
): SafeRedirect | undefined =>
  client.redirectUris.includes(sent) ||
  (client.applicationType === "native" && client.redirectUris.some((registered) => isSameLoopback(registered, sent)))
    ? SafeRedirect.make(sent)
    : undefined

const unsafeSchemes = new Set(["javascript:", "data:", "file:", "vbscript:", "blob:", "about:"])
const responseParameters = ["code", "state", "iss", "error", "error_description", "error_uri", "response"]

/**
 * Why a URI may not be registered, or undefined when it may. https; http on loopback alone; for native applications
 * also a private-use scheme with a dot (RFC 8252 §7.1). No fragment (RFC 6749 §3.1.2), no credentials, no response
 * parameter already in the query.
 */
export const whyNotRegistrable = (uri: string, applicationType: "web" | "native"): string | undefined => {
  if (!URL.canParse(uri) || !/^[\x21-\x7e]+$/.test(uri)) return "is not an absolute URI"
  const url = new URL(uri)
  if (uri.includes("#")) return "has a fragment (RFC 6749 §3.1.2)"
  if (unsafeSchemes.has(url.protocol)) return `has the unsafe scheme ${url.protocol}`
  if (url.username !== "" || url.password !== "") return "holds credentials"
  if (responseParameters.some((name) => url.searchParams.has(name))) return "has a response parameter in its query"
  if (url.protocol === "https:") return undefined
  if (url.protocol === "http:") {
    return /^(localhost|127\.0\.0\.1|\[::1\])$/.test(url.hostname) ? undefined : "is http outside loopback"
  }
  if (applicationType === "web") return "has a private-use scheme, which only a native application may have"
  return url.protocol.includes(".") ? undefined : "has a private-use scheme without a dot (RFC 8252 §7.1)"
}
