/**
 * Every protocol route, as a layer that a host merges into its own HttpRouter. Where the routes are comes from the
 * configured issuers: each issuer's endpoints stand below its path, its metadata also at the well-known places of the
 * host's root.
 */
import { Issuer } from "@lockspire/core"
import { Effect, Layer } from "effect"
import { HttpEffect, HttpRouter, HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { ProtocolApi } from "./api/ProtocolApi.ts"
import * as Browser from "./server/browser.ts"
import * as Clients from "./server/clients.ts"
import * as Documents from "./server/documents.ts"
import * as Resources from "./server/resources.ts"
import { pathnameOf } from "./wire/edge.ts"
import { preflight } from "./wire/response.ts"

/** The methods of every path below an issuer; those that scripts of other origins may call answer preflights too. */
const endpoints: ReadonlyArray<{
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

/** Runs routes below a prefix; fresh, so that the same routes can stand below several. */
const mountAt =
  (prefix: string) =>
  <A, E, R>(routes: Layer.Layer<A, E, R>) =>
    prefix === ""
      ? Layer.fresh(routes)
      : Layer.fresh(routes).pipe(
          Layer.provide(
            Layer.effect(
              HttpRouter.HttpRouter,
              Effect.map(HttpRouter.HttpRouter, (router) => router.prefixed(prefix))
            )
          )
        )

const preflights = HttpRouter.use(
  Effect.fnUntraced(function* (router) {
    for (const { crossOrigin, methods } of endpoints) {
      if (crossOrigin !== undefined) yield* router.add("OPTIONS", crossOrigin, preflight(methods))
    }
  })
)

const allowOf = (methods: ReadonlyArray<string>, crossOrigin: boolean) =>
  [...methods, ...(methods.includes("GET") ? ["HEAD"] : []), ...(crossOrigin ? ["OPTIONS"] : [])].join(", ")

/** What a path of ours allows; undefined for a path that is not ours. */
const allowedAt = (paths: ReadonlyArray<string>, pathname: string): string | undefined => {
  for (const path of paths) {
    if (Documents.rootDocuments(path).some((location) => location === pathname)) return allowOf(["GET"], false)
    if (!pathname.startsWith(path)) continue
    const found = endpoints.find((endpoint) => endpoint.path.test(pathname.slice(path.length)))
    if (found !== undefined) return allowOf(found.methods, found.crossOrigin !== undefined)
  }
  return undefined
}

/** RFC 9110 §15.5.6: a path of ours asked with a method it does not have is 405, where the router knows only 404. */
const methodNotAllowed = (paths: ReadonlyArray<string>) =>
  HttpRouter.middleware(
    (httpEffect) =>
      HttpEffect.withPreResponseHandler(httpEffect, (request, response) => {
        if (response.status !== 404 || response.body._tag !== "Empty") return Effect.succeed(response)
        const allow = allowedAt(paths, pathnameOf(request))
        if (allow === undefined || allow.split(", ").includes(request.method)) return Effect.succeed(response)
        return Effect.succeed(
          HttpServerResponse.jsonUnsafe(
            { error: "invalid_request", error_description: `The method is not allowed; use ${allow}.` },
            { status: 405, headers: { allow, "cache-control": "no-store" } }
          )
        )
      }),
    { global: true }
  )

/**
 * Needs a storage, `AuthorizationServer.layer`, the host's `HostResolver`, and the HttpRouter it is merged into.
 */
export const layer = Layer.unwrap(
  Effect.gen(function* () {
    const issuers = yield* Issuer.Issuers
    const paths = [...new Set(issuers.map((issuer) => issuer.path))]
    const below = (path: string) =>
      Layer.merge(
        HttpApiBuilder.layer(ProtocolApi).pipe(
          Layer.provide(
            Layer.mergeAll(Browser.layer(path), Clients.layer(path), Resources.layer(path), Documents.layer(path))
          )
        ),
        preflights
      ).pipe(mountAt(path), Layer.merge(Documents.layerRoot(path)))
    const [first, ...rest] = paths.map(below)
    const all = rest.reduce((merged, next) => Layer.merge(merged, next), first!)
    return Layer.merge(all, methodNotAllowed(paths))
  })
)
