/** Whether a form was sent by somebody else's page, as far as the browser says. */
import type { Issuer } from "@lockspire/core"

/**
 * True for another site's `Origin` and for `Sec-Fetch-Site: cross-site`. Headers that are absent prove nothing either
 * way: the CSRF token decides. Our own pages send `Origin: null`, because of their `Referrer-Policy: no-referrer`
 * (Fetch §3.2.6); so does a sandboxed frame of anybody's, which only `Sec-Fetch-Site: same-origin` tells apart.
 */
export const isForeign = (
  issuer: Issuer.Issuer,
  request: { readonly headers: Readonly<Record<string, string | undefined>> }
): boolean => {
  const origin = request.headers["origin"]
  const site = request.headers["sec-fetch-site"]
  if (site === "cross-site") return true
  if (origin === undefined) return false
  if (origin === "null") return site !== "same-origin"
  return origin !== new URL(issuer.identifier).origin
}
