/** The routes as a plain Node request listener, for Express, Fastify, connect or `http.createServer`. */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { Effect, Exit, Layer, Scope } from "effect"
import { HttpRouter } from "effect/http"
import type { IncomingMessage, ServerResponse } from "node:http"

export interface NodeHandler {
  /** Answers requests below the issuers' paths, and 404 for any other. The request's body must be unread. */
  readonly handler: (request: IncomingMessage, response: ServerResponse) => void
  /** Stops background work and closes storage. */
  readonly close: () => Promise<void>
}

type RouteLayer<E> = Layer.Layer<
  never,
  E,
  HttpRouter.HttpRouter | Layer.Success<typeof NodeHttpServer.layerHttpServices>
>

/** Builds `routes` (`ProtocolRoutes.layer` with everything it needs provided) once. Rejects when a layer fails to build. */
export const toNodeHandler = async <E>(routes: RouteLayer<E>): Promise<NodeHandler> => {
  const scope = Scope.makeUnsafe()
  const close = () => Effect.runPromise(Scope.close(scope, Exit.void))
  const handler = await Effect.runPromise(
    Effect.gen(function* () {
      const services = yield* Layer.build(NodeHttpServer.layerHttpServices)
      const httpEffect = yield* HttpRouter.toHttpEffect(routes).pipe(Effect.provideContext(services))
      return yield* NodeHttpServer.makeHandler(Effect.provideContext(httpEffect, services), { scope })
    }).pipe(
      Scope.provide(scope),
      Effect.onError(() => Scope.close(scope, Exit.void))
    )
  )
  return { handler, close }
}
