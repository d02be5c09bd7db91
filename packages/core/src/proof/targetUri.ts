/** The `htu` of a proof: RFC 9449 §4.2, compared by RFC 3986 §6.2.2 and §6.2.3 without query and fragment (§4.3). */

/** Unreserved characters need no escape, and hexadecimal digits have one case. */
const oneSpelling = (path: string): string =>
  path.replaceAll(/%[0-9a-f]{2}/gi, (escape) => {
    const character = String.fromCharCode(Number.parseInt(escape.slice(1), 16))
    return /[A-Za-z0-9._~-]/.test(character) ? character : escape.toUpperCase()
  })

/** The normal form of an http(s) URI; undefined for anything else, or for one that holds credentials. */
export const normalTarget = (uri: string): string | undefined => {
  // What a URL parser would drop or mend is no URI: two readers would see two.
  const isUri = /^[\x21-\x5b\x5d-\x7e]+$/.test(uri) && /^https?:\/\/[^/?#@]+(?:[/?#]|$)/i.test(uri)
  if (!isUri || !URL.canParse(uri)) return undefined
  const url = new URL(uri)
  return `${url.protocol}//${url.host}${oneSpelling(url.pathname)}`
}
