import { assert, layer } from "@effect/vitest"
import { TestIssuer } from "@lockspire/http/testing"
import { Effect, Ref } from "effect"
import { approve, browser, layer as siteLayer, press, shown, signIn, Site } from "./site.ts"

const test = (run: (demo: string, origin: string) => Promise<void>) =>
  Effect.flatMap(Site, ({ demo, origin }) => Effect.promise(() => run(demo, origin)))

layer(siteLayer, { timeout: "60 seconds", excludeTestServices: true })("the relying party", (it) => {
  it.effect("a signed-out person sees what this is, and one button that says Sign in", () =>
    test(async (demo) => {
      const page = await browser().visit(demo)
      assert.strictEqual(page.status, 200)
      assert.strictEqual((await browser().visit(`${demo}/`)).body, page.body)
      assert.strictEqual([...page.body.matchAll(/<button/g)].length, 1)
      assert.match(page.body, /<button[^>]*>Sign in<\/button>/)
    })
  )

  it.effect("signing in shows the claims of the ID token and of userinfo, and every token", () =>
    test(async (demo) => {
      const tab = browser()
      const consent = await press(tab, demo, "/sign-in")
      const page = await approve(tab, consent)
      assert.strictEqual(page.url.href, demo)
      assert.include(page.body, "Signed in as Alice Liddell")
      assert.include(page.body, "alice@example.com")
      for (const name of ["access token", "refresh token", "ID token"]) assert.isNotEmpty(shown(page.body, name))
    })
  )

  it.effect("refreshing replaces the tokens", () =>
    test(async (demo) => {
      const tab = browser()
      const before = await signIn(tab, demo)
      const after = await press(tab, demo, "/refresh")
      assert.include(after.body, "The issuer sent new tokens.")
      assert.notStrictEqual(shown(after.body, "access token"), shown(before.body, "access token"))
      assert.notStrictEqual(shown(after.body, "refresh token"), shown(before.body, "refresh token"))
      assert.include(after.body, "alice@example.com")
    })
  )

  it.effect("fetching userinfo and calling the API show the answers word for word", () =>
    test(async (demo) => {
      const tab = browser()
      await signIn(tab, demo)
      assert.include((await press(tab, demo, "/userinfo")).body, "&quot;email&quot;: &quot;alice@example.com&quot;")
      const called = await press(tab, demo, "/call-api")
      assert.include(called.body, "The API answered 200.")
      assert.include(called.body, "&quot;sub&quot;: &quot;alice&quot;")
    })
  )

  it.effect("after revoking, the API refuses the access token and the issuer the refresh token", () =>
    test(async (demo) => {
      const tab = browser()
      await signIn(tab, demo)
      assert.include((await press(tab, demo, "/revoke")).body, "The issuer revoked the tokens.")
      const called = await press(tab, demo, "/call-api")
      assert.include(called.body, "The API answered 401.")
      assert.include(called.body, "error=&quot;invalid_token&quot;")
      const refreshed = await press(tab, demo, "/refresh")
      assert.strictEqual(refreshed.status, 200)
      assert.include(refreshed.body, "<code>invalid_grant</code>")
    })
  )

  it.effect("signing out forgets the session here", () =>
    test(async (demo) => {
      const tab = browser()
      await signIn(tab, demo)
      const cookies = new Map(tab.cookies)
      const page = await press(tab, demo, "/sign-out")
      assert.include(page.body, ">Sign in</button>")
      for (const [name, value] of cookies) tab.cookies.set(name, value)
      assert.include((await tab.visit(demo)).body, ">Sign in</button>")
    })
  )

  it.effect("every POST that changes something answers 303", () =>
    test(async (demo) => {
      const tab = browser()
      await signIn(tab, demo)
      for (const path of ["/sign-in", "/refresh", "/userinfo", "/call-api", "/revoke", "/sign-out"]) {
        assert.strictEqual((await tab.request(`${demo}${path}`, { method: "POST" })).status, 303, path)
      }
    })
  )

  it.effect("OAuth 2.0 Form Post Response Mode §2: a posted response signs in too", () =>
    test(async (demo) => {
      const tab = browser()
      const posting = await signIn(tab, demo, "?response_mode=form_post")
      assert.strictEqual(posting.status, 200)
      const page = await tab.submit(posting, {})
      assert.include(page.body, "Signed in as Alice Liddell")
    })
  )

  it.effect("RFC 6749 §4.1.2.1: a denial is shown by its code and in words", () =>
    test(async (demo) => {
      const tab = browser()
      const consent = await tab.visit(`${demo}/sign-in`)
      const page = await tab.submit(consent, { decision: "deny" })
      assert.strictEqual(page.status, 400)
      assert.include(page.body, "<code>access_denied</code>")
    })
  )

  it.effect("OpenID Connect Core §3.1.2.6: prompt=none without a session is login_required", () =>
    test(async (demo) => {
      const page = await browser().visit(`${demo}/sign-in?prompt=none`)
      assert.strictEqual(page.status, 400)
      assert.include(page.body, "<code>login_required</code>")
    })
  )

  it.effect("OpenID Connect Core §3.1.2.1: max_age is sent and checked", () =>
    test(async (demo) => {
      assert.include((await signIn(browser(), demo, "?max_age=60")).body, "auth_time")
    })
  )

  it.effect("two tabs that sign in at once each find their own state, nonce and verifier", () =>
    test(async (demo) => {
      const tab = browser()
      const first = await tab.visit(`${demo}/sign-in`)
      const second = await tab.visit(`${demo}/sign-in`)
      const finishedSecond = await approve(tab, second)
      const finishedFirst = await approve(tab, first)
      assert.include(finishedSecond.body, "Signed in as Alice Liddell")
      assert.include(finishedFirst.body, "Signed in as Alice Liddell")
    })
  )

  it.effect("RFC 9700 §4.7: a response that another browser asked for signs nobody in", () =>
    test(async (demo) => {
      const attacker = browser()
      const landed = await signIn(attacker, demo)
      const response = landed.visited.find((url) => url.pathname === "/demo/callback")!
      const victim = browser()
      await victim.request(`${demo}/sign-in`)
      const page = await victim.visit(response)
      assert.strictEqual(page.status, 400)
      assert.notInclude((await victim.visit(demo)).body, "Signed in as")
    })
  )

  it.effect("a response is taken once", () =>
    test(async (demo) => {
      const tab = browser()
      const landed = await signIn(tab, demo)
      const response = landed.visited.find((url) => url.pathname === "/demo/callback")!
      assert.strictEqual((await tab.visit(response)).status, 400)
      assert.include((await tab.visit(demo)).body, "Signed in as Alice Liddell")
    })
  )

  it.effect("the session id changes at sign-in, and an id that was made up is never adopted", () =>
    test(async (demo) => {
      const tab = browser()
      await tab.request(`${demo}/sign-in`)
      const name = [...tab.cookies.keys()].find((one) => one.startsWith("demo-session"))!
      const before = tab.cookies.get(name)!
      await signIn(tab, demo)
      assert.notStrictEqual(tab.cookies.get(name), before)
      const other = browser()
      other.cookies.set(name, before)
      assert.notInclude((await other.visit(demo)).body, "Signed in as")
      other.cookies.set(name, "made-up")
      await other.request(`${demo}/sign-in`)
      assert.notStrictEqual(other.cookies.get(name), "made-up")
    })
  )

  it.effect("the session cookie is HttpOnly and SameSite=Lax", () =>
    test(async (demo) => {
      const response = await browser().request(`${demo}/sign-in`)
      const cookie = response.headers.getSetCookie().find((one) => one.startsWith("demo-session"))!
      assert.match(cookie, /; HttpOnly/i)
      assert.match(cookie, /; SameSite=Lax/i)
      assert.match(cookie, /; Path=\//i)
      assert.match(cookie, /; Max-Age=43200/i)
    })
  )

  it.effect("what another site's page posts is refused; what our own pages post is not", () =>
    test(async (demo, origin) => {
      const tab = browser()
      await signIn(tab, demo)
      const post = async (headers: Record<string, string>) =>
        (await tab.request(`${demo}/userinfo`, { method: "POST", headers })).status
      assert.strictEqual(await post({ origin: "https://evil.example" }), 403)
      assert.strictEqual(await post({ "sec-fetch-site": "cross-site" }), 403)
      assert.strictEqual(await post({ origin: "null", "sec-fetch-site": "cross-site" }), 403)
      assert.strictEqual(await post({ origin: "null" }), 403)
      assert.strictEqual(await post({ origin: "null", "sec-fetch-site": "same-origin" }), 303)
      assert.strictEqual(await post({ origin }), 303)
    })
  )

  it.effect("RFC 9110 §15.5.6: another method is 405 with Allow", () =>
    test(async (demo) => {
      for (const [path, method, allow] of [
        ["", "POST", "GET, HEAD"],
        ["/sign-in", "PUT", "GET, HEAD, POST"],
        ["/callback", "DELETE", "GET, HEAD, POST"],
        ["/refresh", "GET", "POST"],
        ["/revoke", "OPTIONS", "POST"],
        ["/api", "POST", "GET, HEAD"]
      ] as const) {
        const response = await browser().request(`${demo}${path}`, { method })
        assert.strictEqual(response.status, 405, `${method} ${path}`)
        assert.strictEqual(response.headers.get("allow"), allow)
      }
    })
  )

  it.effect("requests that cannot be read are 4xx pages", () =>
    test(async (demo) => {
      const form = { "content-type": "application/x-www-form-urlencoded" }
      for (const path of ["/sign-in", "/callback", "/refresh", "/sign-out"]) {
        const post = async (body: string, headers: Record<string, string> = form) =>
          (await browser().request(`${demo}${path}`, { method: "POST", body, headers })).status
        assert.strictEqual(await post("a=%zz"), 400)
        assert.strictEqual(await post("a=%00"), 400)
        assert.strictEqual(await post("a=%ff"), 400)
        assert.strictEqual(await post(`a=${"x".repeat(100_000)}`), 413)
        assert.strictEqual(await post("{}", { "content-type": "application/json" }), 415)
      }
      for (const query of [
        "state=%zz",
        "state=a&state=b",
        "state=__proto__",
        "error=x%3Cscript%3E",
        "code=1",
        "max_age=-1",
        "max_age=x",
        "prompt=a&prompt=b"
      ]) {
        const path = /^(max_age|prompt)/.test(query) ? "/sign-in" : "/callback"
        const page = await browser().visit(`${demo}${path}?${query}`)
        assert.strictEqual(page.status, 400, query)
        assert.include(page.headers.get("content-type") ?? "", "text/html")
      }
    })
  )

  it.effect("claims and names are text, whatever they hold", () =>
    Effect.gen(function* () {
      const { demo } = yield* Site
      const { people, person } = yield* TestIssuer.TestIssuer
      const name = `<script>alert("1")</script>`
      yield* Ref.update(people, (all) => ({ ...all, mallory: { name } }))
      const before = yield* Ref.getAndSet(person, { subject: "mallory", acr: undefined })
      const page = yield* Effect.promise(() => signIn(browser(), demo))
      yield* Ref.set(person, before)
      assert.notInclude(page.body, "<script")
      assert.include(page.body, "Signed in as &lt;script&gt;")
    })
  )
})
