import { assert, describe, it, layer } from "@effect/vitest"
import { Effect } from "effect"
import { HttpRouter } from "effect/http"
import type { IntrospectionResponse } from "openid-client"
import * as Api from "../src/Api.ts"
import { refusal } from "../src/Failure.ts"
import { browser, layer as siteLayer, shown, signIn, Site } from "./site.ts"

const live: IntrospectionResponse = {
  active: true,
  token_type: "Bearer",
  sub: "alice",
  scope: "openid profile",
  client_id: "demo",
  exp: 4_000_000_000
}

/** The API before an issuer that answers `answer` about every token. */
const call = async (authorization: string | undefined, answer: IntrospectionResponse | "away" = live) => {
  const handler = Api.handler({
    realm: "demo-api",
    scope: "openid",
    audience: ["https://api.example"],
    introspect: () => (answer === "away" ? Effect.fail(refusal("fetch failed")) : Effect.succeed(answer))
  })
  const web = HttpRouter.toWebHandler(HttpRouter.add("GET", "/api", handler), { disableLogger: true })
  const response = await web.handler(
    new Request("https://api.example/api", authorization === undefined ? {} : { headers: { authorization } })
  )
  const result = {
    status: response.status,
    challenge: response.headers.get("www-authenticate"),
    body: (await response.json()) as Record<string, unknown>
  }
  await web.dispose()
  return result
}

describe("the API", () => {
  it("RFC 6750 §3.1: without a token the challenge has no error code", async () => {
    for (const authorization of [undefined, "Basic YTpi", "Bearerx"]) {
      const { body, challenge, status } = await call(authorization)
      assert.strictEqual(status, 401)
      assert.strictEqual(challenge, `Bearer realm="demo-api"`)
      assert.notProperty(body, "error")
    }
  })

  it("RFC 9110 §11.1: the scheme is Bearer in any case", async () => {
    for (const scheme of ["Bearer", "bearer", "BEARER"]) {
      const { body, status } = await call(`${scheme} abc`)
      assert.strictEqual(status, 200)
      assert.deepInclude(body, { sub: "alice", scope: "openid profile", client_id: "demo" })
    }
  })

  it("RFC 6750 §3.1: a header without its token is invalid_request", async () => {
    const { challenge, status } = await call("Bearer ")
    assert.strictEqual(status, 400)
    assert.include(challenge ?? "", `error="invalid_request"`)
  })

  it("RFC 6750 §3.1: a malformed, inactive, expired or foreign token is invalid_token", async () => {
    const rows: ReadonlyArray<readonly [string, IntrospectionResponse]> = [
      [`Bearer a"b`, live],
      ["Bearer a b", live],
      ["Bearer abc", { active: false }],
      ["Bearer abc", { ...live, exp: 1 }],
      ["Bearer abc", { ...live, aud: "https://other.example" }]
    ]
    for (const [authorization, answer] of rows) {
      const { body, challenge, status } = await call(authorization, answer)
      assert.strictEqual(status, 401)
      assert.include(challenge ?? "", `error="invalid_token"`)
      assert.strictEqual(body["error"], "invalid_token")
    }
  })

  it("RFC 8707 §2: a token for this API among others is accepted", async () => {
    const { status } = await call("Bearer abc", { ...live, aud: ["https://other.example", "https://api.example"] })
    assert.strictEqual(status, 200)
  })

  it("RFC 7662 §2.2: an active token that is no access token is refused", async () => {
    const { token_type: _, ...refreshToken } = live
    assert.strictEqual((await call("Bearer abc", refreshToken)).status, 401)
  })

  it("RFC 6750 §3.1: a token without the scope is insufficient_scope, and the challenge names it", async () => {
    const { challenge, status } = await call("Bearer abc", { ...live, scope: "openid2 profile" })
    assert.strictEqual(status, 403)
    assert.include(challenge ?? "", `error="insufficient_scope"`)
    assert.include(challenge ?? "", `scope="openid"`)
  })

  it("an issuer that cannot be asked makes the API unavailable, never open", async () => {
    const { body, status } = await call("Bearer abc", "away")
    assert.strictEqual(status, 503)
    assert.deepEqual(body, { error: "temporarily_unavailable" })
  })
})

layer(siteLayer, { timeout: "60 seconds", excludeTestServices: true })("the API beside an issuer", (it) => {
  it.effect("an access token opens it; a refresh token and an unknown token do not", () =>
    Effect.gen(function* () {
      const { demo } = yield* Site
      yield* Effect.promise(async () => {
        const page = await signIn(browser(), demo)
        const ask = async (token: string) => {
          const response = await fetch(`${demo}/api`, { headers: { authorization: `bearer ${token}` } })
          return { status: response.status, body: (await response.json()) as Record<string, unknown> }
        }
        const opened = await ask(shown(page.body, "access token"))
        assert.strictEqual(opened.status, 200)
        assert.deepInclude(opened.body, { sub: "alice", client_id: "demo" })
        assert.strictEqual((await ask(shown(page.body, "refresh token"))).status, 401)
        assert.strictEqual((await ask("unknown")).status, 401)
      })
    })
  )
})
