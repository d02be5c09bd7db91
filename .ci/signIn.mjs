// Makes an account at the example host's sign-up page and signs in by code and PKCE, with openid-client.
import { TestBrowser } from "@lockspire/http/testing"
import assert from "node:assert/strict"
import * as client from "openid-client"

const issuer = process.argv[2]
const redirectUri = "http://localhost:8080/callback"
const config = await client.discovery(new URL(issuer), "app", undefined, client.None(), {
  execute: [client.allowInsecureRequests]
})
const pkceCodeVerifier = client.randomPKCECodeVerifier()
const expectedState = client.randomState()
const browser = new TestBrowser((url) => url.href.startsWith(redirectUri))
const signUp = await browser.visit(
  client.buildAuthorizationUrl(config, {
    redirect_uri: redirectUri,
    scope: "openid profile",
    prompt: "create",
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: "S256",
    state: expectedState
  })
)
const consent = await browser.submit(signUp, { username: "newcomer", password: "correct horse battery" })
const landed = await browser.submit(consent, { decision: "approve" })
const tokens = await client.authorizationCodeGrant(config, landed.url, { pkceCodeVerifier, expectedState })
const { sub } = await client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub)
assert.equal(tokens.claims().iss, issuer)
console.log(`signed in through it as ${sub}`)
