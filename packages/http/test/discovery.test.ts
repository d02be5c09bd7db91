/** What the issuer says about itself is what it does: OpenID Connect Discovery, RFC 8414. */
import { assert } from "@effect/vitest"
import { Effect, Ref } from "effect"
import { lists, metadataOf } from "./advertised.ts"
import { authorize, browser, options, payloadOf, refresh, resource, signIn } from "./flow.ts"
import { suite } from "./suite.ts"

suite(
  "discovery of an issuer without a path",
  (test) => {
    for (const [list, { candidates, works }] of Object.entries(lists)) {
      test(`RFC 8414 §2: every value of ${list} works, and no other does`, async (issuer, running) => {
        await Effect.runPromise(Ref.set(running.person, { subject: "alice", acr: "urn:example:gold" }))
        const values = (await metadataOf(issuer))[list] as ReadonlyArray<string>
        for (const value of new Set([...values, ...candidates])) {
          assert.strictEqual(await works(issuer, value, running), values.includes(value), value)
        }
      })
    }

    test("RFC 8414 §2: every list is tried above, none is empty, and what is false is refused", async (issuer) => {
      const metadata = await metadataOf(issuer)
      const isList = ([, value]: readonly [string, unknown]) => Array.isArray(value)
      const names = Object.entries(metadata).filter(isList)
      assert.sameMembers(
        names.map(([name]) => name),
        Object.keys(lists)
      )
      for (const [name, values] of names) assert.isNotEmpty(values as ReadonlyArray<string>, name)
      const flags = Object.entries(metadata).filter(([, value]) => typeof value === "boolean")
      assert.deepStrictEqual(Object.fromEntries(flags), {
        tls_client_certificate_bound_access_tokens: false,
        claims_parameter_supported: true,
        request_parameter_supported: true,
        request_uri_parameter_supported: false,
        authorization_response_iss_parameter_supported: true
      })
      const refusals = [
        ["request", "eyJhbGciOiJub25lIn0.e30.", "request_not_supported"],
        ["request_uri", "https://client.example/request", "request_uri_not_supported"],
        ["registration", "{}", "registration_not_supported"]
      ] as const
      for (const [name, value, error] of refusals) {
        assert.strictEqual((await authorize(issuer, "first", { [name]: value })).get("error"), error)
      }
      assert.strictEqual((await authorize(issuer, "first")).get("iss"), issuer)
      // OpenID Connect Core §5.5: `claims_parameter_supported`.
      const tokens = await signIn(issuer, "first", { scope: "openid", claims: '{"id_token":{"email":null}}' })
      assert.strictEqual(payloadOf(tokens.id_token)["email"], "alice@example.com")
    })

    test("OpenID Connect Discovery §3: what is required is there, and both documents are one", async (issuer) => {
      const metadata = await metadataOf(issuer)
      assert.containsAllKeys(metadata, [
        "issuer",
        "authorization_endpoint",
        "token_endpoint",
        "jwks_uri",
        "response_types_supported",
        "subject_types_supported",
        "id_token_signing_alg_values_supported"
      ])
      assert.include(metadata["id_token_signing_alg_values_supported"], "RS256")
      const other = await fetch(`${issuer}/.well-known/oauth-authorization-server`)
      assert.deepStrictEqual(await other.json(), metadata)
    })

    test("RFC 8414 §2: every endpoint that is named answers, below the issuer", async (issuer) => {
      for (const [name, url] of Object.entries(await metadataOf(issuer))) {
        if (typeof url !== "string" || name === "issuer") continue
        assert.isTrue(url.startsWith(`${issuer}/`), name)
        const answer = await fetch(url, { redirect: "manual" })
        assert.include([200, 400, 401, 405], answer.status, name)
      }
    })

    test("RFC 7517 §4: published keys are public, whole and for one use; they verify what is signed", async (issuer) => {
      const { keys } = (await (await fetch(`${issuer}/jwks`)).json()) as {
        readonly keys: ReadonlyArray<Readonly<Record<string, unknown>> & { readonly kid: string }>
      }
      assert.isNotEmpty(keys)
      for (const key of keys) {
        for (const member of ["d", "p", "q", "dp", "dq", "qi", "oth", "k"]) assert.notProperty(key, member)
        assert.containsAllKeys(key, ["kid", "kty", "alg"])
        assert.strictEqual(key["use"], /OAEP|ECDH/.test(String(key["alg"])) ? "enc" : "sig")
      }
      assert.strictEqual(new Set(keys.map(({ kid }) => kid)).size, keys.length)
      const { id_token } = await signIn(issuer, "first")
      const { kid } = JSON.parse(Buffer.from(id_token.split(".")[0]!, "base64url").toString()) as {
        readonly kid: string
      }
      assert.include(
        keys.map((key) => key.kid),
        kid
      )
    })

    test("RFC 7519 §7.2: an id_token_hint is verified, with the algorithm that signed it and no other", async (issuer) => {
      const person = browser()
      const { id_token } = await signIn(issuer, "first", {}, person)
      const [header = "", payload = "", signature = ""] = id_token.split(".")
      const unsigned = Buffer.from('{"alg":"none"}').toString("base64url")
      const another = `${signature.slice(0, -6)}AAAAAA`
      for (const hint of [
        `${unsigned}.${payload}.`,
        `${unsigned}.${payload}.${signature}`,
        `${header}.${payload}.${another}`,
        `${header}.${payload}.`
      ]) {
        const response = await authorize(issuer, "first", { id_token_hint: hint, prompt: "none" }, person)
        assert.strictEqual(response.get("error"), "invalid_request")
      }
      const response = await authorize(issuer, "first", { id_token_hint: id_token, prompt: "none" }, person)
      assert.isTrue(response.has("code"))
    })
  },
  { options: { ...options, encryptionAlgorithms: ["ECDH-ES", "ECDH-ES+A256KW", "RSA-OAEP-256"] } }
)

