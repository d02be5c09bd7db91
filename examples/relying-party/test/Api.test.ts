/** The demo's API beside a running issuer, called by openid-client and by whoever tries something else. */
import { assert, layer } from "@effect/vitest"
import { Certificates } from "@lockspire/core/testing"
import { TestBrowser, TestIssuer } from "@lockspire/http/testing"
import { Effect } from "effect"
import * as oidc from "openid-client"
import { browser, certificateHeader, layer as siteLayer, secret, shown, signIn, Site } from "./site.ts"

const redirectUri = "https://client.example/callback"

interface Wishes {
  readonly clientId?: string
  readonly scope?: string
  readonly resource?: string
  readonly dpop?: boolean
  readonly dpopAlg?: string
  readonly headers?: Record<string, string>
}

/** A client that got a token by the code flow, with what it needs to use it. */
const aClient = async (
  issuer: string,
  { clientId = "app", dpop = false, dpopAlg = "ES256", headers = {}, resource, scope = "openid profile" }: Wishes = {}
) => {
  const config = await oidc.discovery(new URL(issuer), clientId, undefined, oidc.ClientSecretBasic(secret), {
    execute: [oidc.allowInsecureRequests]
  })
  config[oidc.customFetch] = (url, init) =>
    fetch(url, { ...init, headers: { ...init.headers, ...headers } } as RequestInit)
  const pkceCodeVerifier = oidc.randomPKCECodeVerifier()
  const url = oidc.buildAuthorizationUrl(config, {
    redirect_uri: redirectUri,
    scope,
    state: "a-state",
    code_challenge: await oidc.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: "S256",
    ...(resource === undefined ? {} : { resource })
  })
  const landed = await new TestBrowser((to) => to.href.startsWith(redirectUri)).approve(url)
  const key = dpop ? { DPoP: oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair(dpopAlg)) } : {}
  const { access_token: token } = await oidc.authorizationCodeGrant(
    config,
    landed,
    { pkceCodeVerifier, expectedState: "a-state" },
    undefined,
    key
  )
  const call = (at: string, method = "GET") =>
    oidc.fetchProtectedResource(config, token, new URL(at), method, undefined, undefined, key)
  return { token, call }
}

/** What the API answers to these headers. */
const ask = async (url: string, headers: Record<string, string> = {}) => {
  const response = await fetch(url, { headers })
  return {
    status: response.status,
    challenge: response.headers.get("www-authenticate") ?? "",
    body: (await response.json()) as Record<string, unknown>
  }
}

const test = (run: (demo: string, issuer: string) => Promise<void>) =>
  Effect.gen(function* () {
    const { demo } = yield* Site
    const { issuer } = yield* TestIssuer.TestIssuer
    yield* Effect.promise(() => run(demo, issuer))
  })

