/** RFC 9449 over HTTP: by libraries that implement it independently, and by whoever stole what they sent. */
import { assert } from "@effect/vitest"
import * as oauth from "oauth4webapi"
import * as openid from "openid-client"
import { browser, errorOf, options as everyClient, payloadOf, redirectUri, refresh, secret, signIn } from "./flow.ts"
import { hash, makeKey, proofFor } from "./proof.ts"
import { send } from "./raw.ts"
import { suite, type Test } from "./suite.ts"

const options = {
  ...everyClient,
  clients: [
    ...everyClient.clients,
    { clientId: "machine", secret, redirectUris: [], grantTypes: ["client_credentials"], responseTypes: [] },
    { clientId: "always", secret, metadata: { dpop_bound_access_tokens: true } }
  ],
  resources: [
    ...everyClient.resources,
    { ...everyClient.resources[0], identifier: "https://jwt.example", accessTokenFormat: "jwt" }
  ]
} as const

const methods = {
  public: openid.None(),
  basic: openid.ClientSecretBasic(secret),
  machine: openid.ClientSecretBasic(secret),
  always: openid.ClientSecretBasic(secret)
}
type ClientId = keyof typeof methods

/** What openid-client sends, counted, so that a retry can be seen. */
const counted = () => {
  const seen: Array<{ readonly url: string; readonly status: number; readonly error: string | undefined }> = []
  const customFetch: openid.CustomFetch = async (url, init) => {
    const answer = await fetch(url, init as RequestInit)
    const error = answer.ok ? undefined : await errorOf(answer.clone())
    seen.push({ url: new URL(url).pathname, status: answer.status, error })
    return answer
  }
  return { seen, customFetch }
}

const discover = (issuer: string, clientId: ClientId, customFetch: openid.CustomFetch) =>
  openid.discovery(new URL(issuer), clientId, undefined, methods[clientId], {
    execute: [openid.allowInsecureRequests],
    [openid.customFetch]: customFetch
  })

/** The whole life of a sign-in as openid-client drives it, with one key. */
const byOpenidClient = async (issuer: string, clientId: ClientId) => {
  const { customFetch, seen } = counted()
  const config = await discover(issuer, clientId, customFetch)
  const keys = await openid.randomDPoPKeyPair("ES256", { extractable: true })
  const DPoP = openid.getDPoPHandle(config, keys)
  const pkceCodeVerifier = openid.randomPKCECodeVerifier()
  const expectedState = openid.randomState()
  const url = openid.buildAuthorizationUrl(config, {
    redirect_uri: redirectUri,
    scope: "openid email offline_access",
    code_challenge: await openid.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: "S256",
    state: expectedState
  })
  const landed = await browser().approve(url)
  const tokens = await openid.authorizationCodeGrant(config, landed, { pkceCodeVerifier, expectedState }, undefined, {
    DPoP
  })
  assert.strictEqual(tokens.token_type, "dpop")
  const { sub } = tokens.claims()!
  const userinfo = await openid.fetchUserInfo(config, tokens.access_token, sub, { DPoP })
  assert.strictEqual(userinfo.email, "alice@example.com")
  const refreshed = await openid.refreshTokenGrant(config, tokens.refresh_token!, undefined, { DPoP })
  assert.strictEqual(refreshed.token_type, "dpop")
  const again = await openid.fetchUserInfo(config, refreshed.access_token, sub, { DPoP })
  assert.strictEqual(again.sub, sub)
  return { seen, config, DPoP, tokens: refreshed }
}

