/** Which paths are ours, and what each of them allows. */
import type { HttpServerRequest } from "effect/http"

/** The methods of every path below an issuer; those that scripts of other origins may call answer preflights too. */
export const endpoints: ReadonlyArray<{
  readonly path: RegExp
  readonly methods: ReadonlyArray<string>
  readonly crossOrigin?: `/${string}`
}> = [
  { path: /^\/authorize$/, methods: ["GET", "POST"] },
  { path: /^\/interaction\/[^/]+$/, methods: ["GET", "POST"] },
  { path: /^\/token$/, methods: ["POST"], crossOrigin: "/token" },
  { path: /^\/revoke$/, methods: ["POST"], crossOrigin: "/revoke" },
  { path: /^\/introspect$/, methods: ["POST"] },
  { path: /^\/userinfo$/, methods: ["GET", "POST"], crossOrigin: "/userinfo" },
  { path: /^\/jwks$/, methods: ["GET"], crossOrigin: "/jwks" },
  {
    path: /^\/\.well-known\/openid-configuration$/,
    methods: ["GET"],
    crossOrigin: "/.well-known/openid-configuration"
  },
  {
    path: /^\/\.well-known\/oauth-authorization-server$/,
    methods: ["GET"],
    crossOrigin: "/.well-known/oauth-authorization-server"
  }
]

/** RFC 8414 §3.1, §5: for an issuer with a path the well-known part stands before it, at the root of the host. */
export const rootDocuments = (path: string): ReadonlyArray<`/${string}`> =>
  path === "" ? [] : [`/.well-known/oauth-authorization-server${path}`, `/.well-known/openid-configuration${path}`]

/** The path as it was sent, in the origin form or the absolute one. */
export const pathnameOf = (request: HttpServerRequest.HttpServerRequest): string =>
  request.originalUrl.replace(/^https?:\/\/[^/]*/, "").replace(/[?#].*$/s, "")

const allowOf = (methods: ReadonlyArray<string>, crossOrigin: boolean) =>
  [...methods, ...(methods.includes("GET") ? ["HEAD"] : []), ...(crossOrigin ? ["OPTIONS"] : [])].join(", ")

/** What `pathname` allows below the issuer path; undefined when it is not ours. */
const allowedBelow = (path: string, pathname: string): string | undefined => {
  if (rootDocuments(path).some((location) => location === pathname)) return allowOf(["GET"], false)
  if (!pathname.startsWith(path)) return undefined
  const found = endpoints.find((endpoint) => endpoint.path.test(pathname.slice(path.length)))
  return found === undefined ? undefined : allowOf(found.methods, found.crossOrigin !== undefined)
}

/** What a path of ours allows; undefined for a path that is not ours. */
export const allowedAt = (paths: ReadonlyArray<string>, pathname: string): string | undefined =>
  paths.map((path) => allowedBelow(path, pathname)).find((allow) => allow !== undefined)

/**
 * Whether a path is spelled exactly as one of ours. The router takes `//token`, `/token/`, `/token;x`, `/TOKEN` and
 * `/%74oken` for `/token`; a proxy in front may not, and would then apply the rules of another path to what we answer.
 */
export const isSpelledAs = (path: string, pathname: string): boolean => allowedBelow(path, pathname) !== undefined
