/** Issuer, demo host, relying party and API in one process on one port, as `lockspire dev` serves them. */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, it } from "@effect/vitest"
import { ProtocolRoutes } from "@lockspire/http"
import { DateTime, Effect, Layer, Logger, Redacted } from "effect"
import { HttpRouter } from "effect/http"
import { createServer } from "node:http"
import { AccountStore, AuthorizationServer, Client, ClientStore, MemoryStorage, SecretHash } from "@lockspire/core"
import { HostLive, HostRoutes } from "@lockspire/example-host"
import { RelyingParty } from "../src/index.ts"
import { approve, browser, freePort, press, secret, shown } from "./site.ts"

const client = (issuer: string, changes: Partial<Client.Client>): Client.Client =>
  Client.make({
    issuer,
    clientId: "demo",
    clientName: "Demo",
    grantTypes: ["authorization_code", "refresh_token"],
    tokenEndpointAuthMethod: "none",
    ...changes
  })

/** An account, a public client for the relying party, and a confidential one for its API. */
const registered = (issuer: string) =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const accounts = yield* AccountStore
      const clients = yield* ClientStore
      yield* accounts.put({
        issuer,
        subject: "248289761001",
        username: "demo",
        passwordHash: yield* SecretHash.hashChosen("demo"),
        claims: { name: "Demo Person", email: "demo@example.com" },
        acr: undefined,
        amr: ["pwd"]
      })
      yield* clients.put(client(issuer, { redirectUris: [`${issuer}/demo/callback`] }))
      yield* clients.put(
        client(issuer, {
          clientId: "demo-api",
          grantTypes: [],
          tokenEndpointAuthMethod: "client_secret_basic",
          introspectAllTokens: true,
          secrets: [
            Client.makeSecret({
              secretId: "1",
              hash: yield* SecretHash.hashSecret(secret),
              createdAt: DateTime.makeUnsafe("2026-01-01T00:00:00Z")
            })
          ]
        })
      )
    })
  )

const serve = (issuer: string, port: number) =>
  HttpRouter.serve(
    Layer.mergeAll(
      ProtocolRoutes.layer,
      HostRoutes.layer,
      RelyingParty.layer({ issuer, baseUrl: `${issuer}/demo`, apiClientSecret: Redacted.make(secret) })
    ),
    { disableListenLog: true, disableLogger: true }
  ).pipe(
    Layer.provide(NodeHttpServer.layer(() => createServer({ keepAliveTimeout: 1 }), { port, host: "localhost" })),
    Layer.provide(HostLive),
    Layer.provide(registered(issuer)),
    Layer.provide(
      AuthorizationServer.layer({
        issuers: [issuer],
        keyEncryptionKey: Redacted.make(new Uint8Array(32).fill(7)),
        prune: false
      })
    ),
    Layer.provide(MemoryStorage.layer),
    Layer.provide(Logger.layer([]))
  )

it.live("a person signs in with a password, consents, refreshes, calls the API, revokes and signs out", () =>
  Effect.gen(function* () {
    const port = yield* freePort
    const demo = `http://localhost:${port}/demo`
    yield* Layer.build(serve(`http://localhost:${port}`, port))
    yield* Effect.promise(async () => {
      const tab = browser()
      const signInPage = await press(tab, demo, "/sign-in")
      const consent = await tab.submit(signInPage, { username: "demo", password: "demo" })
      const signedIn = await approve(tab, consent)
      assert.strictEqual(signedIn.url.href, demo)
      assert.include(signedIn.body, "Signed in as Demo Person")
      assert.include(signedIn.body, "demo@example.com")

      const refreshed = await press(tab, demo, "/refresh")
      assert.notStrictEqual(shown(refreshed.body, "access token"), shown(signedIn.body, "access token"))
      assert.include((await press(tab, demo, "/userinfo")).body, "The issuer answered.")
      assert.include((await press(tab, demo, "/call-api")).body, "The API answered 200.")
      assert.include((await press(tab, demo, "/revoke")).body, "The issuer revoked the tokens.")
      assert.include((await press(tab, demo, "/call-api")).body, "The API answered 401.")
      assert.include((await press(tab, demo, "/sign-out")).body, ">Sign in</button>")

      const posting = await tab.visit(`${demo}/sign-in?response_mode=form_post`)
      const posted = await tab.submit(await approve(tab, posting), {})
      assert.include(posted.body, "Signed in as Demo Person")
    })
  }).pipe(Effect.scoped)
)
