/** The routes as a web-standard handler, for Hono, Next.js, Bun, Deno or any other host of `Request` and `Response`. */
import { Layer } from "effect"
import { HttpRouter, HttpServer } from "effect/http"

export interface WebHandler {
  /** Answers requests below the issuers' paths, and 404 for any other. */
  readonly handler: (request: Request) => Promise<Response>
  /** Stops background work and closes storage. */
  readonly dispose: () => Promise<void>
}

/** `routes` is `ProtocolRoutes.layer` with everything it needs provided; it is built at the first request. */
export const toWebHandler = <E>(
  routes: Layer.Layer<never, E, HttpRouter.HttpRouter | Layer.Success<typeof HttpServer.layerServices>>
): WebHandler => HttpRouter.toWebHandler(routes.pipe(Layer.provide(HttpServer.layerServices)), { disableLogger: true })
