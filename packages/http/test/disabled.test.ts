/** Disabling a client takes effect on its next request, at every endpoint there is. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import type { TestIssuer } from "../src/testing/index.ts"
import { metadataOf } from "./advertised.ts"
import {
  authorization,
  authorizationUrl,
  authorize,
  basic,
  browser,
  errorOf,
  exchange,
  post,
  refresh,
  secret,
  signIn
} from "./flow.ts"
import { suite } from "./suite.ts"

type Running = typeof TestIssuer.TestIssuer.Service

const client = { clientId: "soon", secret, grantTypes: ["authorization_code", "refresh_token", "client_credentials"] }

/** A client with everything a client can have; then `disable` ends it. */
const prepare = async (issuer: string, running: Running) => {
  await Effect.runPromise(running.putClient(client))
  const tokens = await signIn(issuer, "soon", { scope: "openid offline_access" })
  const code = (await authorize(issuer, "soon")).get("code")
  const person = browser()
  const page = await person.visit(authorizationUrl(issuer, "soon", { prompt: "consent" }))
  await Effect.runPromise(running.putClient({ ...client, disabled: true }))
  return { tokens, code, person, page }
}

const answerOf = async (response: Response) => `${response.status} ${await errorOf(response)}`

suite("a client that was just disabled", (test) => {
  test("has no endpoint left, of those that the metadata names", async (issuer, running) => {
    const { tokens } = await prepare(issuer, running)
    const metadata = await metadataOf(issuer)
    const tried: Record<string, () => Promise<string>> = {
      authorization_endpoint: async () => {
        const { body, status, url } = await browser().visit(authorizationUrl(issuer, "soon"))
        assert.strictEqual(url.host, new URL(issuer).host)
        return `${status} ${/unauthorized_client/.exec(body)?.[0]}`
      },
      pushed_authorization_request_endpoint: async () =>
        answerOf(await post(`${issuer}/par`, "soon", Object.fromEntries(authorization("soon")))),
      token_endpoint: async () => answerOf(await refresh(issuer, "soon", tokens.refresh_token)),
      revocation_endpoint: async () =>
        answerOf(await post(`${issuer}/revoke`, "soon", { token: tokens.refresh_token })),
      introspection_endpoint: async () =>
        answerOf(await post(`${issuer}/introspect`, "soon", { token: tokens.access_token })),
      userinfo_endpoint: async () => {
        const headers = { authorization: `Bearer ${tokens.access_token}` }
        return answerOf(await fetch(`${issuer}/userinfo`, { headers }))
      }
    }
    const names = Object.keys(metadata).filter((name) => name.endsWith("_endpoint"))
    assert.sameMembers(names, Object.keys(tried))
    for (const name of names) {
      const expected = {
        authorization_endpoint: "400 unauthorized_client",
        userinfo_endpoint: "401 invalid_token"
      }[name]
      assert.strictEqual(await tried[name]!(), expected ?? "401 invalid_client", name)
    }
  })

  test("has no grant left, a code it was given before included", async (issuer, running) => {
    const { code, tokens } = await prepare(issuer, running)
    assert.strictEqual(await answerOf(await exchange(issuer, "soon", code)), "401 invalid_client")
    for (const grant_type of (await metadataOf(issuer))["grant_types_supported"] as ReadonlyArray<string>) {
      const body = new URLSearchParams({
        ...Object.fromEntries(authorization("soon")),
        grant_type,
        refresh_token: tokens.refresh_token,
        subject_token: tokens.access_token,
        assertion: "a.b.c"
      })
      const answer = await fetch(`${issuer}/token`, { method: "POST", headers: basic("soon"), body })
      assert.strictEqual(await answerOf(answer), "401 invalid_client", grant_type)
    }
  })

  test("has no live token left, whoever asks about it", async (issuer, running) => {
    const { tokens } = await prepare(issuer, running)
    for (const token of [tokens.access_token, tokens.refresh_token]) {
      const answer = await post(`${issuer}/introspect`, "gateway", { token })
      assert.deepStrictEqual(await answer.json(), { active: false })
    }
  })

  test("receives nothing from a person who was just about to decide", async (issuer, running) => {
    const { page, person } = await prepare(issuer, running)
    const landed = await person.submit(page, { decision: "approve" })
    assert.strictEqual(landed.url.host, new URL(issuer).host)
    assert.isAtLeast(landed.status, 400)
  })

  test("and is itself again once it is enabled", async (issuer, running) => {
    const { tokens } = await prepare(issuer, running)
    await Effect.runPromise(running.putClient(client))
    assert.strictEqual((await refresh(issuer, "soon", tokens.refresh_token)).status, 200)
  })
})
