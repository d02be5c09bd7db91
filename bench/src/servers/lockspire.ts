/** Lockspire as a host composes it: the layers, and a host that knows its session by a cookie. */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import {
  AuthorizationServer,
  Client,
  ClientStore,
  ConsentStore,
  HostResolver,
  MemoryStorage,
  Refusals,
  ResourceStore,
  SecretHash
} from "@lockspire/core"
import { ProtocolRoutes } from "@lockspire/http"
import { NodeCrypto } from "@lockspire/http/node"
import { Migrations, PostgresStorage } from "@lockspire/storage-pg"
import { DateTime, Effect, Layer, Option, Redacted } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { createServer } from "node:http"
import { clientJwks } from "../load/keys.ts"
import { api, client, keyClient, person } from "../load/Target.ts"
import { options, ready } from "./serving.ts"

const { issuerPort, port, url } = options as {
  readonly port: number
  readonly url?: string
  /** Of the process whose issuer this one serves too. */
  readonly issuerPort?: number
}
const issuer = `http://localhost:${issuerPort ?? port}`
const signedInAt = DateTime.makeUnsafe(Date.now())
const cookie = "host-session"

const Host = Layer.succeed(HostResolver, {
  authentication: ({ cookies }) =>
    Effect.succeed(
      Option.map(Option.fromUndefinedOr(cookies[cookie]), (sessionId) => ({
        subject: person.subject,
        authTime: signedInAt,
        acr: undefined,
        amr: ["pwd"],
        sessionId
      }))
    ),
  signIn: ({ returnTo }) => Effect.succeed(`/sign-in?${new URLSearchParams({ returnTo })}`),
  claims: ({ subject }) => Effect.succeed(subject === person.subject ? Option.some(person.claims) : Option.none()),
  mayUse: () => Effect.succeed(true)
})

const SignIn = HttpRouter.add("GET", "/sign-in", (request) =>
  Effect.succeed(
    HttpServerResponse.redirect(new URL(request.originalUrl, issuer).searchParams.get("returnTo") ?? "/").pipe(
      HttpServerResponse.setCookieUnsafe(cookie, crypto.randomUUID(), { httpOnly: true, path: "/" })
    )
  )
)

const storage =
  url === undefined
    ? MemoryStorage.layer
    : Layer.unwrap(
        Effect.gen(function* () {
          const all = PostgresStorage.layerUrl({ url: Redacted.make(url) })
          return Layer.provideMerge(Migrations.layer, all)
        })
      )

/** The clients, the consent that the person gave them once, and the API. */
const Registered = Layer.effectDiscard(
  Effect.gen(function* () {
    const clients = yield* ClientStore
    const consents = yield* ConsentStore
    const resources = yield* ResourceStore
    const now = yield* DateTime.now
    yield* clients.put(
      Client.make({
        issuer,
        clientId: client.clientId,
        redirectUris: [client.redirectUri],
        grantTypes: ["authorization_code", "refresh_token", "client_credentials"],
        idTokenSignedResponseAlg: "ES256",
        secrets: [
          Client.makeSecret({ secretId: "1", hash: yield* SecretHash.hashSecret(client.clientSecret), createdAt: now })
        ]
      })
    )
    yield* clients.put(
      Client.make({
        issuer,
        clientId: keyClient.clientId,
        redirectUris: [keyClient.redirectUri],
        grantTypes: ["authorization_code"],
        tokenEndpointAuthMethod: "private_key_jwt",
        idTokenSignedResponseAlg: "ES256",
        metadata: {
          jwks: clientJwks,
          token_endpoint_auth_signing_alg: "ES256",
          require_pushed_authorization_requests: true,
          dpop_bound_access_tokens: true
        }
      })
    )
    for (const { clientId, offlineScope } of [client, keyClient]) {
      yield* consents.put({
        issuer,
        subject: person.subject,
        clientId,
        scope: offlineScope.split(" "),
        claims: [],
        resources: [],
        details: [],
        grantedAt: now,
        expiresAt: DateTime.add(now, { days: 1 })
      })
    }
    yield* resources.put({
      issuer,
      identifier: api.identifier,
      scopes: [api.scope],
      accessTokenFormat: "jwt",
      signingAlgorithm: "ES256",
      introspectionClients: []
    })
  })
)

const Server = AuthorizationServer.layer({
  issuers: [issuer],
  keyEncryptionKey: Redacted.make(new Uint8Array(32).fill(7)),
  crypto: NodeCrypto.layer
})

const main = HttpRouter.serve(Layer.merge(ProtocolRoutes.layer, SignIn), {
  disableListenLog: true,
  disableLogger: true
}).pipe(
  Layer.provide(NodeHttpServer.layer(() => createServer({ keepAliveTimeout: 60_000 }), { port, host: "127.0.0.1" })),
  Layer.provide(Registered),
  Layer.provide(Server),
  Layer.provide(Host),
  Layer.provide(Layer.succeed(Refusals, { record: () => Effect.void })),
  Layer.provide(storage)
)

Effect.runFork(Layer.launch(Layer.tap(main, () => Effect.sync(ready))))
