/** Pages and what browsers do with them: headers, forms of other sites, tabs, reloads, the back button. */
import { assert } from "@effect/vitest"
import { Effect, Ref } from "effect"
import { formOf, type Landing, type TestBrowser } from "../../src/testing/index.ts"
import { authorization, authorizationUrl, authorize, browser, exchange, redirectUri } from "../flow.ts"
import { suite } from "../suite.ts"

const isPage = (headers: Headers) => {
  assert.match(headers.get("content-type")!, /^text\/html; *charset=utf-8$/i)
  assert.strictEqual(headers.get("cache-control"), "no-store")
  assert.strictEqual(headers.get("referrer-policy"), "no-referrer")
  assert.strictEqual(headers.get("x-content-type-options"), "nosniff")
  const policy = headers.get("content-security-policy")!
  assert.include(policy, "frame-ancestors 'none'")
  assert.include(policy, "default-src 'none'")
  assert.notInclude(policy, "form-action")
  assert.notInclude(policy, "unsafe-inline")
}

/** Sends the form of a page as it stands, with the headers of a browser. */
const submit = (person: TestBrowser, page: Landing, headers: Record<string, string> = {}, decision = "approve") => {
  const { action, fields } = formOf(page.body)!
  fields.set("decision", decision)
  return person.request(new URL(action, page.url), { method: "POST", body: fields, headers })
}

/** `prompt=consent`, so that no consent remembered from another test spares the page. */
const consentPage = async (issuer: string, person: TestBrowser, changes?: Record<string, string>) => {
  const page = await person.visit(authorizationUrl(issuer, "basic", { prompt: "consent", ...changes }))
  assert.strictEqual(page.status, 200)
  assert.include(page.body, 'name="decision"')
  return page
}