/** The same by oauth4webapi, which retries nothing by itself. */
const byOauth4webapi = async (issuer: string, clientId: ClientId) => {
  const http = { [oauth.allowInsecureRequests]: true }
  const as = await oauth.processDiscoveryResponse(
    new URL(issuer),
    await oauth.discoveryRequest(new URL(issuer), { ...http, algorithm: "oidc" })
  )
  const client: oauth.Client = { client_id: clientId }
  const method = clientId === "public" ? oauth.None() : oauth.ClientSecretBasic(secret)
  const DPoP = oauth.DPoP(client, await oauth.generateKeyPair("ES256"))
  const settings = { ...http, DPoP }
  let retries = 0
  const retrying = async <A>(run: () => Promise<A>): Promise<A> => {
    try {
      return await run()
    } catch (error) {
      if (!oauth.isDPoPNonceError(error)) throw error
      retries++
      return run()
    }
  }
  if (clientId === "machine") {
    const { access_token, token_type } = await retrying(async () =>
      oauth.processClientCredentialsResponse(
        as,
        client,
        await oauth.clientCredentialsGrantRequest(
          as,
          client,
          method,
          { scope: "read", resource: "https://jwt.example" },
          settings
        )
      )
    )
    return { retries, token_type, access_token, DPoP }
  }
  const verifier = oauth.generateRandomCodeVerifier()
  const url = new URL(as.authorization_endpoint!)
  url.search = new URLSearchParams({
    client_id: clientId,
    redirect_uri: redirectUri,
    response_type: "code",
    scope: "openid email offline_access",
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256"
  }).toString()
  const response = oauth.validateAuthResponse(as, client, await browser().approve(url), oauth.expectNoState)
  const tokens = await retrying(async () =>
    oauth.processAuthorizationCodeResponse(
      as,
      client,
      await oauth.authorizationCodeGrantRequest(as, client, method, response, redirectUri, verifier, settings)
    )
  )
  const { sub } = oauth.getValidatedIdTokenClaims(tokens)!
  const claims = await retrying(async () =>
    oauth.processUserInfoResponse(
      as,
      client,
      sub,
      await oauth.userInfoRequest(as, client, tokens.access_token, settings)
    )
  )
  assert.strictEqual(claims.email, "alice@example.com")
  const refreshed = await retrying(async () =>
    oauth.processRefreshTokenResponse(
      as,
      client,
      await oauth.refreshTokenGrantRequest(as, client, method, tokens.refresh_token!, settings)
    )
  )
  return { retries, token_type: refreshed.token_type, access_token: refreshed.access_token, DPoP }
}

/** What both kinds of server have to answer to both libraries. */
const libraries = (test: Test, nonceRequired: boolean) => {
  for (const clientId of ["public", "basic", "always"] as const) {
    test(`RFC 9449 §5, §7, §8: openid-client, ${clientId}: code, userinfo, refresh`, async (issuer) => {
      const { seen } = await byOpenidClient(issuer, clientId)
      const refused = seen.filter(({ status }) => status !== 200)
      const expected = [
        { url: "/token", status: 400, error: "use_dpop_nonce" },
        { url: "/userinfo", status: 401, error: "use_dpop_nonce" }
      ]
      // The library keeps one nonce per origin, and a nonce is for one kind of endpoint: each change is asked for once.
      assert.deepStrictEqual(refused, nonceRequired ? [...expected, ...expected] : [])
    })

    test(`RFC 9449 §5, §7, §8: oauth4webapi, ${clientId}: code, userinfo, refresh`, async (issuer) => {
      const { retries, token_type } = await byOauth4webapi(issuer, clientId)
      assert.strictEqual(token_type, "dpop")
      assert.strictEqual(retries, nonceRequired ? 3 : 0)
    })
  }

  test("RFC 9449 §5, RFC 9068: client credentials by both libraries; the JWT names the key", async (issuer) => {
    const { customFetch, seen } = counted()
    const config = await discover(issuer, "machine", customFetch)
    const DPoP = openid.getDPoPHandle(config, await openid.randomDPoPKeyPair())
    const tokens = await openid.clientCredentialsGrant(
      config,
      { scope: "read", resource: "https://jwt.example" },
      { DPoP }
    )
    const jkt = await DPoP.calculateThumbprint()
    assert.deepStrictEqual(payloadOf(tokens.access_token)["cnf"], { jkt })
    assert.strictEqual(seen.filter(({ error }) => error === "use_dpop_nonce").length, nonceRequired ? 1 : 0)
    const other = await byOauth4webapi(issuer, "machine")
    assert.deepStrictEqual(payloadOf(other.access_token)["cnf"], { jkt: await other.DPoP.calculateThumbprint() })
  })
}

type Headers = Record<string, string>
const userinfo = (issuer: string, headers: Headers) => fetch(`${issuer}/userinfo`, { headers })

/** A token of the public client, bound to a key that the test has, with a proof for `/userinfo`. */
const bound = async (issuer: string) => {
  const key = await makeKey()
  const { refresh_token } = await signIn(issuer, "public")
  const answer = await fetch(`${issuer}/token`, {
    method: "POST",
    headers: { dpop: await proofFor(key, "POST", `${issuer}/token`) },
    body: new URLSearchParams({ grant_type: "refresh_token", client_id: "public", refresh_token })
  })
  const tokens = (await answer.json()) as {
    readonly access_token: string
    readonly refresh_token: string
    readonly token_type: string
  }
  assert.deepStrictEqual([answer.status, tokens.token_type], [200, "DPoP"])
  const proof = (claims: Record<string, unknown> = {}, by = key) =>
    proofFor(by, "GET", `${issuer}/userinfo`, { ath: hash(tokens.access_token), ...claims })
  return { key, tokens, proof }
}

const challengeOf = (answer: Response) => answer.headers.get("www-authenticate") ?? ""

