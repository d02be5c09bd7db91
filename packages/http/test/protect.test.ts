/** A host's own API behind both middlewares: beside the issuer on its storage, and far away over HTTP. */
import { assert, layer } from "@effect/vitest"
import { AccessTokenReader, DpopProof, StorageUnavailable } from "@lockspire/core"
import { Effect, Layer, Redacted, Ref } from "effect"
import { FetchHttpClient, HttpClient, HttpClientRequest } from "effect/http"
import { HttpApiClient, OpenApi } from "effect/http-api"
import { once } from "node:events"
import { createServer, type RequestListener } from "node:http"
import type { AddressInfo } from "node:net"
import { Protect } from "../src/index.ts"
import { TestIssuer } from "../src/testing/index.ts"
import { post, secret, signIn } from "./flow.ts"
import { Api, apiWith, bearer, everywhere, jwt, obtain, opaque, options, remote } from "./protectedApi.ts"
import { storages } from "./storages.ts"

/** Serves what a test says in place of an issuer; where it listens. */
const standIn = (answer: RequestListener) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.promise(async () => {
        const server = createServer(answer).listen(0, "localhost")
        await once(server, "listening")
        return server
      }),
      (server) => Effect.sync(() => void server.close())
    ),
    (server) => `http://localhost:${(server.address() as AddressInfo).port}`
  )

