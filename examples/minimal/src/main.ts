/** The whole of it in one process: Lockspire, this host, one client, and nothing that outlives it. */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { AuthorizationServer, MemoryStorage } from "@lockspire/core"
import { ProtocolRoutes } from "@lockspire/http"
import { Layer, Redacted } from "effect"
import { HttpRouter } from "effect/http"
import { randomBytes } from "node:crypto"
import { createServer } from "node:http"
import { firstClient } from "./firstClient.ts"
import { HostLive, HostRoutes } from "./index.ts"

const port = Number(process.env.PORT ?? 3000)
const issuer = `http://localhost:${port}`

const Lockspire = AuthorizationServer.layer({
  issuers: [issuer],
  keyEncryptionKey: Redacted.make(new Uint8Array(randomBytes(32)))
})

const Routes = Layer.mergeAll(
  ProtocolRoutes.layer,
  HostRoutes.layer,
  firstClient(issuer, "http://localhost:8080/callback")
)

HttpRouter.serve(Routes, { disableLogger: true }).pipe(
  Layer.provide(NodeHttpServer.layer(createServer, { port, host: "localhost" })),
  Layer.provide(HostLive),
  Layer.provide(Lockspire),
  Layer.provide(MemoryStorage.layer),
  Layer.launch,
  NodeRuntime.runMain
)
