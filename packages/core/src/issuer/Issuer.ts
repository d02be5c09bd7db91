/** Who we are to the world. Every URL comes from here; no header of a request ever does. */
import { Context, Data, Effect } from "effect"

/**
 * One issuer identifier, RFC 8414 §2 and OpenID Connect Discovery §3: https (http only on loopback), no query, no
 * fragment, and no trailing slash, since clients compare it as a string.
 */
export interface Issuer {
  /** The identifier, exactly as it stands in `iss`. */
  readonly identifier: string
  /** Its host and, when it is not the scheme's own, port: what a request's `Host` must equal. */
  readonly host: string
  /** Its path, `""` for none: the prefix of every endpoint. */
  readonly path: string
  /** Whether it is https, so that cookies are `Secure` and carry the `__Host-` prefix. */
  readonly secure: boolean
}

/** The issuer that the request being answered is for. */
export class CurrentIssuer extends Context.Service<CurrentIssuer, Issuer>()("@lockspire/core/issuer/CurrentIssuer") {}

/** Every issuer that this process serves. */
export class Issuers extends Context.Service<Issuers, ReadonlyArray<Issuer>>()("@lockspire/core/issuer/Issuers") {}

/** An issuer identifier that RFC 8414 §2 does not allow. */
export class IssuerInvalid extends Data.TaggedError("IssuerInvalid")<{ readonly message: string }> {}

const loopback = /^(localhost|127\.0\.0\.1|\[::1\])$/

/** Whether an http issuer on this host name is only ever reached from the machine itself. */
export const isLoopback = (hostname: string): boolean => loopback.test(hostname)

/** Reads an identifier; fails with a sentence for the operator. */
export const make = (identifier: string): Effect.Effect<Issuer, IssuerInvalid> => {
  const invalid = (why: string) => Effect.fail(new IssuerInvalid({ message: `The issuer "${identifier}" ${why}.` }))
  if (!URL.canParse(identifier)) return invalid("is not an absolute URL")
  const url = new URL(identifier)
  const path = url.pathname === "/" ? "" : url.pathname
  if (url.protocol !== "https:" && url.protocol !== "http:") return invalid("is not an http(s) URL")
  if (url.username !== "" || url.password !== "") return invalid("holds credentials")
  if (identifier.includes("?") || identifier.includes("#")) return invalid("has a query or a fragment (RFC 8414 §2)")
  if (identifier !== `${url.protocol}//${url.host}${path}`) {
    return invalid(`is not in its normal form; write "${url.protocol}//${url.host}${path.replace(/\/+$/, "")}"`)
  }
  if (path.endsWith("/") || !/^(\/[A-Za-z0-9._~-]+)*$/.test(path)) {
    return invalid("has a path with a trailing slash or characters that need escaping")
  }
  return Effect.succeed({ identifier, host: url.host, path, secure: url.protocol === "https:" })
}

/** Whether the issuer may only be used on the machine itself: plain http outside loopback exposes every token. */
export const isPlainHttpOutsideLoopback = (issuer: Issuer): boolean =>
  !issuer.secure && !isLoopback(new URL(issuer.identifier).hostname)

/** An absolute URL below the issuer. */
export const url = (issuer: Issuer, path: `/${string}`): string => `${issuer.identifier}${path}`
