import { assert, layer } from "@effect/vitest"
import { DateTime, Effect, Option } from "effect"
import { visit, request, submit, signIn, isOpen, formBody, statusFor, csrfOf, hash } from "./browsing.ts"
import { authorizationUrl, credentials, newBrowser, sessionCookie, TestHost } from "./TestHost.ts"

layer(TestHost.layer(), { excludeTestServices: true })("signing in at the example host", (it) => {
  it.effect("signs a person in for a client: sign-in, consent, and a code", () =>
    Effect.gen(function* () {
      const { issuer } = yield* TestHost
      const browser = newBrowser()
      const page = yield* visit(browser, authorizationUrl(issuer))
      assert.include(page.body, "to continue to <strong><bdi>Notes &lt;app&gt;</bdi></strong>")
      assert.strictEqual([...page.body.matchAll(/<form/g)].length, 1)
      const consent = yield* submit(browser, page, credentials)
      assert.include(consent.body, `value="approve"`)
      const landed = yield* submit(browser, consent, { decision: "approve" })
      assert.strictEqual(landed.url.origin + landed.url.pathname, "https://client.example/callback")
      assert.isNotNull(landed.url.searchParams.get("code"))
    })
  )

  it.effect("a sign-in answers 303 and keeps only the hash of a new session, with the time to the millisecond", () =>
    Effect.gen(function* () {
      const { accounts, issuer } = yield* TestHost
      const browser = newBrowser()
      const page = yield* visit(browser, `${issuer}/sign-in`)
      const before = yield* DateTime.now
      const body = new URLSearchParams({ csrf: csrfOf(page), ...credentials }).toString()
      const response = yield* request(browser, `${issuer}/sign-in`, formBody(body))
      assert.strictEqual(response.status, 303)
      assert.match(response.headers.get("set-cookie")!, /HttpOnly; SameSite=Lax/)
      const token = sessionCookie(browser)!
      assert.match(token, /^[A-Za-z0-9_-]{43}$/)
      const session = Option.getOrThrow(yield* accounts.findSession(issuer, hash(token), before))
      assert.strictEqual(session.subject, "subject-of-alice")
      assert.isAtLeast(session.authTime.epochMilliseconds, before.epochMilliseconds)
      assert.strictEqual(session.acr, "urn:example:password")
    })
  )

  it.effect("session fixation: every sign-in makes a new session and ends the account's old one in this browser", () =>
    Effect.gen(function* () {
      const { issuer } = yield* TestHost
      const browser = newBrowser()
      yield* signIn(browser, `${issuer}/sign-in`)
      const first = sessionCookie(browser)!
      yield* signIn(browser, `${issuer}/sign-in`)
      const second = sessionCookie(browser)!
      assert.notStrictEqual(first, second)
      assert.isFalse(yield* isOpen(issuer, first))
      assert.isTrue(yield* isOpen(issuer, second))
      const planted = newBrowser()
      const name = [...browser.cookies.keys()].find((one) => one.startsWith("session-"))!
      planted.cookies.set(name, "p".repeat(43))
      yield* signIn(planted, `${issuer}/sign-in`)
      assert.notInclude(sessionCookie(planted), "p".repeat(43))
    })
  )

  it.effect("a wrong password and an unknown account get the same words and status, and no session", () =>
    Effect.gen(function* () {
      const { issuer } = yield* TestHost
      const answers: Array<string> = []
      for (const username of ["alice", "nobody"]) {
        const browser = newBrowser()
        const page = yield* visit(browser, `${issuer}/sign-in`)
        const answer = yield* submit(browser, page, { username, password: "wrong password" })
        assert.strictEqual(answer.status, 403)
        assert.isUndefined(sessionCookie(browser))
        answers.push(answer.body.replaceAll(username, "?").replace(/name="csrf" value="[^"]*"/, ""))
      }
      assert.include(answers[0], "The username or the password is not right.")
      assert.strictEqual(answers[0], answers[1])
    })
  )

  it.effect("open redirect: return_to is an interaction of this issuer or a path of this host, else 400", () =>
    Effect.gen(function* () {
      const { issuer } = yield* TestHost
      const browser = newBrowser()
      const evil = [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "\\\\evil.example",
        "/%2f/evil.example",
        "javascript:alert(1)",
        `${issuer}.evil.example/interaction/x`,
        `${issuer}@evil.example/interaction/x`,
        `${issuer}/interaction/../../x`,
        `${issuer}/interaction/x?next=https://evil.example`,
        "/apps\r\nlocation: https://evil.example",
        "/\tevil.example",
        "apps"
      ]
      for (const returnTo of evil) {
        const query = new URLSearchParams({ return_to: returnTo }).toString()
        for (const page of ["/sign-in", "/sign-up", "/choose-account"]) {
          const address = `${issuer}${page}?${query}`
          assert.strictEqual((yield* request(browser, address)).status, 400, `GET ${page} ${returnTo}`)
          assert.strictEqual(
            (yield* request(browser, address, formBody("a=b"))).status,
            400,
            `POST ${page} ${returnTo}`
          )
        }
      }
      const home = yield* signIn(browser, `${issuer}/sign-in?return_to=%2Fapps`)
      assert.strictEqual(home.url.pathname, "/apps")
    })
  )

  it.effect("CSRF: a form without its token, with another browser's, or from a foreign origin is refused", () =>
    Effect.gen(function* () {
      const { issuer } = yield* TestHost
      const browser = newBrowser()
      yield* signIn(browser, `${issuer}/sign-in`)
      const session = sessionCookie(browser)
      const page = yield* visit(browser, `${issuer}/sign-out`)
      const other = newBrowser()
      const foreign = csrfOf(yield* visit(other, `${issuer}/sign-in`))
      const own = csrfOf(page)
      const attempts: ReadonlyArray<readonly [body: string, headers?: Record<string, string>]> = [
        [""],
        ["csrf="],
        [`csrf=${foreign}`],
        [`csrf=${own}`, { origin: "https://evil.example" }],
        [`csrf=${own}`, { origin: "null", "sec-fetch-site": "cross-site" }],
        [`csrf=${own}`, { "sec-fetch-site": "cross-site" }]
      ]
      for (const [body, headers] of attempts) {
        for (const path of ["/sign-in", "/sign-up", "/choose-account", "/sign-out", "/apps"]) {
          const response = yield* request(browser, issuer + path, formBody(body, headers))
          assert.strictEqual(response.status, 403, `${path} ${body} ${JSON.stringify(headers)}`)
        }
      }
      assert.strictEqual(sessionCookie(browser), session)
      assert.isTrue(yield* isOpen(issuer, session!))
      const signedOut = yield* request(browser, `${issuer}/sign-out`, formBody(`csrf=${own}`, { origin: issuer }))
      assert.strictEqual(signedOut.status, 303)
      assert.isUndefined(sessionCookie(browser))
      assert.isFalse(yield* isOpen(issuer, session!))
    })
  )

  it.effect("malformed requests are 4xx pages: type, encoding, repetition, size, method, host", () =>
    Effect.gen(function* () {
      const { issuer } = yield* TestHost
      const browser = newBrowser()
      const csrf = csrfOf(yield* visit(browser, `${issuer}/sign-in`))
      const statuses: ReadonlyArray<readonly [expected: number, init: RequestInit]> = [
        [415, { method: "POST", body: "{}", headers: { "content-type": "application/json" } }],
        [415, { method: "POST" }],
        [413, formBody(`csrf=${csrf}&password=${"x".repeat(70_000)}`)],
        [400, formBody(`csrf=${csrf}&username=%`)],
        [400, formBody(`csrf=${csrf}&username=%00`)],
        [400, formBody(`csrf=${csrf}&username=%ff`)],
        [400, formBody(`csrf=${csrf}&username=%ED%A0%80`)],
        [400, formBody(`csrf=${csrf}&csrf=${csrf}`)],
        [400, formBody(`csrf=${csrf}&username=a&username=b`)],
        [403, formBody(`csrf=${csrf}&__proto__=x&constructor=y`)],
        [405, { method: "PUT" }],
        [405, { method: "DELETE" }],
        [405, { method: "OPTIONS" }]
      ]
      for (const [expected, init] of statuses) {
        const response = yield* request(browser, `${issuer}/sign-in`, init)
        assert.strictEqual(response.status, expected, JSON.stringify(init).slice(0, 200))
        assert.include(response.headers.get("content-security-policy"), "frame-ancestors 'none'")
        if (expected === 405) assert.strictEqual(response.headers.get("allow"), "GET, HEAD, POST")
        yield* Effect.promise(() => response.text())
      }
      for (const query of ["return_to=%", "return_to=/&return_to=/", "client_id=%00", "login_hint=a&login_hint=b"]) {
        assert.strictEqual((yield* request(browser, `${issuer}/sign-in?${query}`)).status, 400, query)
      }
      assert.strictEqual((yield* request(browser, `${issuer}/`, formBody("a=b"))).status, 405)
      assert.strictEqual((yield* request(browser, `${issuer}/sign-in`, { method: "HEAD" })).status, 200)
      const elsewhere = yield* Effect.promise(() => statusFor(`${issuer}/sign-in`, "evil.example"))
      assert.strictEqual(elsewhere, 404)
    })
  )

  it.effect("a forged session cookie is nobody's", () =>
    Effect.gen(function* () {
      const { issuer } = yield* TestHost
      const browser = newBrowser()
      yield* signIn(browser, `${issuer}/sign-in`)
      const name = [...browser.cookies.keys()].find((one) => one.startsWith("session-"))
      for (const value of ["", ".", "x", "a".repeat(43), `${"a".repeat(43)}.`.repeat(60), "__proto__", "%00", "%ff"]) {
        browser.cookies.set(name!, value)
        const home = yield* visit(browser, `${issuer}/`)
        assert.strictEqual(home.status, 200)
        assert.include(home.body, "You are not signed in.")
      }
    })
  )
})
