/**
 * Every protocol route, as a layer that a host merges into its own HttpRouter. Where the routes are comes from the
 * configured issuers: each issuer's endpoints stand below its path, its metadata also at the well-known places of the
 * host's root.
 */
import { Issuer } from "@lockspire/core"
import { Effect, Layer } from "effect"
import { HttpEffect, HttpRouter, HttpServerResponse } from "effect/http"
import * as Browser from "./server/browser.ts"
import * as Clients from "./server/clients.ts"
import * as Documents from "./server/documents.ts"
import * as Resources from "./server/resources.ts"
import { allowedAt, endpoints, isSpelledAs, pathnameOf } from "./wire/endpoints.ts"
import { preflight } from "./wire/response.ts"

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

const notFound = HttpServerResponse.empty({ status: 404 })

const preflights = (path: string) =>
  HttpRouter.use(
    Effect.fnUntraced(function* (router) {
      for (const [location, { crossOrigin, methods }] of endpoints) {
        if (!crossOrigin) continue
        const allowed = preflight(methods)
        yield* router.add("OPTIONS", location, (request) =>
          Effect.succeed(isSpelledAs(path, pathnameOf(request)) ? allowed : notFound)
        )
      }
    })
  )

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
        Layer.mergeAll(Browser.layer(path), Clients.layer(path), Resources.layer(path), Documents.layer(path)),
        preflights(path)
      ).pipe(mountAt(path), Layer.merge(Documents.layerRoot(path)))
    const [first, ...rest] = paths.map(below)
    const all = rest.reduce((merged, next) => Layer.merge(merged, next), first!)
    return Layer.merge(all, methodNotAllowed(paths))
  })
)
