/** A host's own look, over the web-standard handler: what the host guide promises. */
import { AuthorizationServer, Client, ClientStore, HostResolver, MemoryStorage } from "@lockspire/core"
import { Pages, ProtocolRoutes, toWebHandler } from "@lockspire/http"
import { NodeCrypto } from "@lockspire/http/node"
import { DateTime, Effect, Layer, Option, Redacted } from "effect"
import { afterAll, assert, test } from "vitest"

const issuer = "http://localhost:3000/oauth"
const redirectUri = "http://localhost:8080/callback"

const Look = Layer.mergeAll(
  Layer.succeed(Pages.Brand, { name: "Example Bank", css: ":root { --accent: #0b6e4f }" }),
  Layer.succeed(Pages.ConsentPage, (view, action) =>
    Pages.page({
      title: "May we?",
      body: Pages.html`<form method="post" action="${action}">${view.request.scope.join(" ")} for ${view.subject}</form>`
    })
  )
)
const Host = Layer.succeed(HostResolver, {
  authentication: () =>
    Effect.succeed(
      Option.some({
        subject: "alice",
        authTime: DateTime.nowUnsafe(),
        acr: undefined,
        amr: ["pwd"],
        sessionId: "session"
      })
    ),
  signIn: () => Effect.succeed("/sign-in"),
  claims: () => Effect.succeed(Option.some({})),
  mayUse: () => Effect.succeed(true)
})
const app = Client.make({ issuer, clientId: "app", redirectUris: [redirectUri], tokenEndpointAuthMethod: "none" })

const { dispose, handler } = toWebHandler(
  ProtocolRoutes.layer.pipe(
    Layer.provide(Look),
    Layer.provide(Layer.effectDiscard(ClientStore.use((clients) => clients.put(app)))),
    Layer.provide(Host),
    Layer.provide(
      AuthorizationServer.layer({
        issuers: [issuer],
        keyEncryptionKey: Redacted.make(new Uint8Array(32)),
        crypto: NodeCrypto.layer
      })
    ),
    Layer.provide(MemoryStorage.layer)
  )
)
afterAll(dispose)

const authorize = (more: Record<string, string> = {}) => {
  const query = new URLSearchParams({
    client_id: "app",
    redirect_uri: redirectUri,
    response_type: "code",
    scope: "openid",
    code_challenge: "a".repeat(43),
    code_challenge_method: "S256",
    ...more
  })
  return handler(new Request(`${issuer}/authorize?${query.toString()}`))
}

test("Look: a host's consent page replaces ours", async () => {
  const begun = await authorize()
  const [cookie = ""] = begun.headers.getSetCookie()
  const page = await handler(
    new Request(begun.headers.get("location")!, { headers: { cookie: cookie.split(";")[0]! } })
  )
  assert.strictEqual(page.status, 200)
  assert.include(await page.text(), "openid for alice")
})

test("Look: the host's name stands above the pages that stay ours", async () => {
  const error = await authorize({ redirect_uri: "https://evil.example/" })
  const formPost = await authorize({ response_mode: "form_post", prompt: "none" })
  for (const page of [error, formPost]) {
    const text = await page.text()
    assert.include(text, "Example Bank")
    assert.include(text, "--accent: #0b6e4f")
  }
})
