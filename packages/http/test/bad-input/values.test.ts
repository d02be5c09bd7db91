/** Values that no parameter of theirs may have. */
import { assert } from "@effect/vitest"
import { authorization, authorize, challenge, redirectUri } from "../flow.ts"
import { suite } from "../suite.ts"

suite("values", (test) => {
  test("values of any length and any character are refused, not broken by", async (issuer) => {
    const values = [
      "a".repeat(8_000),
      "\u{10ffff}",
      "\u202e",
      "'; DROP TABLE clients; --",
      "<script>alert(1)</script>",
      "\r\nSet-Cookie: x=1",
      "{{7*7}}",
      "../../../etc/passwd",
      "\u{1f600}".repeat(500),
      "99999999999999999999999",
      "-1",
      "1e3",
      "NaN"
    ]
    const names = [
      ...authorization("first").keys(),
      "response_mode",
      "prompt",
      "max_age",
      "id_token_hint",
      "display",
      "claims",
      "resource",
      "ui_locales",
      "acr_values"
    ]
    for (const value of values) {
      for (const name of names) {
        const url = `${issuer}/authorize?${authorization("first", { [name]: value }).toString()}`
        const answer = await fetch(url, { redirect: "manual" })
        assert.isBelow(answer.status, 500, `${name}=${value}`)
        assert.isNull(answer.headers.get("set-cookie")?.match(/x=1/) ?? null)
        assert.notInclude(await answer.text(), "<script>alert")
      }
    }
  })

  test("OpenID Connect Core §5.5: malformed claims are invalid_request, however they are malformed", async (issuer) => {
    const malformed = [
      "{",
      "null",
      "[]",
      '"x"',
      "1",
      '{"id_token":[]}',
      '{"id_token":{"sub":1}}',
      '{"id_token":{"sub":{"values":1}}}',
      String.raw`{"id_token":{"a\u0000":null}}`,
      String.raw`{"id_token":{"acr":{"value":"\ud800"}}}`,
      `{"id_token":{"a":{"value":${"[".repeat(1000)}${"]".repeat(1000)}}}}`,
      "[".repeat(3000)
    ]
    for (const claims of malformed) {
      const response = await authorize(issuer, "first", { claims })
      assert.strictEqual(response.get("error"), "invalid_request", claims)
    }
  })

  test("RFC 7636 §4.3: only S256 with 43 characters is a code challenge", async (issuer) => {
    const bad: ReadonlyArray<Record<string, string | undefined>> = [
      { code_challenge: undefined, code_challenge_method: undefined },
      { code_challenge: undefined },
      { code_challenge_method: undefined },
      { code_challenge_method: "plain" },
      { code_challenge_method: "s256" },
      { code_challenge: challenge.slice(1) },
      { code_challenge: `${challenge}=` },
      { code_challenge: `${challenge.slice(1)}+` }
    ]
    for (const changes of bad) {
      const response = await authorize(issuer, "first", changes)
      assert.strictEqual(response.get("error"), "invalid_request", JSON.stringify(changes))
    }
  })

  test("RFC 9700 §4.1.3: a redirect URI that is nearly the registered one gets a page", async (issuer) => {
    const nearly = [
      `${redirectUri}/`,
      `${redirectUri}?`,
      `${redirectUri}#`,
      `${redirectUri}#x`,
      `${redirectUri}%20`,
      `${redirectUri} `,
      redirectUri.replace("https", "http"),
      redirectUri.replace("client.example", "CLIENT.example"),
      redirectUri.replace("client.example", "client.example:443"),
      redirectUri.replace("client.example", "client.example.evil.example"),
      redirectUri.replace("client.example", "x@client.example"),
      redirectUri.replace("callback", "./callback"),
      redirectUri.replace("callback", "x/../callback"),
      redirectUri.replace("callback", "%63allback"),
      "javascript:alert(1)",
      "//client.example/callback",
      "/callback"
    ]
    for (const uri of nearly) {
      const url = `${issuer}/authorize?${authorization("first", { redirect_uri: uri }).toString()}`
      const answer = await fetch(url, { redirect: "manual" })
      assert.strictEqual(answer.status, 400, uri)
      assert.isNull(answer.headers.get("location"), uri)
    }
  })
})
