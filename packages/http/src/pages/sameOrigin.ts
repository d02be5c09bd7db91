/** Whether a form was sent by a page of ours, as far as the browser says. */
import type { Issuer } from "@lockspire/core"

/**
 * False for another `Origin`, and for a `Sec-Fetch-Site` of another site or a sibling host. Headers that are absent prove
 * nothing either way: the CSRF token decides. Our own pages send `Origin: null`, because of their
 * `Referrer-Policy: no-referrer` (Fetch §3.2.6); so does a sandboxed frame of anybody's, which `Sec-Fetch-Site` tells
 * apart where the browser sends it.
 */
export const isSameOrigin = (headers: Readonly<Record<string, string | undefined>>, issuer: Issuer.Issuer): boolean => {
  const origin = headers["origin"]
  const site = headers["sec-fetch-site"]
  if (site !== undefined && site !== "same-origin" && site !== "none") return false
  if (origin === undefined || origin === "null") return true
  return origin === new URL(issuer.identifier).origin
}
