/** What is too old over the wire: time is moved in the database, since the server's own clock is the real one. */
import { assert, layer } from "@effect/vitest"
import { TestDatabase } from "@lockspire/storage-pg/testing"
import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { formOf, TestIssuer } from "../../src/testing/index.ts"
import { authorizationUrl, authorize, browser, errorOf, exchange, options, post, refresh, signIn } from "../flow.ts"
import { postgres } from "../storages.ts"

layer(Layer.merge(TestIssuer.layer(postgres, options), TestDatabase.layer), {
  timeout: "60 seconds",
  excludeTestServices: true
})("expiry", (it) => {
  const test = (title: string, run: (issuer: string, age: (table: string) => Promise<unknown>) => Promise<void>) =>
    it.effect(title, () =>
      Effect.gen(function* () {
        const { issuer } = yield* TestIssuer.TestIssuer
        const sql = yield* SqlClient.SqlClient
        const age = (table: string) => Effect.runPromise(sql`UPDATE ${sql(table)} SET expires_at = now()`)
        yield* Effect.promise(() => run(issuer, age))
      })
    )

  test("an interaction that expired is a page, and nothing can be decided any more", async (issuer, age) => {
    const person = browser()
    const page = await person.visit(authorizationUrl(issuer, "basic", { prompt: "consent" }))
    await age("interactions")
    const { action, fields } = formOf(page.body)!
    fields.set("decision", "approve")
    const answer = await person.request(new URL(action, page.url), { method: "POST", body: fields })
    assert.strictEqual(answer.status, 400)
    assert.isNull(answer.headers.get("location"))
    assert.include(await answer.text(), "This sign-in has expired.")
    const reloaded = await person.visit(page.url)
    assert.strictEqual(reloaded.status, 400)
    assert.include(reloaded.body, "This sign-in has expired.")
  })

  test("RFC 6749 §4.1.2: a code that expired is invalid_grant", async (issuer, age) => {
    const response = await authorize(issuer, "first")
    await age("authorization_codes")
    assert.strictEqual(await errorOf(await exchange(issuer, "first", response.get("code"))), "invalid_grant")
  })

  test("RFC 6750 §3.1: an access token that expired is invalid_token, and introspects as inactive", async (issuer, age) => {
    const { access_token } = await signIn(issuer, "first")
    await age("access_tokens")
    const answer = await fetch(`${issuer}/userinfo`, { headers: { authorization: `Bearer ${access_token}` } })
    assert.strictEqual(answer.status, 401)
    assert.include(answer.headers.get("www-authenticate")!, 'error="invalid_token"')
    const seen = await post(`${issuer}/introspect`, "first", { token: access_token })
    assert.deepStrictEqual(await seen.json(), { active: false })
  })

  test("RFC 6749 §6: a refresh token that expired is invalid_grant", async (issuer, age) => {
    const { refresh_token } = await signIn(issuer, "first")
    await age("refresh_tokens")
    assert.strictEqual(await errorOf(await refresh(issuer, "first", refresh_token)), "invalid_grant")
  })

  test("a consent that expired is asked for again", async (issuer, age) => {
    const person = browser()
    await authorize(issuer, "post", {}, person)
    assert.isString((await person.visit(authorizationUrl(issuer, "post"))).url.searchParams.get("code"))
    await age("consents")
    assert.include((await person.visit(authorizationUrl(issuer, "post"))).body, 'name="decision"')
  })
})
