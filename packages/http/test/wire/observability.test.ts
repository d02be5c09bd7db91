import { assert, it } from "@effect/vitest"
import { AuthorizationServer, MemoryStorage, Refusals } from "@lockspire/core"
import { TestHost } from "@lockspire/core/testing"
import { NodeCrypto } from "@lockspire/http/node"
import { Effect, Layer, Redacted, References, Tracer } from "effect"
import { HttpRouter } from "effect/http"
import { ProtocolRoutes, toWebHandler } from "../../src/index.ts"

const issuer = "https://id.example"

it("what a host's middleware says of a request stands with what we log of it: annotations, and the span it is part of", async () => {
  const seen: Array<object> = []
  const record = Effect.fnUntraced(function* () {
    const annotations = yield* References.CurrentLogAnnotations
    const span = yield* Effect.serviceOption(Tracer.ParentSpan)
    const ofSpans = yield* References.TracerSpanAnnotations
    seen.push({
      annotations,
      ofSpans,
      span: span._tag === "Some" && span.value._tag === "Span" ? span.value.name : undefined
    })
  })
  const annotated = HttpRouter.middleware(
    (route) =>
      route.pipe(Effect.annotateLogs("request", "r-1"), Effect.withSpan("host"), Effect.annotateSpans("tenant", "t-1")),
    { global: true }
  )
  const server = AuthorizationServer.layer({
    issuers: [issuer],
    keyEncryptionKey: Redacted.make(new Uint8Array(32).fill(7)),
    crypto: NodeCrypto.layer
  })
  const { dispose, handler } = toWebHandler(
    Layer.merge(ProtocolRoutes.layer, annotated).pipe(
      Layer.provide(server),
      Layer.provide(Layer.mergeAll(MemoryStorage.layer, TestHost.layer, Layer.succeed(Refusals, { record })))
    )
  )
  const response = await handler(new Request(`${issuer}/token`, { method: "POST" }))
  assert.strictEqual(response.status, 400)
  assert.deepStrictEqual(seen, [{ annotations: { request: "r-1" }, ofSpans: { tenant: "t-1" }, span: "host" }])
  await dispose()
})
