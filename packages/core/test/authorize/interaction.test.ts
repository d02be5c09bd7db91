import { assert, layer } from "@effect/vitest"
import { DateTime, Effect, Option } from "effect"
import { TestClock } from "effect/testing"
import { AuditLog } from "../../src/audit/AuditLog.ts"
import { begin, decide, type Outcome, resume } from "../../src/authorize/interact.ts"
import type { Client } from "../../src/client/Client.ts"
import { ClientStore } from "../../src/client/ClientStore.ts"
import { ConsentStore } from "../../src/consent/ConsentStore.ts"
import { aClient, form, register, testIssuer } from "../../src/testing/fixtures.ts"
import { TestHost } from "../../src/testing/TestHost.ts"
import * as Server from "../../src/testing/TestServer.ts"
import { refuses } from "../support.ts"

type Members = Record<string, string | ReadonlyArray<string> | undefined>

/** A third-party client's request, brought as far as the consent page. */
const toConsent = Effect.fnUntraced(function* (members: Members = {}, stated: Partial<Client> = {}) {
  const client = yield* register(aClient(stated))
  const { browser, subject } = yield* Server.aSignedInBrowser()
  const page = yield* askAgain(browser, client, members)
  if (page._tag !== "ShowConsent") return yield* Effect.die(new Error(page._tag))
  return { client, browser, subject, page, view: page.view }
})

const askAgain = Effect.fnUntraced(function* (browser: Server.TestBrowser, client: Client, members: Members = {}) {
  return yield* Server.followed(
    browser,
    yield* Server.authorize(browser, yield* Server.authorizationRequest(client, members))
  )
})

const is = (outcome: Outcome, tag: Outcome["_tag"]) => assert.strictEqual(outcome._tag, tag)
const page = (reason: string) => `page InvalidRequest ${reason}`

