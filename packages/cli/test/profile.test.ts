/** `lockspire profile` as an operator has it, beside servers that run. */
import { assert, describe, it } from "@effect/vitest"
import { Profile } from "@lockspire/core"
import { TestBrowser } from "@lockspire/http/testing"
import { TestDatabase } from "@lockspire/storage-pg/testing"
import { Effect, Redacted } from "effect"
import * as openid from "openid-client"
import { folder, randomKey, run, start } from "./lockspire.ts"

const issuer = "https://login.example.com"
const pair = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"])
const jwk = { ...(await crypto.subtle.exportKey("jwk", pair.publicKey)), alg: "ES256", use: "sig" }

const job = {
  client_id: "job",
  token_endpoint_auth_method: "private_key_jwt",
  jwks: { keys: [jwk] },
  grant_types: ["client_credentials"],
  response_types: [],
  scope: "read"
}
const shop = {
  client_id: "shop",
  client_secret: "x".repeat(40),
  redirect_uris: ["https://shop.example/cb"],
  id_token_signed_response_alg: "ES256"
}
const resources = [{ identifier: "https://api.example/", scopes: ["read"] }]

/** A test with a migrated database of its own. */
const onDatabase = (title: string, body: (databaseUrl: string) => Promise<void>) =>
  it.live(title, () =>
    Effect.scoped(Effect.flatMap(TestDatabase.create(), (url) => Effect.promise(() => body(Redacted.value(url)))))
  )

const rule = (name: string) => Profile.everyRule.find(({ id }) => id === name)!
const method = rule("fapi2-sp-client-authentication")
const failure = `  ✗ ${method.demands}
    ${method.id} · ${method.section}
    problem  the client authenticates by client_secret_basic
    fix      register token_endpoint_auth_method private_key_jwt,
             tls_client_auth or self_signed_tls_client_auth
`