suite(
  "DPoP",
  (test) => {
    libraries(test, false)

    test("RFC 9449 §7.1: the scheme in any case; each proof once, at its URI, by its method, for its token and key", async (issuer) => {
      const { proof, tokens } = await bound(issuer)
      const other = await bound(issuer)
      for (const scheme of ["DPoP", "dpop", "DPOP", "dPoP"]) {
        const headers = { authorization: `${scheme} ${tokens.access_token}`, dpop: await proof() }
        assert.strictEqual((await userinfo(issuer, headers)).status, 200, scheme)
        const replay = await userinfo(issuer, headers)
        assert.deepStrictEqual([replay.status, await errorOf(replay)], [401, "invalid_dpop_proof"], scheme)
      }
      for (const [title, dpop, error] of [
        ["none", undefined, "invalid_dpop_proof"],
        ["empty", "", "invalid_dpop_proof"],
        ["another method", await proof({ htm: "POST" }), "invalid_dpop_proof"],
        ["another endpoint", await proof({ htu: `${issuer}/token` }), "invalid_dpop_proof"],
        ["another token", await other.proof(), "invalid_dpop_proof"],
        ["no ath", await proof({ ath: undefined }), "invalid_dpop_proof"],
        ["no jti", await proof({ jti: undefined }), "invalid_dpop_proof"],
        ["old", await proof({ iat: Math.floor(Date.now() / 1000) - 320 }), "invalid_dpop_proof"],
        ["early", await proof({ iat: Math.floor(Date.now() / 1000) + 60 }), "invalid_dpop_proof"],
        ["another key", await proof({}, other.key), "invalid_token"],
        ["two", `${await proof()}, ${await proof()}`, "invalid_dpop_proof"]
      ] as const) {
        const authorization = `DPoP ${tokens.access_token}`
        const answer = await userinfo(issuer, dpop === undefined ? { authorization } : { authorization, dpop })
        assert.deepStrictEqual([answer.status, await errorOf(answer)], [401, error], title)
        const challenge = challengeOf(answer)
        assert.match(challenge, new RegExp(`DPoP error="${error}", .*algs="[A-Za-z0-9 ]*ES256`), title)
        assert.match(challenge, /^DPoP error="[^"]+", /, title)
      }
      const early = {
        authorization: `DPoP ${tokens.access_token}`,
        dpop: await proof({ iat: Math.floor(Date.now() / 1000) + 10 })
      }
      assert.strictEqual((await userinfo(issuer, early)).status, 200)
    })

    test("RFC 9449 §4.3 no. 1: two DPoP headers are none", async (issuer) => {
      const { proof, tokens } = await bound(issuer)
      const answer = await send(issuer, {
        target: "/userinfo",
        headers: [
          ["Authorization", `DPoP ${tokens.access_token}`],
          ["DPoP", await proof()],
          ["DPoP", await proof()]
        ]
      })
      assert.deepStrictEqual([answer.status, JSON.parse(answer.body).error], [401, "invalid_dpop_proof"])
    })

    test("RFC 9449 §7.2: a bound token is no bearer token, in the header or in a form, and a bearer token is not bound", async (issuer) => {
      const { proof, tokens } = await bound(issuer)
      const { access_token } = tokens
      for (const headers of [{}, { dpop: await proof() }] as ReadonlyArray<Headers>) {
        const answer = await userinfo(issuer, { authorization: `Bearer ${access_token}`, ...headers })
        assert.deepStrictEqual([answer.status, await errorOf(answer)], [401, "invalid_token"])
        assert.match(challengeOf(answer), /DPoP error="invalid_token"/)
      }
      const inForm = await fetch(`${issuer}/userinfo`, { method: "POST", body: new URLSearchParams({ access_token }) })
      assert.deepStrictEqual([inForm.status, await errorOf(inForm)], [401, "invalid_token"])

      const key = await makeKey()
      const { access_token: bearer } = await signIn(issuer, "public")
      const dpop = await proofFor(key, "GET", `${issuer}/userinfo`, { ath: hash(bearer) })
      const answer = await userinfo(issuer, { authorization: `DPoP ${bearer}`, dpop })
      assert.deepStrictEqual([answer.status, await errorOf(answer)], [401, "invalid_token"])
      // A proof beside a bearer token changes nothing about it.
      assert.strictEqual((await userinfo(issuer, { authorization: `Bearer ${bearer}`, dpop })).status, 200)
    })

    test("RFC 9449 §5: a stolen refresh token of a public client is worth nothing without its key", async (issuer) => {
      const { key, tokens } = await bound(issuer)
      const without = await refresh(issuer, "public", tokens.refresh_token)
      assert.deepStrictEqual([without.status, await errorOf(without)], [400, "invalid_request"])
      const send = async (by: typeof key) =>
        fetch(`${issuer}/token`, {
          method: "POST",
          headers: { dpop: await proofFor(by, "POST", `${issuer}/token`) },
          body: new URLSearchParams({
            grant_type: "refresh_token",
            client_id: "public",
            refresh_token: tokens.refresh_token
          })
        })
      const wrong = await send(await makeKey())
      assert.deepStrictEqual([wrong.status, await errorOf(wrong)], [400, "invalid_grant"])
      assert.strictEqual((await send(key)).status, 200)
    })

    test("RFC 9449 §5: a client that registered for it gets no bearer token; a replayed proof no token", async (issuer) => {
      const authorization = `Basic ${Buffer.from(`machine:${secret}`).toString("base64")}`
      const dpop = await proofFor(await makeKey(), "POST", `${issuer}/token`)
      const body = new URLSearchParams({ grant_type: "client_credentials", scope: "read" })
      const once = await fetch(`${issuer}/token`, { method: "POST", headers: { authorization, dpop }, body })
      assert.strictEqual(once.status, 200)
      const twice = await fetch(`${issuer}/token`, { method: "POST", headers: { authorization, dpop }, body })
      assert.deepStrictEqual([twice.status, await errorOf(twice)], [400, "invalid_dpop_proof"])
      assert.isNull(twice.headers.get("www-authenticate"))
    })

    test("Fetch §3.2: scripts of other origins may send proofs and read nonces", async (issuer) => {
      for (const path of ["/token", "/userinfo"]) {
        const preflight = await fetch(`${issuer}${path}`, {
          method: "OPTIONS",
          headers: {
            origin: "https://app.example",
            "access-control-request-method": "POST",
            "access-control-request-headers": "authorization,dpop,content-type"
          }
        })
        assert.strictEqual(preflight.status, 204)
        assert.match(preflight.headers.get("access-control-allow-headers")!, /\bdpop\b/i)
        const answer = await fetch(`${issuer}${path}`, { method: "POST", headers: { origin: "https://app.example" } })
        assert.match(answer.headers.get("access-control-expose-headers")!, /\bDPoP-Nonce\b/i)
        assert.match(answer.headers.get("access-control-expose-headers")!, /\bWWW-Authenticate\b/i)
      }
    })
  },
  { options }
)

