import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect } from "effect"
import { TestClock } from "effect/testing"
import { AuditLog } from "../../src/audit/AuditLog.ts"
import type { Client } from "../../src/client/Client.ts"
import { ClientStore } from "../../src/client/ClientStore.ts"
import type { Parameters } from "../../src/oauth/Parameters.ts"
import { push } from "../../src/par/push.ts"
import { aClient, aPublicClient, form, register, testIssuer } from "../../src/testing/fixtures.ts"
import * as Server from "../../src/testing/TestServer.ts"
import { heldTo, refuses } from "../support.ts"

type Members = Readonly<Record<string, string | ReadonlyArray<string> | undefined>>

/** What the client pushes: its authorization request and its credentials. */
const pushes = Effect.fnUntraced(function* (client: Client, members: Members = {}) {
  const { header, parameters } = Server.credentialsOf(client)
  const request = yield* Server.authorizationRequest(client, members)
  return yield* push(new Map([...request, ...form(parameters)]), header)
})

const comesWith = (client: Client, request_uri: string, members: Members = {}) =>
  form({ client_id: client.clientId, request_uri, ...members })

const setUp = Effect.fnUntraced(function* (stated: Partial<Client> = {}) {
  const client = yield* register(aClient({ firstParty: true, ...stated }))
  const { browser, subject } = yield* Server.aSignedInBrowser()
  return { client, browser, subject }
})

const codeOf = Effect.fnUntraced(function* (browser: Server.TestBrowser, parameters: Parameters) {
  const outcome = yield* Server.authorize(browser, parameters)
  assert(outcome._tag === "Respond")
  return Server.responseParameter(outcome.response, "code")!
})

