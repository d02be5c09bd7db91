/** Where the endpoints that `ProtocolApi` describes come into the router. */
import { Effect } from "effect"
import { HttpRouter, type HttpServerRequest, type HttpServerResponse } from "effect/http"

type Handler = (
  request: HttpServerRequest.HttpServerRequest
) => Effect.Effect<HttpServerResponse.HttpServerResponse, never, HttpRouter.RouteContext>

/**
 * A route for every endpoint of a group. Each is handed the bare request: our strict readers read every byte by
 * themselves, and what HttpApi's own handlers do before that costs a request 10 µs.
 */
export const routes = <Name extends string, E, R>(
  group: { readonly endpoints: Readonly<Record<Name, { readonly method: string; readonly path: string }>> },
  handlers: Effect.Effect<Readonly<Record<Name, Handler>>, E, R>
) =>
  HttpRouter.use(
    Effect.fnUntraced(function* (router) {
      const handlerOf = yield* handlers
      for (const name in group.endpoints) {
        const { method, path } = group.endpoints[name]
        yield* router.add(method as "GET" | "POST", path as HttpRouter.PathInput, handlerOf[name])
      }
    })
  )
