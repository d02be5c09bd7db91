/** Sender-constrained tokens at a host's own routes, brought by oauth4webapi, and every way of bringing them wrong. */
import { assert, layer } from "@effect/vitest"
import { DpopProof } from "@lockspire/core"
import { Certificates } from "@lockspire/core/testing"
import { Effect, Layer, Redacted, Ref } from "effect"
import * as oauth from "oauth4webapi"
import { CertificateSource } from "../src/index.ts"
import { ClientCertificates } from "../src/node/index.ts"
import { TestIssuer } from "../src/testing/index.ts"
import { authorize, basic, redirectUri, verifier } from "./flow.ts"
import { apiWith, everywhere, jwt, opaque, options, remote } from "./protectedApi.ts"
import { storages } from "./storages.ts"

const certificateHeader = "client-cert"
const issuerOptions = {
  ...options,
  clients: [
    ...options.clients,
    { ...options.clients[0], clientId: "certified", metadata: { tls_client_certificate_bound_access_tokens: true } }
  ],
  // A proxy in front of the issuer, as far as the issuer can tell.
  certificates: () =>
    ClientCertificates.layerHeader({
      header: certificateHeader,
      format: "rfc9440",
      chainVerifiedByProxy: false,
      trustedProxies: ["127.0.0.1", "::1"]
    })
} satisfies TestIssuer.TestIssuerOptions

/** The header is the certificate for the API too, which is called without a socket. */
const certificates = Layer.succeed(CertificateSource, (request) => {
  const value = request.headers[certificateHeader]
  return value === undefined
    ? undefined
    : { der: new Uint8Array(Buffer.from(value.slice(1, -1), "base64")), isChainTrusted: false }
})

type Api = (path: string, init?: RequestInit) => Promise<Response>

const client: oauth.Client = { client_id: "app" }
const origin = "https://api.example"

/** A client's key, which follows the nonces it is given. */
const aKey = async () => oauth.DPoP(client, await oauth.generateKeyPair("ES256"))

/** The code flow, with whatever the client proves at the token endpoint. */
const obtain = async (
  issuer: string,
  resource: string,
  {
    clientId = "app",
    dpop,
    headers = {}
  }: { clientId?: string; dpop?: oauth.DPoPHandle; headers?: Record<string, string> } = {}
) => {
  const server = { issuer, token_endpoint: `${issuer}/token` }
  const response = await authorize(issuer, clientId, { resource, scope: "openid read", nonce: undefined })
  const answer = await oauth.genericTokenEndpointRequest(
    server,
    { client_id: clientId },
    (_server, _client, _body, sent) => sent.set("authorization", basic(clientId)["authorization"]!),
    "authorization_code",
    { code: response.get("code")!, redirect_uri: redirectUri, code_verifier: verifier },
    { [oauth.allowInsecureRequests]: true, headers, ...(dpop === undefined ? {} : { DPoP: dpop }) }
  )
  const tokens = (await answer.json()) as { readonly access_token: string; readonly token_type: string }
  assert.strictEqual(tokens.token_type, dpop === undefined ? "Bearer" : "DPoP")
  return tokens.access_token
}

/** A request of oauth4webapi to the API. */
const call = (api: Api, path: string, token: string, dpop: oauth.DPoPHandle, method = "GET") =>
  oauth.protectedResourceRequest(token, method, new URL(path, origin), undefined, null, {
    DPoP: dpop,
    [oauth.customFetch]: (url, init) => api(new URL(url).pathname, init as RequestInit)
  })

/** What oauth4webapi would have sent. */
const sent = async (path: string, token: string, dpop: oauth.DPoPHandle, method = "GET") => {
  let headers = new Headers()
  const keep: Api = (_path, init) => {
    headers = new Headers(init?.headers)
    return Promise.resolve(new Response())
  }
  await call(keep, path, token, dpop, method)
  return { authorization: headers.get("authorization")!, dpop: headers.get("dpop")! }
}

