import { assert, layer } from "@effect/vitest"
import { Duration, Effect, Option } from "effect"
import { defaults } from "../src/index.ts"
import { visit, request, submit, signIn, signUp, isOpen, formBody } from "./browsing.ts"
import { authorizationUrl, credentials, newBrowser, sessionCookie, TestHost } from "./TestHost.ts"

layer(TestHost.layer(), { excludeTestServices: true })("accounts at the example host", (it) => {
  it.effect("Initiating User Registration 1.0 §4: prompt=create leads to sign-up, and on to the client", () =>
    Effect.gen(function* () {
      const { accounts, issuer } = yield* TestHost
      const browser = newBrowser()
      const page = yield* visit(browser, authorizationUrl(issuer, { prompt: "create" }))
      assert.strictEqual(page.url.pathname, "/sign-up")
      const short = yield* submit(browser, page, { username: "carol", password: "short", name: "" })
      assert.strictEqual(short.status, 400)
      const taken = yield* submit(browser, page, { username: "alice", password: "a long password", name: "" })
      assert.strictEqual(taken.status, 409)
      const consent = yield* submit(browser, page, { username: "carol", password: "a long password", name: "Carol" })
      assert.include(consent.body, "Carol")
      const created = Option.getOrThrow(yield* accounts.findByUsername(issuer, "carol"))
      assert.deepStrictEqual(created.claims, { preferred_username: "carol", name: "Carol" })
      const landed = yield* submit(browser, consent, { decision: "approve" })
      assert.isNotNull(landed.url.searchParams.get("code"))
    })
  )

  it.effect(
    "OpenID Connect Core §3.1.2.1: select_account shows this browser's accounts, and the chosen one goes on",
    () =>
      Effect.gen(function* () {
        const { issuer } = yield* TestHost
        const browser = newBrowser()
        yield* signIn(browser, `${issuer}/sign-in`)
        yield* signUp(browser, issuer, "dave")
        assert.strictEqual(sessionCookie(browser)!.split(".").length, 2)
        const chooser = yield* visit(browser, authorizationUrl(issuer, { prompt: "select_account consent" }))
        assert.strictEqual(chooser.url.pathname, "/choose-account")
        assert.include(chooser.body, "dave")
        const stranger = yield* submit(browser, chooser, { subject: "somebody-else" })
        assert.strictEqual(stranger.status, 400)
        const consent = yield* submit(browser, chooser, { subject: "subject-of-alice" })
        assert.include(consent.body, "<bdi>Alice</bdi>")
        const home = yield* visit(browser, `${issuer}/`)
        assert.include(home.body, "<bdi>Alice</bdi>")
      })
  )

  it.effect("the number of accounts in one browser is bounded: the oldest session ends", () =>
    Effect.gen(function* () {
      const { issuer } = yield* TestHost
      const browser = newBrowser()
      yield* signIn(browser, `${issuer}/sign-in`)
      const oldest = sessionCookie(browser)!
      for (const name of ["u1", "u2", "u3", "u4", "u5"]) yield* signUp(browser, issuer, name)
      assert.strictEqual(sessionCookie(browser)!.split(".").length, 5)
      assert.isFalse(yield* isOpen(issuer, oldest))
    })
  )

  it.effect("prompt=login asks again although somebody is signed in, and a new sign-in satisfies it", () =>
    Effect.gen(function* () {
      const { issuer } = yield* TestHost
      const browser = newBrowser()
      yield* signIn(browser, `${issuer}/sign-in`)
      const page = yield* visit(browser, authorizationUrl(issuer, { prompt: "login consent", login_hint: `al"ice` }))
      assert.strictEqual(page.url.pathname, "/sign-in")
      assert.include(page.body, `value="al&quot;ice"`)
      const consent = yield* submit(browser, page, credentials)
      assert.include(consent.body, `value="approve"`)
    })
  )

  it.effect("apps with access: lists what was approved, and removing it revokes it", () =>
    Effect.gen(function* () {
      const { issuer } = yield* TestHost
      const browser = newBrowser()
      yield* visit(browser, `${issuer}/sign-up`)
      yield* signUp(browser, issuer, "erin")
      assert.include((yield* visit(browser, `${issuer}/apps`)).body, "No app has access")
      const consent = yield* visit(browser, authorizationUrl(issuer))
      const landed = yield* submit(browser, consent, { decision: "approve" })
      const body = new URLSearchParams({
        grant_type: "authorization_code",
        code: landed.url.searchParams.get("code")!,
        client_id: "notes",
        redirect_uri: "https://client.example/callback",
        code_verifier: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
      }).toString()
      const issued = yield* request(newBrowser(), `${issuer}/token`, formBody(body))
      assert.strictEqual(issued.status, 200)
      const { access_token } = (yield* Effect.promise(() => issued.json())) as { access_token: string }
      const userinfo = () =>
        request(newBrowser(), `${issuer}/userinfo`, { headers: { authorization: `Bearer ${access_token}` } })
      assert.strictEqual((yield* userinfo()).status, 200)
      const apps = yield* visit(browser, `${issuer}/apps`)
      assert.include(apps.body, "<bdi>Notes &lt;app&gt;</bdi>")
      const after = yield* submit(browser, apps, { client_id: "notes" })
      assert.strictEqual(after.url.pathname, "/apps")
      assert.include(after.body, "No app has access")
      assert.strictEqual((yield* userinfo()).status, 401)
      const again = yield* visit(browser, authorizationUrl(issuer))
      assert.include(again.body, `value="approve"`)
    })
  )

  it.effect("apps with access needs a signed-in person, and comes back to the page", () =>
    Effect.gen(function* () {
      const { issuer } = yield* TestHost
      const browser = newBrowser()
      const page = yield* visit(browser, `${issuer}/apps`)
      assert.strictEqual(page.url.pathname, "/sign-in")
      assert.strictEqual((yield* submit(browser, page, credentials)).url.pathname, "/apps")
    })
  )
})

