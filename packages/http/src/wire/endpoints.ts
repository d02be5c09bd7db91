/** Which paths are ours, and what each of them allows. */
import type { HttpServerRequest } from "effect/http"

interface Endpoint {
  readonly path: RegExp
  readonly methods: ReadonlyArray<string>
  readonly crossOrigin?: `/${string}`
}

/** The methods of every path below an issuer; those that scripts of other origins may call answer preflights too. */
export const endpoints: ReadonlyArray<Endpoint> = [
  { path: /^\/authorize$/, methods: ["GET", "POST"] },
  { path: /^\/interaction\/[^/]+$/, methods: ["GET", "POST"] },
  { path: /^\/par$/, methods: ["POST"], crossOrigin: "/par" },
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

const rootDocument: Endpoint = { path: /^$/, methods: ["GET"] }

/** RFC 8414 §3.1, §5: for an issuer with a path the well-known part stands before it, at the root of the host. */
export const rootDocuments = (path: string): ReadonlyArray<`/${string}`> =>
  path === "" ? [] : [`/.well-known/oauth-authorization-server${path}`, `/.well-known/openid-configuration${path}`]

/** The path as it was sent, in the origin form or the absolute one. */
export const pathnameOf = (request: HttpServerRequest.HttpServerRequest): string =>
  /^(?:https?:\/\/[^/]*)?([^?#]*)/.exec(request.originalUrl)![1]!

const allowOf = (methods: ReadonlyArray<string>, crossOrigin: boolean) =>
  [...methods, ...(methods.includes("GET") ? ["HEAD"] : []), ...(crossOrigin ? ["OPTIONS"] : [])].join(", ")

/** The endpoint that `pathname` is below the issuer path; undefined when it is none of ours. */
const endpointBelow = (path: string, pathname: string) => {
  if (rootDocuments(path).some((location) => location === pathname)) return rootDocument
  if (!pathname.startsWith(path)) return undefined
  const rest = pathname.slice(path.length)
  return endpoints.find((endpoint) => endpoint.path.test(rest))
}

/** What a path of ours allows; undefined for a path that is not ours. */
export const allowedAt = (paths: ReadonlyArray<string>, pathname: string): string | undefined => {
  const found = paths.map((path) => endpointBelow(path, pathname)).find((endpoint) => endpoint !== undefined)
  return found === undefined ? undefined : allowOf(found.methods, found.crossOrigin !== undefined)
}

/**
 * Whether a path is spelled exactly as one of ours. The router takes `//token`, `/token/`, `/token;x`, `/TOKEN` and
 * `/%74oken` for `/token`; a proxy in front may not, and would then apply the rules of another path to what we answer.
 */
export const isSpelledAs = (path: string, pathname: string): boolean => endpointBelow(path, pathname) !== undefined
