import { assert, layer } from "@effect/vitest"
import { DateTime, Effect, Ref } from "effect"
import { TestClock } from "effect/testing"
import type { Outcome } from "../../src/authorize/interact.ts"
import { metadata } from "../../src/discovery/metadata.ts"
import { HostResolver } from "../../src/host/HostResolver.ts"
import { aClient, register } from "../../src/testing/fixtures.ts"
import { TestHost } from "../../src/testing/TestHost.ts"
import * as Server from "../../src/testing/TestServer.ts"
import { refuses } from "../support.ts"

type Members = Record<string, string | ReadonlyArray<string> | undefined>

/** First-party, so that only the authentication decides. */
const ownClient = Effect.suspend(() => register(aClient({ firstParty: true })))

const ask = Effect.fnUntraced(function* (
  browser: Server.TestBrowser,
  members: Members,
  client?: Parameters<typeof register>[0]
) {
  const request = yield* Server.authorizationRequest(client ?? (yield* ownClient), members)
  return yield* Server.authorize(browser, request)
})

/** Comes back from the host's page. */
const back = Effect.fnUntraced(function* (browser: Server.TestBrowser) {
  const { returnTo } = yield* TestHost.use((host) => host.lastDemand)
  return yield* Server.comeBack(browser, Server.handleOf(returnTo))
})

const reason = TestHost.use((host) => Effect.map(host.lastDemand, (demand) => demand.reason))
const is = (outcome: Outcome, tag: Outcome["_tag"]) => assert.strictEqual(outcome._tag, tag)
const signInAgain = (subject: string, browser: Server.TestBrowser, facts: object = {}) =>
  TestHost.use((host) => host.signIn(subject, { browser: browser.name, ...facts }))