for (const [name, storage] of storages) {
  layer(TestIssuer.layer(storage, issuerOptions), { timeout: "60 seconds", excludeTestServices: true })(
    `bound tokens at protected routes (${name})`,
    (it) => {
      it.effect("RFC 9449 §7.1: oauth4webapi's requests reach the handler, in an HttpApi and in an HttpRouter", () =>
        Effect.gen(function* () {
          const { apis, issuer } = yield* everywhere()
          yield* Effect.promise(async () => {
            for (const { api, identifier, place } of apis) {
              const dpop = await aKey()
              const token = await obtain(issuer, identifier, { dpop })
              for (const path of ["/notes", "/any", "/raw", "/raw?a=b"]) {
                const answer = await call(api, path, token, dpop)
                assert.strictEqual(answer.status, 200, `${place} ${path}`)
                assert.deepStrictEqual(await answer.json(), { clientId: "app", scope: ["read"], subject: "alice" })
              }
              const { authorization, dpop: proof } = await sent("/raw", token, dpop)
              const inAnyCase = await api("/raw", {
                headers: { authorization: authorization.replace("DPoP", "dPoP"), dpop: proof }
              })
              assert.strictEqual(inAnyCase.status, 200)
            }
          })
        })
      )

      it.effect("RFC 9449 §7.1, §7.2: whatever is wrong with the proof is refused, and the challenge says it", () =>
        Effect.gen(function* () {
          const { apis, issuer } = yield* everywhere()
          yield* Effect.promise(async () => {
            for (const { api, identifier, place } of apis) {
              const [key, other] = [await aKey(), await aKey()]
              const token = await obtain(issuer, identifier, { dpop: key })
              const bearer = await obtain(issuer, identifier)
              const second = await obtain(issuer, identifier, { dpop: key })
              for (const path of ["/notes", "/raw"]) {
                const used = await sent(path, token, key)
                assert.strictEqual((await api(path, { headers: used })).status, 200)
                const fresh = () => sent(path, token, key)
                const rows: ReadonlyArray<readonly [what: string, headers: Record<string, string>, error: string]> = [
                  ["no proof", { authorization: used.authorization }, "invalid_dpop_proof"],
                  ["no proof at all", { ...(await fresh()), dpop: "x" }, "invalid_dpop_proof"],
                  ["another key", await sent(path, token, other), "invalid_token"],
                  ["as a bearer token", { authorization: `Bearer ${token}` }, "invalid_token"],
                  ["and with a proof", { ...(await fresh()), authorization: `Bearer ${token}` }, "invalid_token"],
                  ["another URI", await sent("/any", token, key), "invalid_dpop_proof"],
                  ["another method", await sent(path, token, key, "POST"), "invalid_dpop_proof"],
                  [
                    "another token's",
                    { ...(await sent(path, second, key)), authorization: used.authorization },
                    "invalid_dpop_proof"
                  ],
                  ["replayed", used, "invalid_dpop_proof"],
                  ["a bearer token", await sent(path, bearer, key), "invalid_token"]
                ]
                for (const [what, headers, error] of rows) {
                  const answer = await api(path, { headers })
                  const challenge = answer.headers.get("www-authenticate")
                  assert.strictEqual(answer.status, 401, `${place} ${path} ${what} ${challenge}`)
                  assert.isTrue(challenge!.startsWith(`DPoP error="${error}", `), challenge!)
                  assert.include(challenge, `algs="${DpopProof.proofAlgorithms.join(" ")}"`)
                  assert.include(challenge, 'resource_metadata="')
                  assert.notInclude(challenge, "Bearer")
                  assert.strictEqual(((await answer.json()) as { readonly error: string }).error, error)
                }
              }
              // The origin is the configured one, whatever host the request was sent to.
              const elsewhere = "https://evil.example/raw"
              const toElsewhere = async (path: string) =>
                (await api(elsewhere, { headers: await sent(path, token, key) })).status
              assert.deepStrictEqual([await toElsewhere(elsewhere), await toElsewhere("/raw")], [401, 200])
              const scopes = await call(api, "/notes", token, key, "POST").catch((error: unknown) => error)
              assert.instanceOf(scopes, oauth.WWWAuthenticateChallengeError)
              assert.strictEqual(scopes.cause[0]!.scheme, "dpop")
              assert.strictEqual(scopes.cause[0]!.parameters.error, "insufficient_scope")
            }
          })
        })
      )

      it.effect("RFC 8705 §3: a token that is bound to a certificate is taken on a connection that shows it", () =>
        Effect.gen(function* () {
          const { apis, issuer } = yield* everywhere({ certificates })
          const shown = yield* Certificates.makeCertificate({ subject: [["2.5.4.3", "client"]] })
          const other = yield* Certificates.makeCertificate({ subject: [["2.5.4.3", "client"]] })
          const headerOf = ({ der }: typeof shown) => ({
            [certificateHeader]: `:${Buffer.from(der).toString("base64")}:`
          })
          yield* Effect.promise(async () => {
            for (const { api, identifier, place } of apis) {
              const token = await obtain(issuer, identifier, { clientId: "certified", headers: headerOf(shown) })
              const authorization = `Bearer ${token}`
              for (const path of ["/notes", "/raw"]) {
                const ask = async (headers: Record<string, string>) =>
                  (await api(path, { headers: { authorization, ...headers } })).status
                assert.strictEqual(await ask(headerOf(shown)), 200, place)
                assert.strictEqual(await ask(headerOf(other)), 401, place)
                assert.strictEqual(await ask({}), 401, place)
              }
              const document = (await (
                await api(`/.well-known/oauth-protected-resource${new URL(identifier).pathname}`)
              ).json()) as Record<string, unknown>
              assert.isTrue(document["tls_client_certificate_bound_access_tokens"])
            }
          })
        })
      )

      it.effect("RFC 9449 §9: a nonce is handed out with the refusal, and oauth4webapi tries again with it", () =>
        Effect.gen(function* () {
          const { issuer } = yield* TestIssuer.TestIssuer
          const dpop = { nonceRequired: true, nonceSecret: Redacted.make(new Uint8Array(32).fill(5)) }
          // Two processes of one API: what one hands out, the other takes.
          const [one, another] = [
            yield* apiWith(issuer, jwt, remote(issuer, { dpop })),
            yield* apiWith(issuer, jwt, remote(issuer, { dpop }))
          ]
          yield* Effect.promise(async () => {
            const key = await aKey()
            const token = await obtain(issuer, jwt, { dpop: key })
            for (const path of ["/notes", "/raw"]) {
              const refused = await one(path, { headers: await sent(path, token, await aKey()) })
              assert.strictEqual(refused.status, 401)
              assert.include(refused.headers.get("www-authenticate"), 'DPoP error="use_dpop_nonce"')
              assert.include(refused.headers.get("www-authenticate"), 'error="use_dpop_nonce"')
              assert.match(refused.headers.get("dpop-nonce") ?? "", /^[\w-]+$/)
            }
            const first = await call(one, "/notes", token, key).catch((error: unknown) => error)
            assert.isTrue(oauth.isDPoPNonceError(first))
            for (const api of [one, another]) {
              const answer = await call(api, "/notes", token, key)
              assert.strictEqual(answer.status, 200)
              // RFC 9449 §8.2: the next one comes with the answer.
              assert.match(answer.headers.get("dpop-nonce") ?? "", /^[\w-]+$/)
            }
          })
        })
      )

      it.effect("RFC 9728 §2: a resource that asks for DPoP says so, and takes nothing else", () =>
        Effect.gen(function* () {
          const { apis, issuer } = yield* everywhere({ resource: { dpop: "required" } })
          yield* Effect.promise(async () => {
            for (const { api, identifier } of apis) {
              const none = await api("/raw")
              assert.match(none.headers.get("www-authenticate") ?? "", /^DPoP realm="[^"]*", resource_metadata=/)
              const refused = await api("/raw", {
                headers: { authorization: `Bearer ${await obtain(issuer, identifier)}` }
              })
              assert.match(refused.headers.get("www-authenticate") ?? "", /^DPoP .*error="invalid_token"/)
              const key = await aKey()
              const answer = await call(api, "/raw", await obtain(issuer, identifier, { dpop: key }), key)
              assert.strictEqual(answer.status, 200)
              const document = (await (
                await api(`/.well-known/oauth-protected-resource${new URL(identifier).pathname}`)
              ).json()) as Record<string, unknown>
              assert.isTrue(document["dpop_bound_access_tokens_required"])
              assert.notProperty(document, "tls_client_certificate_bound_access_tokens")
            }
          })
        })
      )

      it.effect(
        "RFC 9470 §3: a step-up is asked for in the scheme of the token, and a stronger token satisfies it",
        () =>
          Effect.gen(function* () {
            const { person } = yield* TestIssuer.TestIssuer
            const { apis, issuer } = yield* everywhere()
            for (const { api, identifier, place } of apis) {
              const key = yield* Effect.promise(aKey)
              const weak = yield* Effect.promise(() => obtain(issuer, identifier, { dpop: key }))
              const refused = yield* Effect.promise(() =>
                call(api, "/secret", weak, key).catch((error: unknown) => error)
              )
              assert.instanceOf(refused, oauth.WWWAuthenticateChallengeError, place)
              assert.strictEqual(refused.cause[0]!.scheme, "dpop")
              assert.deepInclude(refused.cause[0]!.parameters, {
                error: "insufficient_user_authentication",
                acr_values: "gold platinum",
                max_age: "300"
              })
              yield* Ref.update(person, (before) => ({ ...before, acr: "gold" }))
              const strong = yield* Effect.promise(() => obtain(issuer, identifier, { dpop: key }))
              assert.strictEqual((yield* Effect.promise(() => call(api, "/secret", strong, key))).status, 200)
              yield* Ref.update(person, (before) => ({ ...before, acr: undefined }))
            }
          })
      )
    }
  )
}

layer(TestIssuer.layer(storages[0][1], { ...issuerOptions, policy: { dpopNonce: "required" } }), {
  timeout: "60 seconds",
  excludeTestServices: true
})("protected routes beside an issuer that hands out nonces", (it) => {
  it.effect("RFC 9449 §9: its policy is that of the routes beside it, with nonces of their own kind", () =>
    Effect.gen(function* () {
      const { apis, issuer } = yield* everywhere()
      const { api } = apis.find(({ place }) => place === `own ${opaque}`)!
      yield* Effect.promise(async () => {
        const key = await aKey()
        const attempt = () => obtain(issuer, opaque, { dpop: key })
        const token = await attempt().catch(attempt)
        const first = await call(api, "/raw", token, key).catch((error: unknown) => error)
        assert.isTrue(oauth.isDPoPNonceError(first))
        assert.strictEqual((await call(api, "/raw", token, key)).status, 200)
      })
    })
  )
})
