/** This host and Lockspire, running in memory on a free port, with one account and one client. */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import {
  type Account,
  AccountStore,
  AuthorizationServer,
  Client,
  ClientStore,
  MemoryStorage,
  SecretHash
} from "@lockspire/core"
import { ProtocolRoutes } from "@lockspire/http"
import { NodeCrypto } from "@lockspire/http/node"
import { TestBrowser } from "@lockspire/http/testing"
import { Context, Effect, Layer, Redacted } from "effect"
import { HttpRouter } from "effect/http"
import { createServer } from "node:http"
import { type AddressInfo, createServer as createProbe } from "node:net"
import { defaults, HostLive, HostOptions, HostRoutes, type Options } from "../src/index.ts"

const freePort = Effect.callback<number>((resume) => {
  const probe = createProbe()
  probe.listen(0, "127.0.0.1", () => {
    const { port } = probe.address() as AddressInfo
    probe.close(() => resume(Effect.succeed(port)))
  })
})

export const redirectUri = "https://client.example/callback"

const client = Client.make({
  issuer: "",
  clientId: "notes",
  clientName: "Notes <app>",
  redirectUris: [redirectUri],
  grantTypes: ["authorization_code", "refresh_token"],
  tokenEndpointAuthMethod: "none"
})

export class TestHost extends Context.Service<
  TestHost,
  { readonly issuer: string; readonly accounts: AccountStore["Service"] }
>()("test/TestHost") {
  static readonly layer = (path = "", options: Options = defaults) =>
    Layer.unwrap(
      Effect.map(freePort, (port) => {
        const issuer = `http://localhost:${port}${path}`
        const Seeded = Layer.effect(
          TestHost,
          Effect.gen(function* () {
            const accounts = yield* AccountStore
            const clients = yield* ClientStore
            const alice: Account.Account = {
              issuer,
              subject: "subject-of-alice",
              username: "alice",
              passwordHash: yield* SecretHash.hashChosen("correct horse"),
              claims: { name: "Alice" },
              acr: "urn:example:password",
              amr: ["pwd"]
            }
            yield* accounts.put(alice)
            yield* clients.put({ ...client, issuer })
            return { issuer, accounts }
          })
        )
        return HttpRouter.serve(Layer.merge(ProtocolRoutes.layer, HostRoutes.layer), {
          disableListenLog: true,
          disableLogger: true
        }).pipe(
          Layer.provide(NodeHttpServer.layer(() => createServer({ keepAliveTimeout: 1 }), { port, host: "localhost" })),
          Layer.provide(HostLive),
          Layer.provide(Layer.succeed(HostOptions, options)),
          Layer.provideMerge(Seeded),
          Layer.provide(
            AuthorizationServer.layer({
              issuers: [issuer],
              keyEncryptionKey: Redacted.make(new Uint8Array(32).fill(7)),
              crypto: NodeCrypto.layer,
              prune: false
            })
          ),
          Layer.provide(MemoryStorage.layer)
        )
      })
    )
}

export const newBrowser = () => new TestBrowser((url) => url.origin === "https://client.example")

export const authorizationUrl = (issuer: string, extra: Record<string, string> = {}): string =>
  `${issuer}/authorize?${new URLSearchParams({
    client_id: "notes",
    response_type: "code",
    redirect_uri: redirectUri,
    scope: "openid profile",
    state: "state",
    code_challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    code_challenge_method: "S256",
    ...extra
  }).toString()}`

/** The value of this host's session cookie in a browser. */
export const sessionCookie = (browser: TestBrowser): string | undefined =>
  [...browser.cookies].find(([name]) => name.startsWith("session-"))?.[1]

export const credentials = { username: "alice", password: "correct horse" }
