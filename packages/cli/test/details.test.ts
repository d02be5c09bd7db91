/** What a client registered in a seed is all that `dev` needs to serve it. */
import { assert, it } from "@effect/vitest"
import { TestBrowser } from "@lockspire/http/testing"
import * as client from "openid-client"
import { freePort } from "./app.ts"
import { folder, start } from "./lockspire.ts"

const secret = "a-secret-of-more-than-thirty-two-characters"
const redirectUri = "https://app.example/callback"
const seed = {
  accounts: [{ username: "alice", password: "wonderland" }],
  clients: [
    {
      client_id: "app",
      client_secret: secret,
      redirect_uris: [redirectUri],
      authorization_details_types: ["payment_initiation"],
      subject_type: "pairwise"
    }
  ]
}
const detail = { type: "payment_initiation", creditorName: "Merchant <b>", amount: { currency: "EUR", value: "12" } }

it("RFC 9396, OpenID Connect Core §8: a detail of a registered type is shown and granted, under a pseudonym", async () => {
  using directory = folder()
  const port = await freePort()
  const server = await start(["dev", "--memory", "--port", String(port), "--seed", directory.file("seed.json", seed)])
  try {
    const issuer = new URL(`http://localhost:${port}`)
    const method = client.ClientSecretBasic(secret)
    const config = await client.discovery(issuer, "app", undefined, method, { execute: [client.allowInsecureRequests] })
    const advertised = config.serverMetadata()["authorization_details_types_supported"]
    assert.deepStrictEqual(advertised, ["payment_initiation"])
    const codeVerifier = client.randomPKCECodeVerifier()
    const browser = new TestBrowser((url) => url.href.startsWith(redirectUri))
    const signIn = await browser.visit(
      client.buildAuthorizationUrl(config, {
        redirect_uri: redirectUri,
        scope: "openid",
        code_challenge: await client.calculatePKCECodeChallenge(codeVerifier),
        code_challenge_method: "S256",
        authorization_details: JSON.stringify([detail])
      })
    )
    const consent = await browser.submit(signIn, { username: "alice", password: "wonderland" })
    assert.include(consent.body, "creditorName: Merchant &lt;b&gt;")
    const landed = await browser.submit(consent, { decision: "approve" })
    const tokens = await client.authorizationCodeGrant(config, landed.url, { pkceCodeVerifier: codeVerifier })
    assert.deepStrictEqual(tokens.authorization_details, [detail])
    const introspected = await client.tokenIntrospection(config, tokens.access_token)
    assert.deepStrictEqual(introspected["authorization_details"], [detail])
    const { sub } = tokens.claims()!
    assert.notStrictEqual(sub, "alice")
    assert.strictEqual(introspected.sub, sub)
  } finally {
    await server.stop("SIGINT")
  }
})