describe("pushed authorization requests", () => {
  it.effect("RFC 9126 §2.2: the answer is a request_uri of 256 random bits and how long it can be used", () =>
    Effect.gen(function* () {
      const { client } = yield* setUp()
      const first = yield* pushes(client)
      const second = yield* pushes(client)
      assert.match(first.request_uri, /^urn:ietf:params:oauth:request_uri:[A-Za-z0-9_-]{43}$/)
      assert.notStrictEqual(first.request_uri, second.request_uri)
      assert.strictEqual(first.expires_in, 90)
    }).pipe(Effect.provide(Server.layer()))
  )

  it.effect("RFC 9126 §4: the request is the pushed one; whatever stands beside request_uri is ignored", () =>
    Effect.gen(function* () {
      const { browser, client } = yield* setUp()
      const { request_uri } = yield* pushes(client, { state: "pushed", nonce: "n", max_age: "3000", scope: "openid" })
      const beside = { state: "beside", scope: "openid email", redirect_uri: "https://evil.example", nonce: "m" }
      const outcome = yield* Server.authorize(browser, comesWith(client, request_uri, beside))
      assert(outcome._tag === "Respond")
      assert.strictEqual(Server.responseParameter(outcome.response, "state"), "pushed")
      assert.strictEqual(outcome.response.redirectUri, client.redirectUris[0])
      const tokens = yield* Server.exchangeCode(client, Server.responseParameter(outcome.response, "code")!)
      assert.strictEqual(tokens.scope, "openid")
      const claims = JSON.parse(atob(tokens.id_token!.split(".")[1]!.replaceAll("-", "+").replaceAll("_", "/")))
      assert.strictEqual(claims.nonce, "n")
    }).pipe(Effect.provide(Server.layer()))
  )

  it.effect(
    "RFC 9126 §2.3: every refusal of the authorization endpoint is the client's to read, and nothing is kept",
    () =>
      Effect.gen(function* () {
        const { client } = yield* setUp({ redirectUris: ["https://client.example/callback"] })
        const rows: ReadonlyArray<readonly [Members, string]> = [
          [{ request_uri: "urn:ietf:params:oauth:request_uri:x" }, "InvalidRequest RequestUriInPush request_uri"],
          [{ redirect_uri: "https://evil.example" }, "InvalidRequest RedirectUriNotRegistered redirect_uri"],
          [{ redirect_uri: undefined }, "InvalidRequest RedirectUriMissing redirect_uri"],
          [{ response_type: undefined }, "InvalidRequest ParameterMissing response_type"],
          [{ response_type: "token" }, "UnsupportedResponseType ResponseTypeUnknown"],
          [{ scope: "openid made_up" }, "InvalidScope ScopeNotAllowed"],
          [{ code_challenge: undefined }, "InvalidRequest CodeChallengeMissing code_challenge"],
          [{ prompt: "none login" }, "InvalidRequest ParameterMalformed prompt"],
          [{ resource: "https://unknown.example" }, "InvalidTarget ResourceUnknown resource"],
          [{ state: ["a", "b"] }, "InvalidRequest ParameterRepeated state"],
          [{ dpop_jkt: "short" }, "InvalidRequest ParameterMalformed dpop_jkt"],
          [{ client_id: "another" }, "InvalidRequest ClientIdConflict client_id"]
        ]
        for (const [members, refusal] of rows) yield* refuses(pushes(client, members), refusal)
        const { header } = Server.credentialsOf(client, "wrong")
        yield* refuses(push(form({}), header), "InvalidClient SecretMismatch")
        const events = yield* AuditLog.use((log) => log.latest(testIssuer, 100))
        assert.notInclude(
          events.map(({ action }) => action),
          "pushed_request.pushed"
        )
      }).pipe(Effect.provide(Server.layer()))
  )

  it.effect("RFC 9126 §2.2: another client's request_uri, an unknown and an expired one lead nowhere", () =>
    Effect.gen(function* () {
      const { browser, client } = yield* setUp()
      const other = yield* register(aClient({ firstParty: true }))
      const { request_uri } = yield* pushes(client)
      const unknown = `${request_uri.slice(0, -4)}AAAA`
      yield* refuses(Server.authorize(browser, comesWith(client, unknown)), "page InvalidRequestUri RequestUriUnknown")
      yield* refuses(
        Server.authorize(browser, comesWith(other, request_uri)),
        "page InvalidRequestUri RequestUriOfAnotherClient"
      )
      yield* TestClock.adjust("89 seconds")
      yield* codeOf(browser, comesWith(client, request_uri))
      const late = yield* pushes(client)
      yield* TestClock.adjust("90 seconds")
      yield* refuses(
        Server.authorize(browser, comesWith(client, late.request_uri)),
        "redirect InvalidRequestUri RequestUriExpired"
      )
    }).pipe(Effect.provide(Server.layer()))
  )

  it.effect("FAPI 2.0 §5.3.2.2 note 3: it is used up when the authorization completes, not when a page is loaded", () =>
    Effect.gen(function* () {
      const client = yield* register(aClient())
      const { browser } = yield* Server.aSignedInBrowser()
      const { request_uri } = yield* pushes(client)
      const parameters = comesWith(client, request_uri)
      const first = yield* Server.followed(browser, yield* Server.authorize(browser, parameters))
      const reloaded = yield* Server.followed(browser, yield* Server.authorize(browser, parameters))
      assert.strictEqual(reloaded._tag, "ShowConsent")
      // However long the person takes: the browser came in time.
      yield* TestClock.adjust("10 minutes")
      const answered = yield* Server.answerConsent(browser, reloaded)
      assert.strictEqual(answered._tag, "Respond")
      yield* refuses(Server.authorize(browser, parameters), "redirect InvalidRequestUri RequestUriUsed")
      yield* refuses(Server.answerConsent(browser, first), "redirect InvalidRequestUri RequestUriUsed")
    }).pipe(Effect.provide(Server.layer()))
  )

  it.effect("a tab whose request was used up in another is told so before its person decides anything", () =>
    Effect.gen(function* () {
      const client = yield* register(aClient())
      const { browser } = yield* Server.aSignedInBrowser()
      const { request_uri } = yield* pushes(client)
      const parameters = comesWith(client, request_uri)
      const first = yield* Server.followed(browser, yield* Server.authorize(browser, parameters))
      const second = yield* Server.authorize(browser, parameters)
      assert(second._tag === "Continue")
      yield* Server.answerConsent(browser, first)
      const handle = Server.handleOf(second.location)
      yield* refuses(Server.comeBack(browser, handle), "redirect InvalidRequestUri RequestUriUsed")
      yield* refuses(Server.comeBack(browser, handle), "page InvalidRequest InteractionFinished")
    }).pipe(Effect.provide(Server.layer()))
  )

  it.effect("RFC 9101 §5: a request object beside request_uri is refused, and uses nothing up", () =>
    Effect.gen(function* () {
      const { browser, client } = yield* setUp()
      const { request_uri } = yield* pushes(client)
      const both = Server.authorize(browser, comesWith(client, request_uri, { request: "an object" }))
      yield* refuses(both, "redirect InvalidRequest ParameterUnexpected request")
      assert.strictEqual((yield* Server.authorize(browser, comesWith(client, request_uri)))._tag, "Respond")
    }).pipe(Effect.provide(Server.layer()))
  )

  it.effect("RFC 9126 §7.3: of many browsers that come with one request_uri exactly one gets a code", () =>
    Effect.gen(function* () {
      const { browser, client } = yield* setUp()
      const { request_uri } = yield* pushes(client)
      const outcomes = yield* Effect.all(
        Array.from({ length: 10 }, () => Effect.exit(Server.authorize(browser, comesWith(client, request_uri)))),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(outcomes.filter(({ _tag }) => _tag === "Success").length, 1)
    }).pipe(Effect.provide(Server.layer()))
  )

  it.effect("a denied and a silently refused authorization are complete too", () =>
    Effect.gen(function* () {
      const client = yield* register(aClient())
      const { browser } = yield* Server.aSignedInBrowser()
      const denied = yield* pushes(client)
      const page = yield* Server.followed(
        browser,
        yield* Server.authorize(browser, comesWith(client, denied.request_uri))
      )
      yield* refuses(Server.answerConsent(browser, page, { decision: "deny" }), "redirect AccessDenied PersonDenied")
      yield* refuses(
        Server.authorize(browser, comesWith(client, denied.request_uri)),
        "redirect InvalidRequestUri RequestUriUsed"
      )
      const silent = yield* pushes(client, { prompt: "none" })
      yield* refuses(
        Server.authorize(browser, comesWith(client, silent.request_uri)),
        "redirect ConsentRequired ConsentMissing"
      )
      yield* refuses(
        Server.authorize(browser, comesWith(client, silent.request_uri)),
        "redirect InvalidRequestUri RequestUriUsed"
      )
    }).pipe(Effect.provide(Server.layer()))
  )

  it.effect(
    "RFC 9700 §4.1.3: a redirect URI that is no longer registered, or a client that was disabled, ends it",
    () =>
      Effect.gen(function* () {
        const { browser, client } = yield* setUp()
        const clients = yield* ClientStore
        const { request_uri } = yield* pushes(client)
        yield* clients.put({ ...client, redirectUris: ["https://client.example/moved"] })
        yield* refuses(
          Server.authorize(browser, comesWith(client, request_uri)),
          "page InvalidRequest RedirectUriNotRegistered redirect_uri"
        )
        yield* clients.put({ ...client, disabled: true })
        yield* refuses(
          Server.authorize(browser, comesWith(client, request_uri)),
          "page UnauthorizedClient ClientUnknown"
        )
      }).pipe(Effect.provide(Server.layer()))
  )

  it.effect(
    "RFC 9126 §5, §6: required by policy or by the client itself, a request by the browser alone is refused",
    () =>
      Effect.gen(function* () {
        const { browser, client } = yield* setUp({ metadata: { require_pushed_authorization_requests: true } })
        const direct = yield* Server.authorizationRequest(client)
        yield* refuses(Server.authorize(browser, direct), "redirect InvalidRequest PushedRequestRequired")
        const { request_uri } = yield* pushes(client)
        yield* codeOf(browser, comesWith(client, request_uri))
      }).pipe(Effect.provide(Server.layer()))
  )

  it.effect("RFC 9126 §5: the server's policy is for every client", () =>
    Effect.gen(function* () {
      const { browser, client } = yield* setUp()
      yield* refuses(
        Server.authorize(browser, yield* Server.authorizationRequest(client)),
        "redirect InvalidRequest PushedRequestRequired"
      )
      assert.strictEqual((yield* pushes(client)).expires_in, 30)
    }).pipe(
      Effect.provide(Server.layer({ policy: { pushedAuthorizationRequests: "required", pushedRequestLifetime: 30 } }))
    )
  )

  it.effect("RFC 9126 §2.1: a public client pushes by its id alone", () =>
    Effect.gen(function* () {
      const client = yield* register(aPublicClient({ firstParty: true }))
      const { browser } = yield* Server.aSignedInBrowser()
      const { request_uri } = yield* pushes(client)
      const code = yield* codeOf(browser, comesWith(client, request_uri))
      assert.isString((yield* Server.exchangeCode(client, code)).access_token)
    }).pipe(Effect.provide(Server.layer()))
  )

  it.effect("RFC 9126 §4, §7.4: what was pushed or begun before its client was held to more is judged by that", () =>
    Effect.gen(function* () {
      for (const [rule, reason] of [
        ["fapi2-ms-requests", "RequestObjectRequired"],
        ["fapi2-ms-responses", undefined],
        ["fapi2-sp-pushed", undefined]
      ] as const) {
        const { browser, client } = yield* setUp()
        const { request_uri } = yield* pushes(client)
        yield* register({ ...client, metadata: heldTo(rule) })
        const outcome = Server.authorize(browser, comesWith(client, request_uri))
        if (reason !== undefined) {
          yield* refuses(outcome, `redirect InvalidRequest ${reason}`)
          // It ended the authorization, so that nobody comes with it again.
          yield* refuses(outcome, "redirect InvalidRequestUri RequestUriUsed")
        } else {
          const done = yield* outcome
          assert(done._tag === "Respond")
          const names = done.response.parameters.map(([name]) => name)
          assert.deepStrictEqual(names, rule === "fapi2-ms-responses" ? ["response"] : ["code", "state", "iss"])
        }
      }
    }).pipe(Effect.provide(Server.layer({ signingAlgorithms: ["RS256", "ES256"] })))
  )

  it.effect("RFC 9126 §7.4: an interaction that was begun before its client was held to more ends in a refusal", () =>
    Effect.gen(function* () {
      for (const [metadata, expected] of [
        [heldTo("fapi2-sp-pushed"), "redirect InvalidRequest PushedRequestRequired"],
        [heldTo("fapi2-ms-requests"), "redirect InvalidRequest RequestObjectRequired"],
        [{ security_profile: "mcp" }, "redirect InvalidRequest ResourceRequired"]
      ] as const) {
        const client = yield* register(aClient())
        const { browser } = yield* Server.aSignedInBrowser()
        const asked = yield* Server.authorizationRequest(client)
        const begun = yield* Server.followed(browser, yield* Server.authorize(browser, asked))
        assert(begun._tag === "ShowConsent")
        const approve = Server.answerConsent(browser, begun)
        yield* register({ ...client, metadata })
        yield* refuses(approve, expected)
        yield* refuses(approve, "page InvalidRequest InteractionFinished")
      }
    }).pipe(Effect.provide(Server.layer()))
  )

  it.effect("what happens to a request is written down", () =>
    Effect.gen(function* () {
      const { browser, client } = yield* setUp()
      const { request_uri } = yield* pushes(client)
      yield* codeOf(browser, comesWith(client, request_uri))
      const events = yield* AuditLog.use((log) => log.latest(testIssuer, 10))
      const own = events.filter(({ target }) => target.type === "pushed_request")
      assert.deepStrictEqual(
        own.map(({ action, actor }) => [action, actor.id]),
        [
          ["pushed_request.used", client.clientId],
          ["pushed_request.pushed", client.clientId]
        ]
      )
      assert.isTrue(own.every(({ at, target }) => DateTime.isDateTime(at) && !request_uri.includes(target.id)))
    }).pipe(Effect.provide(Server.layer()))
  )
})
