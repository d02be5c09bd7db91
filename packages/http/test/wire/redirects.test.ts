/** How authorization responses travel: RFC 6749 §4.1.2, §4.1.2.1, RFC 9207, and the response modes. */
import { assert } from "@effect/vitest"
import { formOf } from "../../src/testing/index.ts"
import { authorization, authorizationUrl, authorize, browser, exchange, redirectUri, responseOf } from "../flow.ts"
import { suite } from "../suite.ts"

/** One response that succeeds and one that fails, in a mode. */
const both = async (issuer: string, clientId: string, changes: Record<string, string>) => {
  const person = browser()
  const success = await person.visit(authorizationUrl(issuer, clientId, changes))
  const failure = await person.visit(authorizationUrl(issuer, clientId, { ...changes, scope: "openid unknown" }))
  return [success, failure] as const
}

suite("redirects", (test) => {
  for (const response_mode of [undefined, "query", "fragment", "form_post"] as const) {
    const mode = response_mode ?? "the default mode"

    test(`RFC 9207 §2: ${mode} carries iss and state on success and on error`, async (issuer) => {
      const [success, failure] = await both(issuer, "first", response_mode === undefined ? {} : { response_mode })
      assert.sameMembers([...responseOf(success).keys()], ["code", "state", "iss"])
      assert.sameMembers([...responseOf(failure).keys()], ["error", "error_description", "state", "iss"])
      for (const landed of [success, failure]) {
        assert.strictEqual(responseOf(landed).get("iss"), issuer)
        assert.strictEqual(responseOf(landed).get("state"), "the-state")
      }
      assert.strictEqual(responseOf(failure).get("error"), "invalid_scope")
    })
  }

  test("Multiple Response Types §2.1: query puts the response in the query, fragment in the fragment", async (issuer) => {
    for (const landed of await both(issuer, "first", { response_mode: "query" })) {
      assert.isTrue(landed.url.href.startsWith(`${redirectUri}?`))
      assert.strictEqual(landed.url.hash, "")
    }
    for (const landed of await both(issuer, "first", { response_mode: "fragment" })) {
      assert.isTrue(landed.url.href.startsWith(`${redirectUri}#`))
      assert.strictEqual(landed.url.search, "")
    }
  })

  test("Form Post Response Mode §2: form_post is a page that posts to the redirect URI, with a button", async (issuer) => {
    for (const landed of await both(issuer, "first", { response_mode: "form_post" })) {
      assert.strictEqual(landed.status, 200)
      assert.strictEqual(formOf(landed.body)!.action, redirectUri)
      assert.match(landed.body, /<form method="post"/)
      assert.include(landed.body, "<button")
      assert.strictEqual(landed.headers.get("cache-control"), "no-store")
    }
  })

  test("Form Post Response Mode §2: its script is the only one its policy lets run", async (issuer) => {
    const [landed] = await both(issuer, "first", { response_mode: "form_post" })
    const script = /<script>([\s\S]*?)<\/script>/.exec(landed.body)![1]!
    const hash = Buffer.from(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(script))).toString("base64")
    const policy = landed.headers.get("content-security-policy")!
    assert.include(policy, `script-src 'sha256-${hash}'`)
    assert.notInclude(policy, "unsafe")
    assert.notInclude(policy, "form-action")
  })

  test("Form Post Response Mode §2: state is escaped in the page", async (issuer) => {
    const state = `"><script>alert(1)</script>&amp;'`
    for (const landed of await both(issuer, "first", { response_mode: "form_post", state })) {
      assert.strictEqual(responseOf(landed).get("state"), state)
      assert.notInclude(landed.body, "<script>alert")
    }
  })

  test("RFC 6749 §3.1.2: a redirect URI with a query keeps it, character by character", async (issuer) => {
    const registered = `${redirectUri}?tenant=1&x=`
    for (const landed of await both(issuer, "query", { redirect_uri: registered })) {
      assert.isTrue(landed.url.href.startsWith(`${registered}&`), landed.url.href)
    }
    for (const landed of await both(issuer, "query", { redirect_uri: registered, response_mode: "fragment" })) {
      assert.isTrue(landed.url.href.startsWith(`${registered}#`), landed.url.href)
    }
    const response = await authorize(issuer, "query", { redirect_uri: registered })
    const answer = await exchange(issuer, "query", response.get("code"), { redirect_uri: registered })
    assert.strictEqual(answer.status, 200)
  })

  test("RFC 8252 §7.3: a native client's loopback port is its own to choose, the rest is not", async (issuer) => {
    const chosen = "http://127.0.0.1:51234/callback"
    const response = await authorize(issuer, "native", { redirect_uri: chosen })
    assert.strictEqual((await exchange(issuer, "native", response.get("code"), { redirect_uri: chosen })).status, 200)
    for (const uri of [
      "http://localhost:51234/callback",
      "http://127.0.0.1:51234/other",
      "http://[::1]:51234/callback",
      "https://127.0.0.1/callback",
      "http://127.0.0.1:99999/callback",
      "http://127.0.0.1:0/callback"
    ]) {
      const answer = await fetch(authorizationUrl(issuer, "native", { redirect_uri: uri }), { redirect: "manual" })
      assert.strictEqual(answer.status, 400, uri)
    }
  })

  test("RFC 6749 §4.1.2: state comes back as it was sent, whatever is in it", async (issuer) => {
    for (const state of ["a b+c%20&d=e#f", "ünïcödé \u{1f600}", `"<>'`, "x".repeat(2_000)]) {
      for (const response_mode of ["query", "fragment", "form_post"]) {
        const response = await authorize(issuer, "first", { state, response_mode })
        assert.strictEqual(response.get("state"), state, response_mode)
      }
    }
  })

  test("RFC 6749 §4.1.2: a request without state gets a response without state", async (issuer) => {
    const [success, failure] = await both(issuer, "first", { state: "" })
    assert.isFalse(responseOf(success).has("state"))
    assert.isFalse(responseOf(failure).has("state"))
  })

  test("RFC 6749 §4.1.2.1: until client and redirect URI belong together every error is a page", async (issuer) => {
    const pages: ReadonlyArray<readonly [string, Record<string, string | undefined>, string]> = [
      ["first", { client_id: undefined }, "invalid_request"],
      ["nobody", {}, "unauthorized_client"],
      ["disabled", {}, "unauthorized_client"],
      ["first", { redirect_uri: undefined }, "invalid_request"],
      ["first", { redirect_uri: "https://evil.example/callback" }, "invalid_request"],
      ["api", {}, "invalid_request"]
    ]
    for (const [clientId, changes, error] of pages) {
      const answer = await fetch(authorizationUrl(issuer, clientId, changes), { redirect: "manual" })
      assert.strictEqual(answer.status, 400)
      assert.isNull(answer.headers.get("location"))
      const body = await answer.text()
      assert.include(body, `<code>${error}</code>`)
      assert.notInclude(body, "evil.example")
    }
  })

  test("OAuth 2.0 Multiple Response Types §2.1: an unknown mode is answered in the default one", async (issuer) => {
    const response = await authorize(issuer, "first", { response_mode: "web_message" })
    assert.strictEqual(response.get("error"), "invalid_request")
  })

  test("RFC 9700 §4.12: GET is redirected by 302, POST by 303, and nothing of it is stored or referred to", async (issuer) => {
    const query = authorization("first", { scope: "unknown" })
    const get = await fetch(`${issuer}/authorize?${query.toString()}`, { redirect: "manual" })
    const post = await fetch(`${issuer}/authorize`, { method: "POST", body: query, redirect: "manual" })
    assert.strictEqual(get.status, 302)
    assert.strictEqual(post.status, 303)
    for (const answer of [get, post]) {
      assert.strictEqual(answer.headers.get("cache-control"), "no-store")
      assert.strictEqual(answer.headers.get("referrer-policy"), "no-referrer")
      assert.isTrue(answer.headers.get("location")!.startsWith(`${redirectUri}?error=invalid_scope`))
    }
  })
})