for (const [name, storage] of storages) {
  layer(TestIssuer.layer(storage, options), { timeout: "60 seconds", excludeTestServices: true })(
    `protected routes (${name})`,
    (it) => {
      it.effect("RFC 6750 §2.1: a valid token reaches the handler, in an HttpApi and in an HttpRouter", () =>
        Effect.gen(function* () {
          const { apis, issuer } = yield* everywhere()
          yield* Effect.promise(async () => {
            for (const { api, identifier, place } of apis) {
              const token = await obtain(issuer, identifier)
              for (const path of ["/notes", "/any", "/raw"]) {
                const answer = await api(path, bearer(token))
                assert.strictEqual(answer.status, 200, `${place} ${path}`)
                assert.deepStrictEqual(await answer.json(), { clientId: "app", scope: ["read"], subject: "alice" })
              }
              const inAnyCase = await api("/raw", { headers: { authorization: `bEaReR ${token}` } })
              assert.strictEqual(inAnyCase.status, 200)
            }
          })
        })
      )

      it.effect("RFC 6750 §3, RFC 9728 §5.1: the challenge says what was wrong, and where to get a token", () =>
        Effect.gen(function* () {
          const { apis, issuer } = yield* everywhere()
          yield* Effect.promise(async () => {
            for (const { api, identifier, place } of apis) {
              const path = new URL(identifier).pathname
              const metadata = `resource_metadata="https://api.example/.well-known/oauth-protected-resource${path}"`
              const realm = `Bearer realm="${identifier}"`
              const algs = DpopProof.proofAlgorithms.join(" ")
              const none = `${realm}, ${metadata}, DPoP realm="${identifier}", ${metadata}, algs="${algs}"`
              const other = await obtain(issuer, identifier === jwt ? opaque : jwt)
              const plain = await obtain(issuer, undefined)
              const good = await obtain(issuer, identifier)
              const invalid = `${realm}, error="invalid_token", error_description="The access token is unknown, expired or revoked.", ${metadata}`
              const rows: ReadonlyArray<readonly [string, RequestInit, status: number, challenge: string]> = [
                ["/raw", {}, 401, none],
                ["/notes", {}, 401, none],
                ["/notes", { headers: { authorization: "Basic YTpi" } }, 401, none],
                [`/notes?access_token=${good}`, {}, 401, none],
                ["/raw", bearer("made-up"), 401, invalid],
                ["/notes", bearer(`${good}x`), 401, invalid],
                ["/notes", bearer(other), 401, invalid],
                ["/any", bearer(plain), 401, invalid],
                [
                  "/raw",
                  { headers: { authorization: "Bearer" } },
                  400,
                  `${realm}, error="invalid_request", error_description="The parameter Authorization is malformed.", ${metadata}`
                ],
                [
                  "/notes",
                  { ...bearer(good), method: "POST" },
                  403,
                  `${realm}, error="insufficient_scope", error_description="The access token does not carry the scope.", scope="read write", ${metadata}`
                ]
              ]
              for (const [at, init, status, challenge] of rows) {
                const answer = await api(at, init)
                assert.strictEqual(answer.status, status, `${place} ${at} ${challenge}`)
                assert.strictEqual(answer.headers.get("www-authenticate"), challenge)
                assert.strictEqual(answer.headers.get("cache-control"), "no-store")
                assert.match(answer.headers.get("lockspire-trace") ?? "", /^[\w-]{12}$/)
                assert.strictEqual(
                  ((await answer.json()) as { error?: string }).error === undefined,
                  challenge === none
                )
              }
            }
          })
        })
      )

      it.effect(
        "RFC 9470 §3, §4: a step-up challenge names what is asked for, and a stronger sign-in satisfies it",
        () =>
          Effect.gen(function* () {
            const { person } = yield* TestIssuer.TestIssuer
            const { apis, issuer } = yield* everywhere()
            for (const { api, identifier, place } of apis) {
              const weak = yield* Effect.promise(() => obtain(issuer, identifier))
              const refused = yield* Effect.promise(() => api("/secret", bearer(weak)))
              assert.strictEqual(refused.status, 401, place)
              assert.include(
                refused.headers.get("www-authenticate"),
                'error="insufficient_user_authentication", error_description="The person has to authenticate again, or more strongly.", acr_values="gold platinum", max_age="300", scope="read"'
              )
              yield* Ref.update(person, (before) => ({ ...before, acr: "gold" }))
              const strong = yield* Effect.promise(() => obtain(issuer, identifier))
              const taken = yield* Effect.promise(() => api("/secret", bearer(strong)))
              assert.strictEqual(taken.status, 200, place)
              yield* Ref.update(person, (before) => ({ ...before, acr: undefined }))
            }
          })
      )

      it.effect("RFC 9728 §3: the resource's document is at its well-known place, for any origin", () =>
        Effect.gen(function* () {
          const { apis, issuer } = yield* everywhere()
          yield* Effect.promise(async () => {
            for (const { api, identifier } of apis) {
              const at = `/.well-known/oauth-protected-resource${new URL(identifier).pathname}`
              const answer = await api(at)
              assert.strictEqual(answer.status, 200)
              assert.strictEqual(answer.headers.get("access-control-allow-origin"), "*")
              assert.deepStrictEqual(await answer.json(), {
                resource: identifier,
                authorization_servers: [issuer],
                scopes_supported: ["read", "write"],
                bearer_methods_supported: ["header"],
                dpop_signing_alg_values_supported: DpopProof.proofAlgorithms,
                resource_name: "Notes"
              })
              assert.strictEqual((await api("/.well-known/oauth-protected-resource")).status, 404)
              assert.strictEqual((await api(at, { method: "OPTIONS" })).status, 204)
            }
          })
        })
      )

      it.effect("RFC 7009 §2: a revoked token is refused at once by whoever asks the issuer", () =>
        Effect.gen(function* () {
          const { apis, issuer } = yield* everywhere()
          const always = yield* apiWith(
            issuer,
            jwt,
            remote(issuer, {
              introspection: { clientId: "api", clientSecret: Redacted.make(secret), everyToken: true }
            })
          )
          yield* Effect.promise(async () => {
            for (const { api, identifier, place } of [...apis, { api: always, identifier: jwt, place: "always" }]) {
              const token = await obtain(issuer, identifier)
              assert.strictEqual((await api("/raw", bearer(token))).status, 200)
              await post(`${issuer}/revoke`, "app", { token })
              // A JWT verified far away by its signature is good until it expires.
              const expected = place === `remote ${jwt}` ? 200 : 401
              assert.strictEqual((await api("/raw", bearer(token))).status, expected, place)
            }
          })
        })
      )

      it.effect("RFC 9728 §2: OpenAPI and typed clients know of the protection", () =>
        Effect.gen(function* () {
          const { apis, issuer } = yield* everywhere()
          const { api, identifier } = apis[0]!
          const spec = OpenApi.fromApi(Api)
          assert.deepStrictEqual(spec.components.securitySchemes["bearer"], { type: "http", scheme: "Bearer" })
          assert.deepStrictEqual(spec.components.securitySchemes["dpop"], { type: "http", scheme: "DPoP" })
          assert.deepStrictEqual(spec.paths["/notes"]!.get!.security, [{ bearer: [] }, { dpop: [] }])
          assert.containsAllKeys(spec.paths["/notes"]!.get!.responses, ["200", "400", "401", "403", "503"])
          const typed = HttpApiClient.make(Api, { baseUrl: "https://api.example" }).pipe(
            Effect.provide(FetchHttpClient.layer),
            Effect.provideService(FetchHttpClient.Fetch, (url, init) =>
              api(url instanceof Request ? url.url : url.toString(), init)
            )
          )
          const refused = yield* Effect.flatMap(typed, (one) => Effect.flip(one.notes.list()))
          assert.deepStrictEqual(refused, {})
          const token = yield* Effect.promise(() => obtain(issuer, identifier))
          const signed = HttpApiClient.make(Api, {
            baseUrl: "https://api.example",
            transformClient: HttpClient.mapRequest(HttpClientRequest.bearerToken(token))
          }).pipe(
            Effect.provide(FetchHttpClient.layer),
            Effect.provideService(FetchHttpClient.Fetch, (url, init) =>
              api(url instanceof Request ? url.url : url.toString(), init)
            )
          )
          assert.strictEqual((yield* Effect.flatMap(signed, (one) => one.notes.list())).subject, "alice")
        })
      )
    }
  )
}

