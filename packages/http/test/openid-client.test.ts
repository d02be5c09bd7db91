/** openid-client, an independent and certified client library, against a running issuer. */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import * as client from "openid-client"
import { TestBrowser, TestIssuer } from "../src/testing/index.ts"
import { storages } from "./storages.ts"

const redirectUri = "https://client.example/callback"
const secret = "a-secret-of-more-than-thirty-two-characters"

const options = {
  clients: [
    { clientId: "public" },
    { clientId: "basic", secret },
    { clientId: "post", secret, tokenEndpointAuthMethod: "client_secret_post" },
    { clientId: "es256", secret, idTokenSignedResponseAlg: "ES256" as const }
  ],
  resources: [
    {
      identifier: "https://api.example/",
      scopes: ["read", "write"],
      accessTokenFormat: "jwt" as const,
      introspectionClients: []
    }
  ]
}

const methods = {
  public: client.None(),
  basic: client.ClientSecretBasic(secret),
  post: client.ClientSecretPost(secret),
  es256: client.ClientSecretBasic(secret)
}

const discover = (issuer: string, clientId: keyof typeof methods) =>
  client.discovery(
    new URL(issuer),
    clientId,
    clientId === "es256" ? { id_token_signed_response_alg: "ES256" } : undefined,
    methods[clientId],
    { execute: [client.allowInsecureRequests] }
  )

/** One sign-in by code, PKCE, state and nonce. */
const signIn = async (issuer: string, clientId: keyof typeof methods, extra: Record<string, string> = {}) => {
  const config = await discover(issuer, clientId)
  const codeVerifier = client.randomPKCECodeVerifier()
  const state = client.randomState()
  const nonce = client.randomNonce()
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: redirectUri,
    scope: "openid profile email offline_access",
    code_challenge: await client.calculatePKCECodeChallenge(codeVerifier),
    code_challenge_method: "S256",
    state,
    nonce,
    ...extra
  })
  const browser = new TestBrowser((url) => url.href.startsWith(redirectUri))
  const landed = await browser.approve(url)
  const tokens = await client.authorizationCodeGrant(config, landed, {
    pkceCodeVerifier: codeVerifier,
    expectedState: state,
    expectedNonce: nonce
  })
  return { browser, config, tokens }
}

for (const [name, storage] of storages) {
  layer(TestIssuer.layer(storage, options), { timeout: "60 seconds", excludeTestServices: true })(
    `openid-client on ${name}`,
    (it) => {
      for (const clientId of Object.keys(methods) as Array<keyof typeof methods>) {
        it.effect(`${clientId}: signs in, reads userinfo, refreshes, introspects and revokes`, () =>
          Effect.gen(function* () {
            const { issuer } = yield* TestIssuer.TestIssuer
            yield* Effect.promise(async () => {
              const { config, tokens } = await signIn(issuer, clientId)
              const claims = tokens.claims()!
              assert.strictEqual(claims.sub, "alice")
              const userinfo = await client.fetchUserInfo(config, tokens.access_token, claims.sub)
              assert.strictEqual(userinfo["email"], "alice@example.com")
              const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token!)
              assert.notStrictEqual(refreshed.access_token, tokens.access_token)
              assert.notStrictEqual(refreshed.refresh_token, tokens.refresh_token)
              const live = await client.tokenIntrospection(config, refreshed.access_token)
              assert.isTrue(live.active)
              await client.tokenRevocation(config, refreshed.refresh_token!)
              const dead = await client.tokenIntrospection(config, refreshed.access_token)
              assert.isFalse(dead.active)
            })
          })
        )
      }

      it.effect("a JWT access token for a registered resource carries its scopes alone", () =>
        Effect.gen(function* () {
          const { issuer } = yield* TestIssuer.TestIssuer
          yield* Effect.promise(async () => {
            const { tokens } = await signIn(issuer, "basic", {
              scope: "openid offline_access read",
              resource: "https://api.example/"
            })
            assert.strictEqual(tokens.scope, "read")
            const payload = JSON.parse(Buffer.from(tokens.access_token.split(".")[1]!, "base64url").toString())
            assert.strictEqual(payload.aud, "https://api.example/")
          })
        })
      )
    }
  )
}