layer(Server.layer())("who is signed in, and how", (it) => {
  it.effect(
    "OpenID Connect Core §3.1.2.3: without prompt whoever is signed in will do, and nobody is asked to sign in",
    () =>
      Effect.gen(function* () {
        const { browser } = yield* Server.aSignedInBrowser()
        is(yield* ask(browser, {}), "Respond")
        const nobody = Server.aBrowser()
        is(yield* ask(nobody, {}), "SignIn")
        assert.strictEqual(yield* reason, "none_signed_in")
        is(yield* back(nobody), "SignIn")
        yield* signInAgain("late", nobody)
        is(yield* back(nobody), "Respond")
      })
  )

  it.effect("OpenID Connect Core §3.1.2.1: prompt=none never asks anything", () =>
    Effect.gen(function* () {
      const nobody = Server.aBrowser()
      yield* refuses(ask(nobody, { prompt: "none" }), "redirect LoginRequired NotSignedIn")
      const { browser } = yield* Server.aSignedInBrowser()
      is(yield* ask(browser, { prompt: "none" }), "Respond")
      const thirdParty = yield* register(aClient())
      yield* refuses(ask(browser, { prompt: "none" }, thirdParty), "redirect ConsentRequired ConsentMissing")
      yield* TestClock.adjust("1 minute")
      yield* refuses(ask(browser, { prompt: "none", max_age: "59" }), "redirect LoginRequired AuthenticationTooOld")
      is(yield* ask(browser, { prompt: "none", max_age: "60" }), "Respond")
    })
  )

  it.effect("OpenID Connect Core §3.1.2.1: prompt=login asks, however recently somebody signed in", () =>
    Effect.gen(function* () {
      const { browser, subject } = yield* Server.aSignedInBrowser()
      is(yield* ask(browser, { prompt: "login" }), "SignIn")
      assert.strictEqual(yield* reason, "login")
      yield* TestClock.adjust("1 second")
      yield* signInAgain(subject, browser)
      is(yield* back(browser), "Respond")
    })
  )

  it.effect("OpenID Connect Core §3.1.2.1: prompt=login is not met by coming back without a new authentication", () =>
    Effect.gen(function* () {
      const { browser, subject } = yield* Server.aSignedInBrowser()
      yield* TestClock.adjust("1 second")
      is(yield* ask(browser, { prompt: "login" }), "SignIn")
      for (let tries = 0; tries < 3; tries++) {
        is(yield* back(browser), "SignIn")
        assert.strictEqual(yield* reason, "login")
      }
      yield* signInAgain(subject, browser)
      is(yield* back(browser), "Respond")
    })
  )

  it.effect("OpenID Connect Core §3.1.2.1: prompt=login asks also when the host's clock is ahead of ours", () =>
    Effect.gen(function* () {
      const browser = Server.aBrowser()
      const ahead = DateTime.add(yield* DateTime.now, { seconds: 5 })
      yield* signInAgain("ahead", browser, { authTime: ahead })
      is(yield* ask(browser, { prompt: "login" }), "SignIn")
    })
  )

  it.effect("OpenID Connect Core §3.1.2.1: prompt=select_account asks once, and lets the account be kept", () =>
    Effect.gen(function* () {
      const { browser } = yield* Server.aSignedInBrowser()
      yield* TestClock.adjust("1 second")
      is(yield* ask(browser, { prompt: "select_account" }), "SignIn")
      assert.strictEqual(yield* reason, "select_account")
      is(yield* back(browser), "Respond")
    })
  )

  it.effect("OpenID Connect Core §3.1.2.1: who signs in for prompt=select_account has selected", () =>
    Effect.gen(function* () {
      const nobody = Server.aBrowser()
      is(yield* ask(nobody, { prompt: "select_account" }), "SignIn")
      yield* signInAgain("chosen", nobody)
      is(yield* back(nobody), "Respond")
    })
  )

  it.effect("OpenID Connect Core §3.1.2.1: prompt=select_account login asks for both, in that order", () =>
    Effect.gen(function* () {
      const { browser, subject } = yield* Server.aSignedInBrowser()
      yield* TestClock.adjust("1 second")
      is(yield* ask(browser, { prompt: "login select_account" }), "SignIn")
      assert.strictEqual(yield* reason, "select_account")
      is(yield* back(browser), "SignIn")
      assert.strictEqual(yield* reason, "login")
      yield* signInAgain(subject, browser)
      is(yield* back(browser), "Respond")
    })
  )

  it.effect("Initiating User Registration §4: prompt=create offers sign-up, once, also to whoever is signed in", () =>
    Effect.gen(function* () {
      const nobody = Server.aBrowser()
      is(yield* ask(nobody, { prompt: "create" }), "SignIn")
      assert.strictEqual(yield* reason, "create")
      yield* signInAgain("created", nobody)
      is(yield* back(nobody), "Respond")
      const { browser } = yield* Server.aSignedInBrowser()
      is(yield* ask(browser, { prompt: "create" }), "SignIn")
      assert.strictEqual(yield* reason, "create")
      is(yield* back(browser), "Respond")
    })
  )

  it.effect(
    "Initiating User Registration §4: where nobody can sign up, prompt=create is neither offered nor taken",
    () =>
      Effect.gen(function* () {
        assert.include((yield* metadata).prompt_values_supported, "create")
        const host = yield* HostResolver
        const closed = Effect.provideService(HostResolver, { ...host, signsUp: false })
        assert.notInclude((yield* closed(metadata)).prompt_values_supported, "create")
        yield* refuses(
          closed(ask(Server.aBrowser(), { prompt: "create" })),
          "redirect InvalidRequest ParameterMalformed prompt"
        )
      })
  )

  it.effect("OpenID Connect Core §3.1.2.1: prompt=consent asks the person, also of a first-party client", () =>
    Effect.gen(function* () {
      const { browser } = yield* Server.aSignedInBrowser()
      const first = yield* Server.followed(browser, yield* ask(browser, { prompt: "consent" }))
      is(first, "ShowConsent")
      is(yield* Server.answerConsent(browser, first), "Respond")
      is(yield* Server.followed(browser, yield* ask(browser, { prompt: "consent" })), "ShowConsent")
    })
  )

  it.effect(
    "OpenID Connect Core §3.1.2.1: max_age asks for a new authentication when the last is older, to the second",
    () =>
      Effect.gen(function* () {
        const { browser, subject } = yield* Server.aSignedInBrowser()
        yield* TestClock.adjust("10 seconds")
        is(yield* ask(browser, { max_age: "10" }), "Respond")
        yield* TestClock.adjust("1 millis")
        is(yield* ask(browser, { max_age: "10" }), "SignIn")
        is(yield* back(browser), "SignIn")
        yield* signInAgain(subject, browser)
        // However long the person then takes to decide.
        yield* TestClock.adjust("5 minutes")
        is(yield* back(browser), "Respond")
      })
  )

  it.effect("OpenID Connect Registration §2: default_max_age counts where max_age is silent", () =>
    Effect.gen(function* () {
      const client = yield* register(aClient({ firstParty: true, defaultMaxAge: 60 }))
      const { browser } = yield* Server.aSignedInBrowser()
      yield* TestClock.adjust("61 seconds")
      is(yield* ask(browser, {}, client), "SignIn")
      is(yield* ask(browser, { max_age: "3600" }, client), "Respond")
    })
  )

  it.effect("OpenID Connect Core §5.5.1.1: acr_values is tried once, and missing it fails nothing", () =>
    Effect.gen(function* () {
      const { browser, subject } = yield* Server.aSignedInBrowser()
      yield* TestClock.adjust("1 second")
      is(yield* ask(browser, { acr_values: "gold silver" }), "SignIn")
      const demand = yield* TestHost.use((host) => host.lastDemand)
      assert.deepStrictEqual([demand.acrValues, demand.acrEssential], [["gold", "silver"], false])
      is(yield* back(browser), "Respond")
      yield* signInAgain(subject, browser, { acr: "silver" })
      is(yield* ask(browser, { acr_values: "gold silver" }), "Respond")
      is(yield* ask(browser, { acr_values: "gold", prompt: "none" }), "Respond")
    })
  )

  it.effect("OpenID Connect Core §5.5.1.1: an essential acr is reached, or the request fails", () =>
    Effect.gen(function* () {
      const claims = JSON.stringify({ id_token: { acr: { essential: true, values: ["gold"] } } })
      const unmet = "redirect UnmetAuthenticationRequirements AcrNotReached"
      const { browser, subject } = yield* Server.aSignedInBrowser()
      yield* refuses(ask(browser, { claims, prompt: "none" }), unmet)
      yield* TestClock.adjust("1 second")
      is(yield* ask(browser, { claims }), "SignIn")
      yield* signInAgain(subject, browser, { acr: "silver" })
      yield* refuses(back(browser), unmet)
      is(yield* ask(browser, { claims }), "SignIn")
      yield* signInAgain(subject, browser, { acr: "gold" })
      is(yield* back(browser), "Respond")
    })
  )

  it.effect("OpenID Connect Core §5.5.1.1: an essential acr whose values no host can reach is not reached", () =>
    Effect.gen(function* () {
      const { browser } = yield* Server.aSignedInBrowser()
      for (const acr of [
        { essential: true, values: [5] },
        { essential: true, value: null },
        { essential: true, values: [] }
      ]) {
        const claims = JSON.stringify({ id_token: { acr } })
        yield* refuses(
          ask(browser, { claims, prompt: "none" }),
          "redirect UnmetAuthenticationRequirements AcrNotReached"
        )
      }
    })
  )

  it.effect("OpenID Connect Core §5.5.1: other essential claims never fail a request", () =>
    Effect.gen(function* () {
      const { browser } = yield* Server.aSignedInBrowser()
      const claims = JSON.stringify({
        id_token: { email: { essential: true }, acr: { essential: true }, auth_time: { essential: true } },
        userinfo: { phone_number: { essential: true, value: "+1" }, picture: null }
      })
      is(yield* ask(browser, { claims, prompt: "none" }), "Respond")
    })
  )

  it.effect("OpenID Connect Core §5.5.1: a requested sub is who has to sign in", () =>
    Effect.gen(function* () {
      const { browser, subject } = yield* Server.aSignedInBrowser()
      const claimsFor = (sub: unknown, where = "id_token") => JSON.stringify({ [where]: { sub: { value: sub } } })
      for (const where of ["id_token", "userinfo"]) {
        is(yield* ask(browser, { claims: claimsFor(subject, where), prompt: "none" }), "Respond")
        yield* refuses(
          ask(browser, { claims: claimsFor("another", where), prompt: "none" }),
          "redirect LoginRequired AnotherSubjectSignedIn"
        )
      }
      yield* TestClock.adjust("1 second")
      is(yield* ask(browser, { claims: claimsFor("another") }), "SignIn")
      const demand = yield* TestHost.use((host) => host.lastDemand)
      assert.strictEqual(demand.subject, "another")
      yield* signInAgain("a-third", browser)
      yield* refuses(back(browser), "redirect LoginRequired AnotherSubjectSignedIn")
    })
  )

  it.effect("OpenID Connect Core §5.5.1: a sub that names nobody, or two, is malformed", () =>
    Effect.gen(function* () {
      const { browser, subject } = yield* Server.aSignedInBrowser()
      for (const claims of [
        { id_token: { sub: { value: 5 } } },
        { id_token: { sub: { value: null } } },
        { userinfo: { sub: { values: [subject, "another"] } } },
        { id_token: { sub: { value: subject } }, userinfo: { sub: { value: "another" } } }
      ]) {
        yield* refuses(
          ask(browser, { claims: JSON.stringify(claims) }),
          "redirect InvalidRequest ParameterMalformed claims"
        )
      }
    })
  )

  it.effect("OpenID Connect Core §5.5: claims that no database keeps, or that have no end, are malformed", () =>
    Effect.gen(function* () {
      const { browser } = yield* Server.aSignedInBrowser()
      for (const value of [
        '"\\u0000"',
        '"\\ud800"',
        '{"\\u0000":1}',
        `${"[".repeat(9000)}${"]".repeat(9000)}`,
        "1e999"
      ]) {
        const claims = `{"id_token":{"email":{"value":${value}}}}`
        yield* refuses(ask(browser, { claims }), "redirect InvalidRequest ParameterMalformed claims")
      }
    })
  )

  it.effect(
    "OpenID Connect Core §3.1.2.1: id_token_hint is an ID token of ours, however old, and binds its subject",
    () =>
      Effect.gen(function* () {
        const client = yield* ownClient
        const { browser, subject, tokens } = yield* Server.obtainTokens(client)
        const id_token_hint = tokens.id_token!
        yield* TestClock.adjust("30 days")
        is(yield* ask(browser, { id_token_hint, prompt: "none" }), "Respond")
        yield* signInAgain("another", browser)
        yield* refuses(ask(browser, { id_token_hint, prompt: "none" }), "redirect LoginRequired AnotherSubjectSignedIn")
        const claims = JSON.stringify({ id_token: { sub: { value: "another" } } })
        yield* refuses(ask(browser, { id_token_hint, claims }), "redirect InvalidRequest ParameterMalformed claims")
        yield* TestClock.adjust("1 second")
        is(yield* ask(browser, { id_token_hint }), "SignIn")
        yield* signInAgain(subject, browser)
        is(yield* back(browser), "Respond")
      })
  )

  it.effect("the host may keep a subject from a client", () =>
    Effect.gen(function* () {
      const client = yield* ownClient
      const { browser, subject } = yield* Server.aSignedInBrowser()
      yield* TestHost.use((host) => host.forbid(subject, client.clientId))
      yield* refuses(ask(browser, {}, client), "redirect AccessDenied HostDenied")
      yield* refuses(ask(browser, { prompt: "none" }, client), "redirect AccessDenied HostDenied")
    })
  )

  it.effect("OpenID Connect Core §3.1.2.1: hints and preferences reach the host as they were sent", () =>
    Effect.gen(function* () {
      const client = yield* ownClient
      const browser = Server.aBrowser()
      yield* ask(
        browser,
        { login_hint: "jane@example", ui_locales: "fr-CA  fr en", display: "popup", acr_values: "1" },
        client
      )
      const demand = yield* TestHost.use((host) => host.lastDemand)
      assert.deepStrictEqual(
        { ...demand, returnTo: demand.returnTo.startsWith("https://issuer.example/interaction/") },
        {
          reason: "none_signed_in",
          returnTo: true,
          client: { clientId: client.clientId, name: "A test client" },
          loginHint: "jane@example",
          subject: undefined,
          acrValues: ["1"],
          acrEssential: false,
          uiLocales: ["fr-CA", "fr", "en"],
          display: "popup"
        }
      )
      const { demands } = yield* Ref.get((yield* TestHost).state)
      assert.isAbove(demands.length, 0)
    })
  )
})
