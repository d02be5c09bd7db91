import { assert, layer } from "@effect/vitest"
import { TestIssuer } from "@lockspire/http/testing"
import { Effect, Ref } from "effect"
import { approve, browser, layer as siteLayer, press, shown, signIn, Site } from "./site.ts"

/** Signs Alice in whose session at the issuer is two minutes old: the cookie of the test host says when it began. */
const signInLongAgo = async (tab: ReturnType<typeof browser>, demo: string) => {
  tab.cookies.set("test-session", `alice.${Date.now() - 120_000}..an-old-session`)
  return signIn(tab, demo)
}

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

  it.effect("RFC 9470 §3: where the sign-in is fresh, the API does at once what asks for that", () =>
    test(async (demo) => {
      const tab = browser()
      await signIn(tab, demo)
      const done = await press(tab, demo, "/transfer")
      assert.strictEqual(done.url.href, demo)
      assert.include(done.body, "The API answered 200.")
      assert.notInclude(done.body, "WWW-Authenticate")
    })
  )

  it.effect("RFC 9470 §4: where it is not, the challenge becomes a request, and the new token is enough", () =>
    test(async (demo) => {
      const tab = browser()
      const before = await signInLongAgo(tab, demo)
      assert.include((await press(tab, demo, "/call-api")).body, "The API answered 200.")
      const asked = await press(tab, demo, "/transfer")
      const request = asked.visited.find(({ pathname }) => pathname === "/authorize")!
      assert.strictEqual(request.searchParams.get("max_age"), "60")
      assert.strictEqual(request.searchParams.get("scope"), "openid profile email offline_access")
      assert.isTrue(asked.visited.some(({ pathname }) => pathname === "/test/sign-in"))
      const done = await approve(tab, asked)
      assert.strictEqual(done.url.href, demo)
      assert.include(done.body, 'role="status"')
      assert.include(done.body, "asked for a sign-in of the last 60 seconds.")
      assert.include(done.body, "The API answered 200.")
      assert.include(done.body, "error=&quot;insufficient_user_authentication&quot;")
      assert.notStrictEqual(shown(done.body, "access token"), shown(before.body, "access token"))
    })
  )

  it.effect("RFC 9470 §4: what somebody else's sign-in allows is not done for the one who asked", () =>
    Effect.gen(function* () {
      const { demo } = yield* Site
      const { person } = yield* TestIssuer.TestIssuer
      const tab = browser()
      yield* Effect.promise(() => signInLongAgo(tab, demo))
      const before = yield* Ref.getAndSet(person, { subject: "bob", acr: undefined })
      const done = yield* Effect.promise(async () => approve(tab, await press(tab, demo, "/transfer")))
      yield* Ref.set(person, before)
      assert.include(done.body, "Signed in as Bob")
      assert.include(done.body, "Somebody else signed in, so nothing was done.")
      assert.notInclude(done.body, "The API answered")
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
      for (const path of ["/sign-in", "/refresh", "/userinfo", "/call-api", "/transfer", "/revoke", "/sign-out"]) {
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
        ["/transfer", "GET", "POST"],
        ["/api", "POST", "GET, HEAD"],
        ["/api/transfer", "GET", "POST"]
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
