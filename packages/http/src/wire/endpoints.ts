/** Which paths are ours, and what each of them allows. */
import type { HttpServerRequest } from "effect/http"

interface Endpoint {
  readonly methods: ReadonlyArray<"GET" | "POST">
  /** Whether scripts of other origins may call it, and so ask first. */
  readonly crossOrigin: boolean
}

const posted = { methods: ["POST"], crossOrigin: true } as const
const published = { methods: ["GET"], crossOrigin: true } as const
const visited = { methods: ["GET", "POST"], crossOrigin: false } as const

/** Every path below an issuer, but for those of interactions. */
export const endpoints: ReadonlyMap<`/${string}`, Endpoint> = new Map<`/${string}`, Endpoint>([
  ["/authorize", visited],
  ["/par", posted],
  ["/token", posted],
  ["/revoke", posted],
  ["/introspect", { methods: ["POST"], crossOrigin: false }],
  ["/userinfo", { methods: ["GET", "POST"], crossOrigin: true }],
  ["/jwks", published],
  ["/.well-known/openid-configuration", published],
  ["/.well-known/oauth-authorization-server", published]
])

const interaction = /^\/interaction\/[^/]+$/

const rootDocument: Endpoint = published

/** RFC 8414 §3.1, §5: for an issuer with a path the well-known part stands before it, at the root of the host. */
export const rootDocuments = (path: string): ReadonlyArray<`/${string}`> =>
  path === "" ? [] : [`/.well-known/oauth-authorization-server${path}`, `/.well-known/openid-configuration${path}`]

/** The path as it was sent, in the origin form or the absolute one. */
export const pathnameOf = (request: HttpServerRequest.HttpServerRequest): string =>
  /^(?:https?:\/\/[^/]*)?([^?#]*)/i.exec(request.originalUrl)![1]!

const allowOf = ({ crossOrigin, methods }: Endpoint) =>
  [...methods, ...(methods.includes("GET") ? ["HEAD"] : []), ...(crossOrigin ? ["OPTIONS"] : [])].join(", ")

/** What the endpoint at `pathname` is, below an issuer with this path or at its root; undefined when it is none of ours. */
const endpointAt = (path: string, pathname: string): Endpoint | undefined => {
  const rest = pathname.startsWith(path) ? pathname.slice(path.length) : ""
  const exact = endpoints.get(rest as `/${string}`)
  if (exact !== undefined) return exact
  if (interaction.test(rest)) return visited
  return rootDocuments(path).some((location) => location === pathname) ? rootDocument : undefined
}

/** What a path of ours allows; undefined for a path that is not ours. */
export const allowedAt = (paths: ReadonlyArray<string>, pathname: string): string | undefined => {
  const found = paths.map((path) => endpointAt(path, pathname)).find((endpoint) => endpoint !== undefined)
  return found === undefined ? undefined : allowOf(found)
}

/**
 * Whether a path is spelled exactly as one of ours. The router takes `//token`, `/token/`, `/token;x`, `/TOKEN` and
 * `/%74oken` for `/token`; a proxy in front may not, and would then apply the rules of another path to what we answer.
 */
export const isSpelledAs = (path: string, pathname: string): boolean => endpointAt(path, pathname) !== undefined