layer(Server.layer())("an interaction", (it) => {
  it.effect("approving gives a code, and the interaction is over", () =>
    Effect.gen(function* () {
      const { browser, page: consent, view } = yield* toConsent()
      is(yield* Server.answerConsent(browser, consent), "Respond")
      yield* refuses(resume(view.handle, browser), page("InteractionFinished"))
      yield* refuses(Server.answerConsent(browser, consent), page("InteractionFinished"))
      const events = (yield* AuditLog.use((log) => log.latest(testIssuer, 4))).map((event) => event.action)
      assert.deepStrictEqual(events, [
        "interaction.completed",
        "authorization_code.issued",
        "interaction.deciding",
        "interaction.begun"
      ])
    })
  )

  it.effect("RFC 6749 §4.1.2.1: denying is access_denied, and the interaction is over", () =>
    Effect.gen(function* () {
      const { browser, page: consent, view } = yield* toConsent()
      yield* refuses(Server.answerConsent(browser, consent, { decision: "deny" }), "redirect AccessDenied PersonDenied")
      yield* refuses(resume(view.handle, browser), page("InteractionFinished"))
      const [latest] = yield* AuditLog.use((log) => log.latest(testIssuer, 1))
      assert.strictEqual(latest!.action, "interaction.denied")
    })
  )

  it.effect("of many answers at once exactly one is taken", () =>
    Effect.gen(function* () {
      const { browser, page: consent } = yield* toConsent()
      const answers = yield* Effect.all(
        Array.from({ length: 20 }, () => Effect.result(Server.answerConsent(browser, consent))),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(answers.filter((answer) => answer._tag === "Success").length, 1)
    })
  )

  it.effect("a reload and the back button show the page again", () =>
    Effect.gen(function* () {
      const { browser, view } = yield* toConsent()
      for (let reload = 0; reload < 3; reload++) {
        const again = yield* resume(view.handle, browser)
        assert.isTrue(again._tag === "ShowConsent" && again.view.csrfToken === view.csrfToken)
      }
    })
  )

  it.effect("interactions of one browser run beside one another", () =>
    Effect.gen(function* () {
      const { browser, client, page: first } = yield* toConsent()
      const second = yield* askAgain(browser, client, { scope: "openid email" })
      assert.strictEqual(browser.bindings.length, 1)
      is(yield* Server.answerConsent(browser, second), "Respond")
      is(yield* Server.answerConsent(browser, first), "Respond")
    })
  )

  it.effect("another browser can neither see it nor answer it, whoever is signed in there", () =>
    Effect.gen(function* () {
      const { page: consent, subject, view } = yield* toConsent()
      const { browser: other } = yield* Server.aSignedInBrowser(subject)
      yield* refuses(resume(view.handle, other), page("InteractionOfAnotherBrowser"))
      yield* refuses(Server.answerConsent(other, consent), page("InteractionOfAnotherBrowser"))
      other.bindings = ["x", view.csrfToken, view.handle]
      yield* refuses(resume(view.handle, other), page("InteractionOfAnotherBrowser"))
    })
  )

  it.effect("a browser with two binding cookies is recognised by either", () =>
    Effect.gen(function* () {
      const { browser, page: consent } = yield* toConsent()
      browser.bindings = ["an-older-tab", ...browser.bindings]
      is(yield* Server.answerConsent(browser, consent), "Respond")
    })
  )

  it.effect("an unknown handle is a page", () =>
    Effect.gen(function* () {
      const { browser, view } = yield* toConsent()
      for (const handle of ["", "x", view.handle.slice(1), `${view.handle}x`, "__proto__"]) {
        yield* refuses(resume(handle, browser), page("InteractionUnknown"))
        yield* refuses(decide(handle, form({}), browser), page("InteractionUnknown"))
      }
    })
  )

  it.effect("it expires after its lifetime, and not a millisecond before", () =>
    Effect.gen(function* () {
      const { browser, page: consent, view } = yield* toConsent()
      yield* TestClock.adjust(3600 * 1000 - 1)
      is(yield* resume(view.handle, browser), "ShowConsent")
      yield* TestClock.adjust("1 millis")
      yield* refuses(resume(view.handle, browser), page("InteractionExpired"))
      yield* refuses(Server.answerConsent(browser, consent), page("InteractionExpired"))
    })
  )

  it.effect("RFC 6749 §10.12: without the page's own CSRF token nothing is decided", () =>
    Effect.gen(function* () {
      const { browser, client, page: consent, view } = yield* toConsent()
      const other = yield* askAgain(browser, client)
      const foreign = other._tag === "ShowConsent" ? other.view.csrfToken : ""
      for (const csrf of [undefined, "", "x", view.handle, foreign, view.csrfToken.slice(1), `x${view.csrfToken}`]) {
        yield* refuses(Server.answerConsent(browser, consent, { csrf }), page("CsrfTokenMismatch"))
        yield* refuses(Server.answerConsent(browser, consent, { csrf, decision: "deny" }), page("CsrfTokenMismatch"))
      }
      yield* refuses(
        Server.answerConsent(browser, consent, { csrf: [view.csrfToken, view.csrfToken] }),
        page("ParameterRepeated csrf")
      )
      is(yield* Server.answerConsent(browser, consent), "Respond")
    })
  )

  it.effect("a form that says neither approve nor deny decides nothing", () =>
    Effect.gen(function* () {
      const { browser, page: consent } = yield* toConsent()
      for (const decision of [undefined, "", "yes", "APPROVE", "approve "]) {
        yield* refuses(Server.answerConsent(browser, consent, { decision }), page("ParameterMalformed"))
      }
      yield* refuses(
        Server.answerConsent(browser, consent, { decision: ["approve", "deny"] }),
        page("ParameterRepeated decision")
      )
      is(yield* Server.answerConsent(browser, consent), "Respond")
    })
  )

  it.effect("an account that changed between page and answer is asked again, and consents for itself", () =>
    Effect.gen(function* () {
      const { browser, page: consent } = yield* toConsent()
      yield* TestHost.use((host) => host.signIn("somebody-else", { browser: browser.name }))
      const outcome = yield* Server.answerConsent(browser, consent)
      is(outcome, "Continue")
      const again = yield* Server.followed(browser, outcome)
      assert.isTrue(again._tag === "ShowConsent" && again.view.subject === "somebody-else")
      is(yield* Server.answerConsent(browser, again), "Respond")
    })
  )

  it.effect("a form that was shown to one person counts for nobody else, though another tab showed it to them", () =>
    Effect.gen(function* () {
      const { browser, page: consent, view } = yield* toConsent()
      yield* TestHost.use((host) => host.signIn("somebody-else", { browser: browser.name }))
      const again = yield* resume(view.handle, browser)
      assert.isTrue(again._tag === "ShowConsent" && again.view.subject === "somebody-else")
      is(yield* Server.answerConsent(browser, consent), "Continue")
      is(yield* Server.answerConsent(browser, again), "Respond")
    })
  )

  it.effect("who signed out before answering is asked to sign in again", () =>
    Effect.gen(function* () {
      const { browser, page: consent, subject } = yield* toConsent()
      yield* TestHost.use((host) => host.signOut(browser.name))
      const outcome = yield* Server.followed(browser, yield* Server.answerConsent(browser, consent))
      is(outcome, "SignIn")
      yield* TestHost.use((host) => host.signIn(subject, { browser: browser.name }))
      is(yield* Server.comeBack(browser, consent._tag === "ShowConsent" ? consent.view.handle : ""), "ShowConsent")
    })
  )

  it.effect("what the form says beside its own fields changes nothing of the request", () =>
    Effect.gen(function* () {
      const { browser, client, page: consent } = yield* toConsent({ scope: "openid email" })
      const outcome = yield* Server.answerConsent(browser, consent, {
        scope: ["openid", "email", "profile", "offline_access"],
        redirect_uri: "https://evil.example",
        client_id: "another",
        state: "tampered",
        response_mode: "fragment"
      })
      assert.isTrue(outcome._tag === "Respond")
      if (outcome._tag !== "Respond") return
      assert.isTrue(outcome.response.redirectUri === client.redirectUris[0])
      assert.strictEqual(outcome.response.responseMode, "query")
      assert.strictEqual(Server.responseParameter(outcome.response, "state"), "a-state")
      const tokens = yield* Server.exchangeCode(client, Server.responseParameter(outcome.response, "code")!)
      assert.strictEqual(tokens.scope, "openid email")
    })
  )

  it.effect("a client that was disabled in the meantime gets nothing", () =>
    Effect.gen(function* () {
      const { browser, client, page: consent, view } = yield* toConsent()
      yield* ClientStore.use((clients) => clients.put({ ...client, disabled: true }))
      yield* refuses(resume(view.handle, browser), page("InteractionUnknown"))
      yield* refuses(Server.answerConsent(browser, consent), page("InteractionUnknown"))
    })
  )

  it.effect(
    "OpenID Connect Core §3.1.2.1: a cross-site POST decides nothing; the first browser at its address claims it",
    () =>
      Effect.gen(function* () {
        const client = yield* register(aClient({ firstParty: true }))
        const { browser, subject } = yield* Server.aSignedInBrowser()
        const outcome = yield* begin(yield* Server.authorizationRequest(client), Server.aBrowser(), false)
        assert.isTrue(outcome._tag === "Continue" && outcome.binding === undefined)
        if (outcome._tag !== "Continue") return
        const handle = Server.handleOf(outcome.location)
        // Prompts hold there as they do for a GET.
        is(yield* Server.comeBack(browser, handle), "Respond")
        const { browser: other } = yield* Server.aSignedInBrowser(subject)
        yield* refuses(resume(handle, other), page("InteractionOfAnotherBrowser"))
      })
  )

  it.effect("of many browsers at an unclaimed interaction exactly one gets it", () =>
    Effect.gen(function* () {
      const client = yield* register(aClient())
      const outcome = yield* begin(yield* Server.authorizationRequest(client), Server.aBrowser(), false)
      const handle = outcome._tag === "Continue" ? Server.handleOf(outcome.location) : ""
      const browsers = yield* Effect.all(Array.from({ length: 10 }, () => Server.aSignedInBrowser()))
      const pages = yield* Effect.all(
        browsers.map(({ browser }) => Effect.result(Server.comeBack(browser, handle))),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(pages.filter((one) => one._tag === "Success").length, 1)
    })
  )

  it.effect("OpenID Connect Core §3.1.2.1: a POST with prompt=none or prompt=login is judged at its address", () =>
    Effect.gen(function* () {
      const client = yield* register(aClient({ firstParty: true }))
      const post = Effect.fnUntraced(function* (browser: Server.TestBrowser, prompt: string) {
        const outcome = yield* begin(yield* Server.authorizationRequest(client, { prompt }), browser, false)
        return yield* Server.followed(browser, outcome)
      })
      yield* refuses(post(Server.aBrowser(), "none"), "redirect LoginRequired NotSignedIn")
      const { browser } = yield* Server.aSignedInBrowser()
      yield* TestClock.adjust("1 second")
      is(yield* post(browser, "none"), "Respond")
      is(yield* post(browser, "login"), "SignIn")
    })
  )
})

layer(Server.layer())("consent", (it) => {
  const remembered = { remember: "on" }

  it.effect("a person approves part of the scope; openid is not theirs to untick", () =>
    Effect.gen(function* () {
      const { browser, client, page: consent } = yield* toConsent({ scope: "openid email profile" })
      const outcome = yield* Server.answerConsent(browser, consent, { scope: "email" })
      assert.isTrue(outcome._tag === "Respond")
      if (outcome._tag !== "Respond") return
      const tokens = yield* Server.exchangeCode(client, Server.responseParameter(outcome.response, "code")!)
      assert.strictEqual(tokens.scope, "openid email")
    })
  )

  it.effect("RFC 6749 §4.1.2.1: unticking everything is denying", () =>
    Effect.gen(function* () {
      const { browser, page: consent } = yield* toConsent({ scope: "email profile" })
      yield* refuses(Server.answerConsent(browser, consent, { scope: undefined }), "redirect AccessDenied PersonDenied")
    })
  )

  it.effect("it is remembered only when the person says so", () =>
    Effect.gen(function* () {
      const { browser, client, page: consent } = yield* toConsent()
      yield* Server.answerConsent(browser, consent)
      is(yield* askAgain(browser, client), "ShowConsent")
      yield* Server.answerConsent(browser, yield* askAgain(browser, client), remembered)
      is(yield* askAgain(browser, client), "Respond")
      is(yield* askAgain(browser, client, { prompt: "none" }), "Respond")
    })
  )

  it.effect("a denial remembers nothing", () =>
    Effect.gen(function* () {
      const { browser, client, page: consent } = yield* toConsent()
      yield* Effect.flip(Server.answerConsent(browser, consent, { decision: "deny", ...remembered }))
      is(yield* askAgain(browser, client), "ShowConsent")
    })
  )

  it.effect("what is remembered covers what was granted, and nothing more", () =>
    Effect.gen(function* () {
      const { browser, client, page: consent } = yield* toConsent({ scope: "openid email profile" })
      yield* Server.answerConsent(browser, consent, { scope: ["openid", "email"], ...remembered })
      is(yield* askAgain(browser, client, { scope: "openid email" }), "Respond")
      is(yield* askAgain(browser, client, { scope: "email" }), "Respond")
      is(yield* askAgain(browser, client, { scope: "openid profile" }), "ShowConsent")
      const claims = JSON.stringify({ userinfo: { picture: null } })
      is(yield* askAgain(browser, client, { scope: "openid", claims }), "ShowConsent")
      const withClaims = yield* askAgain(browser, client, { scope: "openid", claims })
      yield* Server.answerConsent(browser, withClaims, remembered)
      is(yield* askAgain(browser, client, { scope: "openid email", claims }), "Respond")
    })
  )

  it.effect("what is withheld later is forgotten", () =>
    Effect.gen(function* () {
      const { browser, client, page: consent } = yield* toConsent({ scope: "openid email" })
      yield* Server.answerConsent(browser, consent, remembered)
      const again = yield* askAgain(browser, client, { scope: "openid email", prompt: "consent" })
      yield* Server.answerConsent(browser, again, { scope: "openid", ...remembered })
      is(yield* askAgain(browser, client, { scope: "openid email" }), "ShowConsent")
      is(yield* askAgain(browser, client, { scope: "openid" }), "Respond")
    })
  )

  it.effect("it is one person's and one client's", () =>
    Effect.gen(function* () {
      const { browser, client, page: consent, subject } = yield* toConsent()
      yield* Server.answerConsent(browser, consent, remembered)
      is(yield* askAgain((yield* Server.aSignedInBrowser(subject)).browser, client), "Respond")
      is(yield* askAgain((yield* Server.aSignedInBrowser()).browser, client), "ShowConsent")
      is(yield* askAgain(browser, yield* register(aClient())), "ShowConsent")
    })
  )

  it.effect("it lasts for its lifetime", () =>
    Effect.gen(function* () {
      const { browser, client, page: consent, subject } = yield* toConsent()
      yield* Server.answerConsent(browser, consent, remembered)
      const found = ConsentStore.use((consents) =>
        Effect.flatMap(DateTime.now, (now) => consents.find(testIssuer, subject, client.clientId, now))
      )
      yield* TestClock.adjust(365 * 86_400_000 - 1)
      assert.isTrue(Option.isSome(yield* found))
      is(yield* askAgain(browser, client), "Respond")
      yield* TestClock.adjust("1 millis")
      is(yield* askAgain(browser, client), "ShowConsent")
    })
  )

  it.effect("a first-party client is spared it", () =>
    Effect.gen(function* () {
      const client = yield* register(aClient({ firstParty: true }))
      const { browser } = yield* Server.aSignedInBrowser()
      is(yield* askAgain(browser, client, { scope: "openid email profile offline_access" }), "Respond")
    })
  )
})

layer(Server.layer({ policy: { firstPartySkipsConsent: false } }))("consent by policy", (it) => {
  it.effect("an operator may have first-party clients ask too", () =>
    Effect.gen(function* () {
      const { page: consent } = yield* toConsent({}, { firstParty: true })
      is(consent, "ShowConsent")
    })
  )
})