suite("interactions", (test) => {
  test("RFC 9700 §4.16: every page refuses frames, storage and referrers, and lets forms leave", async (issuer) => {
    const person = browser()
    const consent = await consentPage(issuer, person)
    isPage(consent.headers)
    const error = await person.visit(`${issuer}/authorize`)
    assert.strictEqual(error.status, 400)
    isPage(error.headers)
    const formPost = await person.visit(authorizationUrl(issuer, "first", { response_mode: "form_post" }))
    assert.strictEqual(formPost.status, 200)
    isPage(formPost.headers)
    isPage((await person.visit(`${issuer}/interaction/unknown`)).headers)
  })

  test("RFC 9110 §15.4.4: the answer to the consent form is a 303 to the client", async (issuer) => {
    const person = browser()
    const answer = await submit(person, await consentPage(issuer, person))
    assert.strictEqual(answer.status, 303)
    assert.strictEqual(answer.headers.get("cache-control"), "no-store")
    assert.strictEqual(answer.headers.get("referrer-policy"), "no-referrer")
    assert.isTrue(answer.headers.get("location")!.startsWith(`${redirectUri}?code=`))
  })

  test("the consent page holds one form, every scope ticked, remember ticked, approve and deny", async (issuer) => {
    const { body } = await consentPage(issuer, browser())
    assert.strictEqual(body.match(/<form/g)!.length, 1)
    const { fields } = formOf(body)!
    assert.deepStrictEqual(fields.getAll("scope"), ["openid", "profile", "email", "offline_access"])
    assert.isTrue(fields.has("remember"))
    for (const value of ["approve", "deny"])
      assert.match(body, new RegExp(`<button[^>]*name="decision" value="${value}"`))
    assert.notInclude(body, "<script")
  })

  const foreign: ReadonlyArray<Record<string, string>> = [
    { origin: "https://evil.example" },
    { origin: "null", "sec-fetch-site": "cross-site" },
    { "sec-fetch-site": "same-site" },
    { "sec-fetch-site": "cross-site" },
    { origin: "https://evil.example", "sec-fetch-site": "same-origin" }
  ]
  for (const headers of foreign) {
    test(`OWASP CSRF: a decision with ${JSON.stringify(headers)} is refused`, async (issuer) => {
      const person = browser()
      const page = await consentPage(issuer, person)
      const refused = await submit(person, page, headers)
      assert.strictEqual(refused.status, 400)
      isPage(refused.headers)
      assert.include(await refused.text(), "<code>invalid_request</code>")
      // It cost the person nothing: the page still works.
      assert.strictEqual((await submit(person, page)).status, 303)
    })
  }

  test("OWASP CSRF: our own Origin, and a browser that sends none, are let through", async (issuer) => {
    const own = new URL(issuer).origin
    const fine: ReadonlyArray<Record<string, string>> = [
      {},
      { origin: own },
      { origin: own, "sec-fetch-site": "same-origin" },
      { origin: "null", "sec-fetch-site": "same-origin" },
      { "sec-fetch-site": "none" }
    ]
    for (const headers of fine) {
      const person = browser()
      const answer = await submit(person, await consentPage(issuer, person), headers)
      assert.strictEqual(answer.status, 303, JSON.stringify(headers))
    }
  })

  test("OWASP CSRF: without the page's token, or with another page's, nothing is decided", async (issuer) => {
    const person = browser()
    const page = await consentPage(issuer, person)
    const another = await consentPage(issuer, person)
    for (const csrf of [undefined, "", "x", formOf(another.body)!.fields.get("csrf")!]) {
      const { action, fields } = formOf(page.body)!
      fields.set("decision", "approve")
      fields.delete("csrf")
      if (csrf !== undefined) fields.set("csrf", csrf)
      const answer = await person.request(new URL(action, page.url), { method: "POST", body: fields })
      assert.strictEqual(answer.status, 400)
    }
    assert.strictEqual((await submit(person, page)).status, 303)
  })

  test("RFC 9700 §4.7: an interaction of another browser is nobody else's, with or without its form", async (issuer) => {
    const person = browser()
    const page = await consentPage(issuer, person)
    const other = browser()
    await consentPage(issuer, other)
    for (const stranger of [browser(), other]) {
      const seen = await stranger.visit(page.url)
      assert.strictEqual(seen.status, 400)
      assert.include(seen.body, "another browser")
      assert.strictEqual((await submit(stranger, page)).status, 400)
    }
    assert.strictEqual((await submit(person, page)).status, 303)
  })

  test("an interaction is finished once: the second answer is a page, and the first code still works", async (issuer) => {
    const person = browser()
    const page = await consentPage(issuer, person)
    const first = await submit(person, page)
    const code = new URL(first.headers.get("location")!).searchParams.get("code")
    for (const decision of ["approve", "deny"]) {
      const second = await submit(person, page, {}, decision)
      assert.strictEqual(second.status, 400)
      assert.isNull(second.headers.get("location"))
      assert.include(await second.text(), "already finished")
    }
    assert.strictEqual((await exchange(issuer, "basic", code)).status, 200)
  })

  test("two answers at the same moment give one code", async (issuer) => {
    const person = browser()
    const page = await consentPage(issuer, person)
    const answers = await Promise.all(Array.from({ length: 8 }, () => submit(person, page)))
    assert.sameMembers(
      answers.map(({ status }) => status),
      [303, ...Array<number>(7).fill(400)]
    )
  })

  test("two tabs in one browser sign in side by side, whichever finishes first", async (issuer) => {
    const person = browser()
    const [one, two] = await Promise.all([
      consentPage(issuer, person, { state: "one" }),
      consentPage(issuer, person, { state: "two" })
    ])
    const second = await submit(person, two)
    const first = await submit(person, one)
    for (const [answer, state] of [
      [first, "one"],
      [second, "two"]
    ] as const) {
      const response = new URL(answer.headers.get("location")!).searchParams
      assert.strictEqual(response.get("state"), state)
      assert.strictEqual((await exchange(issuer, "basic", response.get("code"))).status, 200)
    }
  })

  test("a reload of the consent page shows it again, and either copy can be answered", async (issuer) => {
    const person = browser()
    const page = await consentPage(issuer, person)
    const reloaded = await person.visit(page.url)
    assert.strictEqual(reloaded.status, 200)
    assert.strictEqual(formOf(reloaded.body)!.fields.toString(), formOf(page.body)!.fields.toString())
    assert.strictEqual((await submit(person, page)).status, 303)
  })

  test("the back button after an answer finds a page that says so, and the client's address can begin anew", async (issuer) => {
    const person = browser()
    const page = await consentPage(issuer, person)
    await submit(person, page)
    const back = await person.visit(page.url)
    assert.strictEqual(back.status, 400)
    assert.include(back.body, "already finished")
    assert.isString((await authorize(issuer, "basic", {}, person)).get("code"))
  })

  test("RFC 6749 §4.1.2.1: denial is access_denied", async (issuer) => {
    const person = browser()
    const denied = await submit(person, await consentPage(issuer, person), {}, "deny")
    const response = new URL(denied.headers.get("location")!).searchParams
    assert.strictEqual(response.get("error"), "access_denied")
    assert.strictEqual(response.get("iss"), issuer)
  })

  test("RFC 6749 §3.3: what was not ticked is not granted, and remembered consent covers only what was", async (issuer, {
    person: signedIn
  }) => {
    // A person of this test's own: consents are remembered per subject.
    await Effect.runPromise(Ref.set(signedIn, { subject: "bob", acr: undefined }))
    const person = browser()
    const page = await person.visit(authorizationUrl(issuer, "post"))
    const landed = await person.submit(page, { decision: "approve", scope: ["openid", "profile"] })
    const tokens = await exchange(issuer, "post", landed.url.searchParams.get("code"))
    assert.strictEqual(((await tokens.json()) as { readonly scope: string }).scope, "openid profile")
    const again = await person.visit(authorizationUrl(issuer, "post", { scope: "openid profile" }))
    assert.isString(again.url.searchParams.get("code"))
    const more = await person.visit(authorizationUrl(issuer, "post", { scope: "openid profile email" }))
    assert.include(more.body, 'name="decision"')
    await Effect.runPromise(Ref.set(signedIn, { subject: "alice", acr: undefined }))
  })

  test("OpenID Connect Core §3.1.2.1: an authorization request by POST goes on where the cookies are", async (issuer) => {
    const person = browser()
    const begun = await person.request(`${issuer}/authorize`, { method: "POST", body: authorization("first") })
    assert.strictEqual(begun.status, 303)
    assert.isTrue(begun.headers.get("location")!.startsWith(`${issuer}/interaction/`))
    const landed = await person.visit(begun.headers.get("location")!)
    assert.isString(landed.url.searchParams.get("code"))
  })

  test("RFC 6265bis §4.1: the binding cookie is HttpOnly, SameSite=Lax, for the host alone, and gone with the browser", async (issuer) => {
    const answer = await fetch(authorizationUrl(issuer, "first"), { redirect: "manual" })
    const [cookie, ...more] = answer.headers.getSetCookie()
    assert.deepStrictEqual(more, [])
    assert.match(cookie!, /; *HttpOnly/i)
    assert.match(cookie!, /; *SameSite=Lax/i)
    assert.match(cookie!, /; *Path=\/(;|$)/i)
    assert.notMatch(cookie!, /Domain=|Max-Age=|Expires=/i)
    // Plain http: `Secure` and `__Host-` would make the browser throw it away.
    assert.notMatch(cookie!, /Secure|__Host-/i)
  })
})