suite(
  "DPoP with nonces",
  (test) => {
    libraries(test, true)

    test("RFC 9449 §8, §9: the answer that asks for a nonce brings it; 400 from the token endpoint, a challenge from a resource", async (issuer) => {
      const key = await makeKey()
      const { refresh_token } = await signIn(issuer, "public")
      const request = async (nonce: string | null) =>
        fetch(`${issuer}/token`, {
          method: "POST",
          headers: { dpop: await proofFor(key, "POST", `${issuer}/token`, nonce === null ? {} : { nonce }) },
          body: new URLSearchParams({ grant_type: "refresh_token", client_id: "public", refresh_token })
        })
      const asked = await request(null)
      assert.deepStrictEqual([asked.status, await errorOf(asked)], [400, "use_dpop_nonce"])
      assert.isNull(asked.headers.get("www-authenticate"))
      assert.strictEqual(asked.headers.get("cache-control"), "no-store")
      const nonce = asked.headers.get("dpop-nonce")
      assert.match(nonce!, /^[\x21\x23-\x5b\x5d-\x7e]+$/)
      const forged = await request("forged")
      assert.deepStrictEqual([forged.status, await errorOf(forged)], [400, "use_dpop_nonce"])
      const answer = await request(nonce)
      assert.strictEqual(answer.status, 200)
      assert.isString(answer.headers.get("dpop-nonce"))
      const { access_token } = (await answer.json()) as { readonly access_token: string }

      const look = async (claims: Record<string, unknown>) =>
        userinfo(issuer, {
          authorization: `DPoP ${access_token}`,
          dpop: await proofFor(key, "GET", `${issuer}/userinfo`, { ath: hash(access_token), ...claims })
        })
      // One of the token endpoint is none of the resource's.
      for (const claims of [{}, { nonce }]) {
        const challenged = await look(claims)
        assert.deepStrictEqual([challenged.status, await errorOf(challenged)], [401, "use_dpop_nonce"])
        assert.match(challengeOf(challenged), /DPoP error="use_dpop_nonce"/)
        const ofResource = challenged.headers.get("dpop-nonce")
        assert.notStrictEqual(ofResource, nonce)
        const seen = await look({ nonce: ofResource })
        assert.strictEqual(seen.status, 200)
        assert.isString(seen.headers.get("dpop-nonce"))
      }
    })

    test("RFC 9449 §8: whoever sends no proof is asked for no nonce", async (issuer) => {
      const { access_token } = await signIn(issuer, "public")
      const answer = await userinfo(issuer, { authorization: `Bearer ${access_token}` })
      assert.deepStrictEqual([answer.status, answer.headers.get("dpop-nonce")], [200, null])
    })
  },
  { options: { ...options, policy: { dpopNonce: "required" } } }
)