layer(siteLayer, { timeout: "60 seconds", excludeTestServices: true })("the API beside an issuer", (it) => {
  it.effect("an access token opens it; a refresh token and an unknown token do not", () =>
    test(async (demo) => {
      const page = await signIn(browser(), demo)
      const opened = await ask(`${demo}/api`, { authorization: `bearer ${shown(page.body, "access token")}` })
      assert.strictEqual(opened.status, 200)
      assert.deepInclude(opened.body, { sub: "alice", client_id: "demo" })
      for (const token of [shown(page.body, "refresh token"), "unknown", "a.b.c"]) {
        const refused = await ask(`${demo}/api`, { authorization: `Bearer ${token}` })
        assert.strictEqual(refused.status, 401)
        assert.include(refused.challenge, `error="invalid_token"`)
      }
    })
  )

  it.effect(
    "RFC 6750 §3.1: without a token the challenge has no error code, and a header without one is malformed",
    () =>
      test(async (demo) => {
        for (const authorization of [undefined, "Basic YTpi", "Bearerx"]) {
          const { body, challenge, status } = await ask(
            `${demo}/api`,
            authorization === undefined ? {} : { authorization }
          )
          assert.strictEqual(status, 401)
          assert.match(challenge, /^Bearer realm="[^"]*\/demo\/api".*, DPoP /)
          assert.notInclude(challenge, "error=")
          assert.deepStrictEqual(body, {})
        }
        const empty = await ask(`${demo}/api`, { authorization: "Bearer" })
        assert.strictEqual(empty.status, 400)
        assert.include(empty.challenge, `error="invalid_request"`)
      })
  )

  it.effect("RFC 8707 §2: opaque tokens for nothing in particular and JWTs for this API are taken, in any case", () =>
    test(async (demo, issuer) => {
      const anything = await aClient(issuer)
      const own = await aClient(issuer, { resource: `${demo}/api`, scope: "openid" })
      assert.strictEqual(own.token.split(".").length, 3)
      for (const { token } of [anything, own]) {
        for (const scheme of ["Bearer", "bearer", "BEARER"]) {
          const { body, status } = await ask(`${demo}/api`, { authorization: `${scheme} ${token}` })
          assert.strictEqual(status, 200)
          assert.strictEqual(body["sub"], "alice")
        }
      }
      const foreign = await aClient(issuer, { resource: "https://other.example", scope: "openid" })
      const refused = await ask(`${demo}/api`, { authorization: `Bearer ${foreign.token}` })
      assert.strictEqual(refused.status, 401)
    })
  )

  it.effect("RFC 6750 §3.1: a token without the scope is insufficient_scope, and the challenge names it", () =>
    test(async (demo, issuer) => {
      const { token } = await aClient(issuer, { scope: "profile" })
      const { challenge, status } = await ask(`${demo}/api`, { authorization: `Bearer ${token}` })
      assert.strictEqual(status, 403)
      assert.include(challenge, `error="insufficient_scope"`)
      assert.include(challenge, `scope="openid"`)
    })
  )

  it.effect("RFC 9449 §7.1: openid-client's tokens are taken with their proofs, opaque and JWT, and not without", () =>
    test(async (demo, issuer) => {
      for (const wishes of [{}, { resource: `${demo}/api`, scope: "openid" }]) {
        const { call, token } = await aClient(issuer, { ...wishes, dpop: true })
        const other = await aClient(issuer, { ...wishes, dpop: true })
        const answer = await call(`${demo}/api`)
        assert.strictEqual(answer.status, 200)
        assert.hasAllKeys(((await answer.json()) as { readonly cnf: object }).cnf, ["jkt"])
        assert.strictEqual((await call(`${demo}/api/transfer`, "POST")).status, 200)
        let proof = ""
        const stolen = await fetchedBy(other.call, `${demo}/api`, (headers) => (proof = headers.get("dpop")!))
        assert.strictEqual(stolen.status, 200)
        for (const headers of [
          { authorization: `Bearer ${token}` },
          { authorization: `DPoP ${token}` },
          { authorization: `DPoP ${token}`, dpop: proof }
        ]) {
          const { challenge, status } = await ask(`${demo}/api`, headers)
          assert.strictEqual(status, 401)
          assert.match(challenge, /^DPoP .*error="invalid_(?:token|dpop_proof)".*algs="/)
        }
      }
    })
  )

  it.effect(
    "FAPI 2.0 Security Profile §5.4.1: proofs are signed by PS256, ES256 or EdDSA, and the challenge says so",
    () =>
      test(async (demo, issuer) => {
        for (const dpopAlg of ["PS256", "ES256", "Ed25519"]) {
          const { call } = await aClient(issuer, { dpop: true, dpopAlg })
          assert.strictEqual((await call(`${demo}/api`)).status, 200, dpopAlg)
        }
        const { call } = await aClient(issuer, { dpop: true, dpopAlg: "RS256" })
        const refused = await call(`${demo}/api`).catch((error: unknown) => error)
        assert(refused instanceof oidc.WWWAuthenticateChallengeError)
        assert.strictEqual(refused.status, 401)
        const challenge = refused.response.headers.get("www-authenticate")
        assert.match(challenge ?? "", /^DPoP error="invalid_dpop_proof".* algs="PS256 ES256 EdDSA Ed25519"$/)
      })
  )

  it.effect("RFC 8705 §3: a token that is bound to a certificate is taken on a connection with it alone", () =>
    Effect.gen(function* () {
      const { demo } = yield* Site
      const { issuer } = yield* TestIssuer.TestIssuer
      const [shownOne, other] = [
        yield* Certificates.makeCertificate({ subject: [["2.5.4.3", "client"]] }),
        yield* Certificates.makeCertificate({ subject: [["2.5.4.3", "client"]] })
      ]
      const headerOf = ({ der }: typeof other) => ({ [certificateHeader]: `:${Buffer.from(der).toString("base64")}:` })
      yield* Effect.promise(async () => {
        for (const wishes of [{}, { resource: `${demo}/api`, scope: "openid" }]) {
          const headers = headerOf(shownOne)
          const { call, token } = await aClient(issuer, { ...wishes, clientId: "certified", headers })
          assert.strictEqual((await call(`${demo}/api`)).status, 200)
          const authorization = `Bearer ${token}`
          assert.strictEqual((await ask(`${demo}/api`, { authorization })).status, 401)
          assert.strictEqual((await ask(`${demo}/api`, { authorization, ...headerOf(other) })).status, 401)
        }
      })
    })
  )

  it.effect("RFC 9728 §3: the document says whose tokens are taken, and how", () =>
    test(async (demo, issuer) => {
      const { origin, pathname } = new URL(`${demo}/api`)
      const { body } = await ask(`${origin}/.well-known/oauth-protected-resource${pathname}`)
      assert.deepInclude(body, { resource: `${demo}/api`, tls_client_certificate_bound_access_tokens: true })
      assert.deepStrictEqual(body["authorization_servers"], [issuer])
    })
  )
})

/** Lets the client make a request and keeps what it sent. */
const fetchedBy = async (
  call: (url: string) => Promise<Response>,
  url: string,
  keep: (headers: Headers) => void
): Promise<Response> => {
  const before = globalThis.fetch
  globalThis.fetch = (to, init) => {
    keep(new Headers(init?.headers))
    return before(to, init)
  }
  try {
    return await call(url)
  } finally {
    globalThis.fetch = before
  }
}