suite(
  "discovery of an issuer with a path",
  (test) => {
    test("RFC 8414 §3.1, §5; OpenID Connect Discovery §4: all three well-known forms are the same document", async (issuer) => {
      const { origin, pathname } = new URL(issuer)
      const places = [
        `${issuer}/.well-known/openid-configuration`,
        `${origin}/.well-known/oauth-authorization-server${pathname}`,
        `${origin}/.well-known/openid-configuration${pathname}`
      ]
      const metadata = await metadataOf(issuer)
      assert.strictEqual(metadata["issuer"], issuer)
      for (const place of places) {
        const answer = await fetch(place)
        assert.strictEqual(answer.status, 200, place)
        assert.deepStrictEqual(await answer.json(), metadata)
      }
    })

    test("RFC 8414 §3.1: where no issuer is there is no metadata", async (issuer) => {
      const { origin, pathname } = new URL(issuer)
      for (const place of [
        "/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration/other",
        `/.well-known/openid-configuration${pathname}/x`,
        "/jwks",
        "/token"
      ]) {
        assert.strictEqual((await fetch(`${origin}${place}`)).status, 404, place)
      }
    })

    test("RFC 9110 §15.5.6: a wrong method at a well-known place of the host is 405", async (issuer) => {
      const { origin, pathname } = new URL(issuer)
      const answer = await fetch(`${origin}/.well-known/openid-configuration${pathname}`, { method: "POST" })
      assert.strictEqual(answer.status, 405)
      assert.strictEqual(answer.headers.get("allow"), "GET, HEAD, OPTIONS")
      const preflight = await fetch(`${origin}/.well-known/oauth-authorization-server${pathname}`, {
        method: "OPTIONS"
      })
      assert.strictEqual(preflight.status, 204)
      assert.strictEqual(preflight.headers.get("access-control-allow-origin"), "*")
      const misspelt = `${origin}/.well-known/oauth-authorization-server${pathname}/`
      assert.strictEqual((await fetch(misspelt, { method: "OPTIONS" })).status, 404)
    })

    test("every endpoint is below the path, and the whole flow works there", async (issuer) => {
      const { pathname } = new URL(issuer)
      for (const [name, url] of Object.entries(await metadataOf(issuer))) {
        if (typeof url === "string" && name !== "issuer")
          assert.isTrue(new URL(url).pathname.startsWith(`${pathname}/`), name)
      }
      const tokens = await signIn(issuer, "first", { scope: "openid read offline_access", resource })
      assert.strictEqual(payloadOf(tokens.id_token)["iss"], issuer)
      assert.strictEqual((await refresh(issuer, "first", tokens.refresh_token)).status, 200)
    })
  },
  { options: { ...options, path: "/a/tenant" } }
)