layer(TestIssuer.layer(storages[0][1], options), { timeout: "60 seconds", excludeTestServices: true })(
  "a protected resource far from its issuer",
  (it) => {
    it.effect("an issuer that is away, broken or another one is a 503, and no token is taken on faith", () =>
      Effect.gen(function* () {
        const { issuer } = yield* TestIssuer.TestIssuer
        const token = yield* Effect.promise(() => obtain(issuer, jwt))
        const stand = yield* Effect.forEach(
          [
            (_request, response) => response.writeHead(500).end("{}"),
            (_request, response) => response.end("<html>"),
            (_request, response) => response.writeHead(302, { location: `${issuer}/jwks` }).end(),
            (_request, response) => response.end(JSON.stringify({ issuer, jwks_uri: `${issuer}/jwks` }))
          ] satisfies ReadonlyArray<RequestListener>,
          standIn
        )
        const nobody = "http://localhost:1"
        for (const at of [...stand, nobody]) {
          const api = yield* apiWith(at, opaque, remote(at))
          const answer = yield* Effect.promise(() => api("/raw", bearer("an-opaque-token")))
          assert.strictEqual(answer.status, 503)
          assert.strictEqual(answer.headers.get("retry-after"), "5")
          // Another issuer's token is refused before anybody is asked.
          const foreign = yield* Effect.promise(() => api("/raw", bearer(token)))
          assert.strictEqual(foreign.status, 401)
        }
      })
    )

    it.effect("storage that is away is a 503, a defect a 500, and neither lets anybody in", () =>
      Effect.gen(function* () {
        const { issuer } = yield* TestIssuer.TestIssuer
        const rows = [
          [new StorageUnavailable({ cause: "away" }), 503, "temporarily_unavailable"],
          [new Error("a secret of ours"), 500, "server_error"]
        ] as const
        for (const [defect, status, error] of rows) {
          const broken = Layer.succeed(AccessTokenReader, {
            clockSkew: 0,
            read: () => Effect.die(defect),
            confirm: () => Effect.die(defect)
          })
          const api = yield* apiWith(issuer, opaque, broken)
          for (const path of ["/raw", "/any"]) {
            const answer = yield* Effect.promise(() => api(path, bearer("a-token")))
            assert.strictEqual(answer.status, status)
            const body = yield* Effect.promise(() => answer.text())
            assert.strictEqual((JSON.parse(body) as { readonly error: string }).error, error)
            assert.notInclude(body, "secret")
          }
        }
      })
    )

    it.effect("RFC 7662 §2.1: a resource that may not ask is told nothing, and takes nothing", () =>
      Effect.gen(function* () {
        const { issuer } = yield* TestIssuer.TestIssuer
        const token = yield* Effect.promise(() => obtain(issuer, opaque))
        const rows = [
          [remote(issuer), 200],
          [remote(issuer, { introspection: { clientId: "api", clientSecret: Redacted.make("wrong") } }), 503],
          [Protect.layerRemote({ issuer }).pipe(Layer.provide(FetchHttpClient.layer)), 401]
        ] as const
        for (const [reader, status] of rows) {
          const api = yield* apiWith(issuer, opaque, reader)
          assert.strictEqual((yield* Effect.promise(() => api("/raw", bearer(token)))).status, status)
        }
      })
    )

    it.effect("RFC 6749 §1.5: a refresh token is no access token, even where introspection calls it active", () =>
      Effect.gen(function* () {
        const { issuer } = yield* TestIssuer.TestIssuer
        const tokens = yield* Effect.promise(() =>
          signIn(issuer, "app", { resource: opaque, scope: "openid offline_access read", nonce: undefined })
        )
        const asTheClient = remote(issuer, { introspection: { clientId: "app", clientSecret: Redacted.make(secret) } })
        const api = yield* apiWith(issuer, opaque, asTheClient)
        const answer = yield* Effect.promise(() => api("/raw", bearer(tokens.refresh_token)))
        assert.strictEqual(answer.status, 401)
      })
    )
  }
)
