/** openid-client, an independent and certified client library, against the example's own process. */
import { TestBrowser } from "@lockspire/http/testing"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { createServer, type AddressInfo } from "node:net"
import { fileURLToPath } from "node:url"
import * as client from "openid-client"
import { afterAll, assert, beforeAll, test } from "vitest"

const redirectUri = "http://127.0.0.1:49152/callback"

let example: ChildProcess
let origin: string

beforeAll(async () => {
  const probe = createServer().listen(0, "localhost")
  await once(probe, "listening")
  const { port } = probe.address() as AddressInfo
  probe.close()
  origin = `http://localhost:${port}`
  example = spawn(process.execPath, [fileURLToPath(new URL("../main.ts", import.meta.url))], {
    env: { ...process.env, PORT: String(port) },
    stdio: ["ignore", "pipe", "inherit"]
  })
  await once(example.stdout!, "data")
})

afterAll(async () => {
  example.kill("SIGTERM")
  await once(example, "exit")
})

test("Express: openid-client goes from code to token to userinfo, and refreshes", async () => {
  const config = await client.discovery(new URL(`${origin}/oauth`), "app", undefined, client.None(), {
    execute: [client.allowInsecureRequests]
  })
  const pkceCodeVerifier = client.randomPKCECodeVerifier()
  const expectedState = client.randomState()
  const browser = new TestBrowser((url) => url.href.startsWith(redirectUri))
  const signIn = await browser.visit(
    client.buildAuthorizationUrl(config, {
      redirect_uri: redirectUri,
      scope: "openid profile email offline_access",
      code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
      code_challenge_method: "S256",
      state: expectedState
    })
  )
  assert.strictEqual(signIn.url.pathname, "/sign-in")

  const refused = await browser.submit(signIn, { username: "alice", password: "looking-glass" })
  assert.strictEqual(refused.status, 401)
  const consent = await browser.submit(refused, { username: "alice", password: "wonderland" })
  assert.strictEqual(consent.status, 200)
  const landed = await browser.submit(consent, { decision: "approve" })

  const tokens = await client.authorizationCodeGrant(config, landed.url, { pkceCodeVerifier, expectedState })
  assert.strictEqual(tokens.claims()!.iss, `${origin}/oauth`)
  const userinfo = await client.fetchUserInfo(config, tokens.access_token, "alice")
  assert.strictEqual(userinfo.email, "alice@example.com")
  const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token!)
  assert.notStrictEqual(refreshed.access_token, tokens.access_token)
})

test("Express: the sign-in page sends nobody to another site, and takes no other site's form", async () => {
  for (const returnTo of ["https://evil.example/", "//evil.example", `${origin}/oauth/interaction/../x`, "x"]) {
    const page = await fetch(`${origin}/sign-in?return_to=${encodeURIComponent(returnTo)}`)
    assert.strictEqual(page.status, 400, returnTo)
  }
  const sent = await fetch(`${origin}/sign-in`, {
    method: "POST",
    headers: { origin: "https://evil.example" },
    body: new URLSearchParams({ username: "alice", password: "wonderland" })
  })
  assert.strictEqual(sent.status, 403)
})

test("Express: a body that is no form is a refusal, not a fault", async () => {
  for (const type of ["application/json", "multipart/form-data", "application/x-www-form-urlencoded", "text/plain"]) {
    for (const body of ["{", "%ff%00=%zz", "username[]=alice&password=x&return_to=a&return_to=b", "a".repeat(10_000)]) {
      const { status } = await fetch(`${origin}/sign-in`, { method: "POST", headers: { "content-type": type }, body })
      assert.isTrue(status >= 400 && status < 500, `${type} ${body.slice(0, 20)}: ${status}`)
    }
  }
})
