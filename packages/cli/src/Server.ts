/** The parts put together: storage outermost, then the server's services, then the routes, then the socket. */
import { AuthorizationServer, type Egress, type HostResolver, Issuer, type MemoryStorage } from "@lockspire/core"
import { ProtocolRoutes } from "@lockspire/http"
import { NodeCrypto, NodeEgress } from "@lockspire/http/node"
import { Effect, Layer, Option, type Redacted } from "effect"
import { HttpEffect, HttpRouter, HttpServerResponse } from "effect/http"
import { type CommandFailed, failed } from "./CommandFailed.ts"
import * as Listener from "./Listener.ts"

type Key = Redacted.Redacted<Uint8Array>

/** Every issuer of a list, or one sentence for each that cannot be one. */
export const checkIssuer = (identifier: string): Effect.Effect<Issuer.Issuer, CommandFailed> =>
  Effect.mapError(Issuer.make(identifier), (error) => failed(error.message))

/** The services of every pipeline, over a storage; signing keys are made on the first start. */
export const services = <E, R>(
  storage: Layer.Layer<MemoryStorage.Ports, E, R>,
  issuers: readonly [string, ...ReadonlyArray<string>],
  keyEncryptionKey: Key,
  previousKey: Option.Option<Key>,
  egress: Layer.Layer<Egress.Egress>
) =>
  AuthorizationServer.layer({
    issuers,
    egress,
    keyEncryptionKey,
    previousKeyEncryptionKeys: Option.toArray(previousKey),
    crypto: NodeCrypto.layer
  }).pipe(
    Layer.catchTag("IssuerInvalid", (error) => Layer.effectContext(Effect.fail(failed(error.message)))),
    Layer.provideMerge(storage)
  )

/** The guarded way out, and a warning for every host for which it is open. */
export const egress = (allowHosts: ReadonlyArray<string>) =>
  Effect.as(
    Effect.forEach(allowHosts, (host) =>
      /^[a-z0-9.:[\]-]+$/i.test(host)
        ? Effect.logWarning(`DANGER: the outbound guard is open for ${host} (--egress-allow)`)
        : Effect.fail(failed(`--egress-allow takes the name of a host, or its address, and "${host}" is neither.`))
    ),
    NodeEgress.layer({ allowHosts })
  )

/**
 * RFC 6797 §7.1, FAPI 2.0 Security Profile §5.2.3 no. 1: a browser that was here once comes by https for a year. For
 * production alone: on a name that a developer shares with other servers it would take those away.
 */
export const strictTransport = HttpRouter.middleware(
  (httpEffect) =>
    HttpEffect.withPreResponseHandler(httpEffect, (_request, response) =>
      Effect.succeed(HttpServerResponse.setHeader(response, "strict-transport-security", "max-age=31536000"))
    ),
  { global: true }
)

/**
 * Serves the protocol and `routes` until the scope closes. Everything they need is built before: a request that reaches
 * a socket without routes is never answered.
 */
export const serve = <E, R, E2, R2>(
  routes: Layer.Layer<never, E, R>,
  host: Layer.Layer<HostResolver, E2, R2>,
  listen: Listener.Options,
  certificates: Layer.Layer<never>
) =>
  HttpRouter.serve(Layer.provide(Layer.merge(ProtocolRoutes.layer, routes), host), {
    disableLogger: true,
    disableListenLog: true
  }).pipe(Layer.provide(certificates), Layer.provide(Listener.layer(listen)))