describe("lockspire profile", () => {
  it("list: every rule of every profile with id and section, in 80 columns", async () => {
    const { code, stdout } = await run(["profile", "list"])
    assert.strictEqual(code, 0)
    for (const name of ["none", "mcp", "fapi_2_0_security", "fapi_2_0_message_signing"]) {
      assert.match(stdout, new RegExp(`^${name}$`, "m"))
    }
    const lifetime = rule("fapi2-sp-code-lifetime")
    assert.include(stdout, `  · ${lifetime.demands}\n    ${lifetime.id} · ${lifetime.section}\n`)
    assert.match(stdout, /^ {2}introspection\n.*\n {4}fapi2-ms-introspection · /m)
    for (const line of stdout.split("\n")) assert.isAtMost(line.length, 80)
  })

  onDatabase("set and check: what fails is said with its fix, and makes check exit 1", async (databaseUrl) => {
    using own = folder()
    const where = ["--database-url", databaseUrl, "--issuer", issuer]
    const seed = own.file("seed.json", {
      resources,
      clients: [{ ...job, dpop: "required" }, shop],
      policy: { refreshTokenRotation: "never", pushedAuthorizationRequests: "required" }
    })
    assert.strictEqual((await run(["seed", "apply", seed, ...where])).code, 0)
    const before = await run(["profile", "check", ...where])
    assert.deepStrictEqual([before.code, before.stderr], [0, ""])
    assert.match(before.stdout, /^Server https:\/\/login\.example\.com\n {2}no profile: /)
    assert.match(
      before.stdout,
      /✓ the server's policy asks for pushed requests\n {4}policy-pushed-auth.* · RFC 9126 §5/
    )
    assert.match(before.stdout, /✓ the client registered dpop required\n {4}client-dpop · RFC 9449 §5/)
    assert.match(before.stdout, /\nEvery rule is kept: the server and 2 clients\.\n$/)

    const set = await run(["profile", "set", "fapi_2_0_security", ...where])
    assert.strictEqual(set.code, 0, set.stderr)
    assert.match(set.stdout, /^The server .* is held to fapi_2_0_security now\.\n/)
    assert.strictEqual(set.stderr, `warning: the client "shop" will be refused until this is mended:\n${failure}`)

    const after = await run(["profile", "check", ...where])
    assert.deepStrictEqual([after.code, after.stderr], [1, "Client shop: 1 rule not kept.\n"])
    assert.include(after.stdout, failure)
    assert.match(after.stdout, /^Client job\n {2}fapi_2_0_security, set for the server\n/m)
    assert.strictEqual((await run(["profile", "check", "--client", "job", ...where])).code, 0)

    const refused = await run(["profile", "set", "fapi_2_0_security", "--client", "shop", ...where])
    assert.deepStrictEqual(
      [refused.code, refused.stderr],
      [1, `The client "shop" cannot be held to fapi_2_0_security yet:\n${failure}Nothing was changed.\n`]
    )
    const parts = ["--message-signing", "requests,introspection"]
    await run(["profile", "set", "fapi_2_0_message_signing", "--client", "job", ...parts, ...where])
    const signing = await run(["profile", "check", "--client", "job", ...where])
    assert.include(
      signing.stdout,
      "  fapi_2_0_security, set for the server\n  fapi_2_0_message_signing (requests, introspection), set for this client\n"
    )
    assert.match((await run(["profile", "set", "none", ...where])).stdout, /is held to no profile now/)
  })

  onDatabase("set: without a key of its algorithms the server is not switched into FAPI 2.0", async (databaseUrl) => {
    const where = ["--database-url", databaseUrl, "--issuer", issuer]
    const env = { LOCKSPIRE_KEY_ENCRYPTION_KEY: randomKey() }
    await run(["key", "rotate", "--algorithm", "RS256", ...where], env)
    const { code, stderr } = await run(["profile", "set", "fapi_2_0_security", ...where])
    assert.strictEqual(code, 1)
    assert.match(stderr, /^The server cannot be held to fapi_2_0_security yet:\n {2}✗ JWTs signed by PS256/)
    assert.match(stderr, /problem {2}there is no signing key of PS256, ES256 or EdDSA\n.*\n?Nothing was changed\.\n$/s)
  })

  it("what cannot be meant is a sentence, exit 1", async () => {
    const wrong = await run(["profile", "set", "mcp", "--message-signing", "requests"])
    assert.deepStrictEqual([wrong.code, wrong.stderr], [1, "--message-signing goes with fapi_2_0_message_signing.\n"])
    const other = await run(["profile", "set", "fapi_2_0_message_signing", "--message-signing", "tokens"])
    assert.match(other.stderr, /^--message-signing takes requests, responses and introspection/)
  })

  onDatabase(
    "set beside `dev`: the client is held to it; the demo goes on, also after a restart",
    async (databaseUrl) => {
      using own = folder()
      const seed = own.file("seed.json", { resources, clients: [job] })
      const env = { LOCKSPIRE_KEY_ENCRYPTION_KEY: randomKey() }
      const where = ["--database-url", databaseUrl]
      await using first = await start(["dev", ...where, "--seed", seed], env)
      const config = await openid.discovery(
        new URL(first.url),
        "job",
        undefined,
        openid.PrivateKeyJwt(pair.privateKey),
        {
          execute: [openid.allowInsecureRequests]
        }
      )
      assert.strictEqual((await openid.clientCredentialsGrant(config, { scope: "read" })).token_type, "bearer")
      const set = await run(["profile", "set", "fapi_2_0_security", "--client", "job", ...where, "--issuer", first.url])
      assert.strictEqual(set.code, 0, set.stderr)
      const error = await openid.clientCredentialsGrant(config, { scope: "read" }).catch((error: unknown) => error)
      assert.include(error, { error: "invalid_request" })

      const all = await run(["profile", "set", "fapi_2_0_security", ...where, "--issuer", first.url])
      assert.deepStrictEqual([all.code, all.stderr], [0, ""])
      await first.stop()
      await using again = await start(["dev", ...where, "--issuer", first.url, "--port", new URL(first.url).port], env)
      const browser = new TestBrowser(() => false)
      const form = await browser.visit(`${again.url}/demo/sign-in`)
      const consent = await browser.submit(form, { username: "demo", password: "demo" })
      const page = await browser.submit(consent, { decision: "approve" })
      assert.include(page.body, "demo@example.com")
      const called = await browser.visit(`${again.url}/demo/call-api`, { method: "POST", body: new URLSearchParams() })
      assert.match(called.body, /The API answered 200/)
    }
  )
})
