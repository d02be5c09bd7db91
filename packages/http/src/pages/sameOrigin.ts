/** Whether a form was sent by a page of ours, as far as the browser says. */
import type { Issuer } from "@lockspire/core"

/**
 * False for another site's `Origin` and for `Sec-Fetch-Site: cross-site`. Headers that are absent prove nothing either
 * way: the CSRF token decides. Our own pages send `Origin: null`, because of their `Referrer-Policy: no-referrer`
 * (Fetch §3.2.6); so does a sandboxed frame of anybody's, which only `Sec-Fetch-Site: same-origin` tells apart.
 */
export const isSameOrigin = (headers: Readonly<Record<string, string | undefined>>, issuer: Issuer.Issuer): boolean => {
  const origin = headers["origin"]
  const site = headers["sec-fetch-site"]
  if (site === "cross-site") return false
  if (origin === undefined) return true
  if (origin === "null") return site === "same-origin"
  return origin === new URL(issuer.identifier).origin
}