layer(TestHost.layer("/tenant"), { excludeTestServices: true })("the example host below an issuer's path", (it) => {
  it.effect("every page, link and return address is below the path", () =>
    Effect.gen(function* () {
      const { issuer } = yield* TestHost
      const browser = newBrowser()
      const page = yield* visit(browser, authorizationUrl(issuer))
      assert.strictEqual(page.url.pathname, "/tenant/sign-in")
      const consent = yield* submit(browser, page, credentials)
      assert.include(consent.url.href, `${issuer}/interaction/`)
      const home = yield* visit(browser, `${issuer}/`)
      assert.include(home.body, `href="/tenant/apps"`)
      const signOut = yield* visit(browser, `${issuer}/sign-out`)
      const gone = yield* submit(browser, signOut, {})
      assert.strictEqual(gone.status, 200)
      assert.include(gone.body, "You are not signed in.")
    })
  )
})

const closed = { ...defaults, sessionLifetime: Duration.zero, signUp: false }

layer(TestHost.layer("", closed), { excludeTestServices: true })("the example host's options", (it) => {
  it.effect("without sign-up there is no such page, and prompt=create is neither offered nor taken", () =>
    Effect.gen(function* () {
      const { issuer } = yield* TestHost
      const browser = newBrowser()
      assert.strictEqual((yield* visit(browser, `${issuer}/sign-up`)).status, 404)
      const answer = yield* Effect.promise(() =>
        fetch(authorizationUrl(issuer, { prompt: "create" }), { redirect: "manual" })
      )
      assert.include(answer.headers.get("location"), "error=invalid_request")
      const metadata = yield* Effect.promise(() => fetch(`${issuer}/.well-known/openid-configuration`))
      const { prompt_values_supported } = (yield* Effect.promise(() => metadata.json())) as {
        readonly prompt_values_supported: ReadonlyArray<string>
      }
      assert.notInclude(prompt_values_supported, "create")
    })
  )

  it.effect("a session is nobody's when its lifetime is over", () =>
    Effect.gen(function* () {
      const { issuer } = yield* TestHost
      const browser = newBrowser()
      const home = yield* signIn(browser, `${issuer}/sign-in`)
      assert.isDefined(sessionCookie(browser))
      assert.include(home.body, "You are not signed in.")
    })
  )
})
