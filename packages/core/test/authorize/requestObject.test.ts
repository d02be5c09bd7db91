import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect } from "effect"
import * as jose from "jose"
import type { Client } from "../../src/client/Client.ts"
import { push } from "../../src/par/push.ts"
import { aClient, form, register, testIssuer, testRedirectUri } from "../../src/testing/fixtures.ts"
import * as Server from "../../src/testing/TestServer.ts"
import { type Key, makeKey } from "../client/assertions.ts"
import { refuses } from "../support.ts"

type Members = Readonly<Record<string, unknown>>
type Sent = Readonly<Record<string, string | ReadonlyArray<string> | undefined>>

let serial = 0

/** The client's request as it would sign it; members replace or, when undefined, remove claims. */
const objectOf = Effect.fnUntraced(function* (client: Client, key: Key, members: Members = {}) {
  const now = Math.floor((yield* DateTime.now).epochMilliseconds / 1000)
  const request = yield* Server.authorizationRequest(client)
  const claims = {
    ...Object.fromEntries([...request].map(([name, [value]]) => [name, value])),
    iss: client.clientId,
    aud: testIssuer,
    exp: now + 300,
    jti: `object-${++serial}`,
    ...members
  }
  return yield* Effect.promise(() =>
    new jose.CompactSign(new TextEncoder().encode(JSON.stringify(claims)))
      .setProtectedHeader({ alg: key.algorithm, typ: "oauth-authz-req+jwt" })
      .sign(key.sign)
  )
})

const setUp = Effect.fnUntraced(function* (metadata: Client["metadata"] = {}, stated: Partial<Client> = {}) {
  const key = yield* makeKey("ES256")
  const client = yield* register(
    aClient({ firstParty: true, ...stated, metadata: { jwks: { keys: [key.jwk] }, ...metadata } })
  )
  const { browser } = yield* Server.aSignedInBrowser()
  const come = Effect.fnUntraced(function* (members: Members = {}, beside: Sent = {}) {
    const request = yield* objectOf(client, key, members)
    return yield* Server.authorize(browser, form({ client_id: client.clientId, request, ...beside }))
  })
  return { key, client, browser, come }
})

const pushed = (client: Client, sent: Sent) => {
  const { header, parameters } = Server.credentialsOf(client)
  return push(new Map([...form(parameters), ...form(sent)]), header)
}

describe("an authorization request as a request object", () => {
  it.effect("RFC 9101 §6.3: the object's parameters count, and nothing that stands beside it", () =>
    Effect.gen(function* () {
      const { client, come } = yield* setUp()
      const beside = { state: "beside", scope: "openid email", redirect_uri: testRedirectUri, nonce: "beside" }
      const outcome = yield* come(
        { state: "inside", nonce: undefined, max_age: 3000, claims: { id_token: { acr: null } } },
        beside
      )
      assert(outcome._tag === "Respond")
      assert.strictEqual(Server.responseParameter(outcome.response, "state"), "inside")
      const tokens = yield* Server.exchangeCode(client, Server.responseParameter(outcome.response, "code")!)
      assert.strictEqual(tokens.scope, "openid")
      assert.notInclude(atob(tokens.id_token!.split(".")[1]!.replaceAll("-", "+").replaceAll("_", "/")), "beside")
    }).pipe(Effect.provide(Server.layer()))
  )

  it.effect("RFC 9101 §5: client_id stands outside too, and names the client inside", () =>
    Effect.gen(function* () {
      const { browser, client, come, key } = yield* setUp()
      const other = yield* register(aClient())
      const request = yield* objectOf(client, key)
      yield* refuses(Server.authorize(browser, form({ request })), "page InvalidRequest ParameterMissing client_id")
      yield* refuses(
        Server.authorize(browser, form({ client_id: other.clientId, request })),
        "page InvalidRequestObject ObjectKeyUnknown"
      )
      yield* refuses(come({ client_id: other.clientId }), "page InvalidRequestObject ObjectClientIdMismatch")
    }).pipe(Effect.provide(Server.layer()))
  )

  it.effect("RFC 9101 §5: request and request_uri are not sent together", () =>
    Effect.gen(function* () {
      const { come } = yield* setUp()
      const beside = { request_uri: "https://client.example/request", redirect_uri: testRedirectUri }
      yield* refuses(come({}, beside), "redirect RequestUriNotSupported RequestUriSent")
    }).pipe(Effect.provide(Server.layer()))
  )

  it.effect("OpenID Connect Core §6.1: another response_type outside is invalid_request", () =>
    Effect.gen(function* () {
      const { come } = yield* setUp()
      const beside = { response_type: "token", redirect_uri: testRedirectUri }
      yield* refuses(come({}, beside), "redirect InvalidRequest ParameterMalformed response_type")
      assert.strictEqual((yield* come({}, { response_type: "code" }))._tag, "Respond")
    }).pipe(Effect.provide(Server.layer()))
  )

  it.effect("an object that cannot be read is told to the client only at a redirect URI of its own", () =>
    Effect.gen(function* () {
      const { browser, client } = yield* setUp()
      const broken = { client_id: client.clientId, request: "a.b.c", state: "s" }
      const elsewhere = { ...broken, redirect_uri: "https://evil.example" }
      yield* refuses(Server.authorize(browser, form(broken)), "page InvalidRequestObject ObjectMalformed")
      yield* refuses(Server.authorize(browser, form(elsewhere)), "page InvalidRequestObject ObjectMalformed")
      yield* refuses(
        Server.authorize(browser, form({ ...broken, redirect_uri: testRedirectUri })),
        "redirect InvalidRequestObject ObjectMalformed"
      )
    }).pipe(Effect.provide(Server.layer()))
  )

  it.effect("RFC 9101 §10.2: a jti is used up when the authorization completes, and not before", () =>
    Effect.gen(function* () {
      const { come } = yield* setUp()
      assert.strictEqual((yield* come({ jti: "once" }))._tag, "Respond")
      yield* refuses(come({ jti: "once" }), "redirect InvalidRequestObject ObjectReplayed")
      assert.strictEqual((yield* come({ jti: "another" }))._tag, "Respond")
      // Without a jti there is nothing to tell one from another.
      for (const _ of [1, 2]) assert.strictEqual((yield* come({ jti: undefined }))._tag, "Respond")
    }).pipe(Effect.provide(Server.layer()))
  )

  it.effect("RFC 9101 §10.2: an object with a jti lives a day at most, so that what remembers it ends too", () =>
    Effect.gen(function* () {
      const { come } = yield* setUp()
      const now = Math.floor((yield* DateTime.now).epochMilliseconds / 1000)
      yield* refuses(come({ exp: now + 86_500 }), "page InvalidRequestObject ObjectLifetimeTooLong")
      assert.strictEqual((yield* come({ exp: now + 86_400 }))._tag, "Respond")
      assert.strictEqual((yield* come({ exp: now + 9_000_000, jti: undefined }))._tag, "Respond")
    }).pipe(Effect.provide(Server.layer()))
  )

  it.effect("RFC 9101 §10.2: of two tabs with one object the one that answers first gets the code", () =>
    Effect.gen(function* () {
      const { browser, come } = yield* setUp({}, { firstParty: false })
      const jti = "two tabs"
      const first = yield* Server.followed(browser, yield* come({ jti }))
      const second = yield* Server.followed(browser, yield* come({ jti }))
      assert.strictEqual((yield* Server.answerConsent(browser, second))._tag, "Respond")
      yield* refuses(Server.answerConsent(browser, first), "redirect InvalidRequestObject ObjectReplayed")
    }).pipe(Effect.provide(Server.layer()))
  )

  it.effect("RFC 9101 §10.5: a client that requires signed requests has no others, pushed or not", () =>
    Effect.gen(function* () {
      const { browser, client, come, key } = yield* setUp({ require_signed_request_object: true })
      yield* refuses(
        Server.authorize(browser, yield* Server.authorizationRequest(client)),
        "redirect InvalidRequest RequestObjectRequired request"
      )
      assert.strictEqual((yield* come())._tag, "Respond")
      const plain = Object.fromEntries(yield* Server.authorizationRequest(client)) as Sent
      yield* refuses(pushed(client, plain), "InvalidRequest RequestObjectRequired request")
      const { request_uri } = yield* pushed(client, { request: yield* objectOf(client, key, { state: "pushed" }) })
      const outcome = yield* Server.authorize(browser, form({ client_id: client.clientId, request_uri }))
      assert(outcome._tag === "Respond")
      assert.strictEqual(Server.responseParameter(outcome.response, "state"), "pushed")
    }).pipe(Effect.provide(Server.layer()))
  )

  it.effect("RFC 9126 §3: a pushed object is the whole request; an unsigned one is an invalid one", () =>
    Effect.gen(function* () {
      const { client, key } = yield* setUp()
      const none = `${btoa('{"alg":"none"}').replaceAll("=", "")}.${btoa("{}").replaceAll("=", "")}.`
      yield* refuses(pushed(client, { request: none }), "InvalidRequestObject ObjectAlgorithmNotAllowed")
      const empty = yield* objectOf(client, key, { redirect_uri: undefined })
      yield* refuses(
        pushed(client, { request: empty, redirect_uri: testRedirectUri }),
        "InvalidRequest RedirectUriMissing redirect_uri"
      )
    }).pipe(Effect.provide(Server.layer()))
  )

  it.effect("RFC 9126 §7.3, RFC 9101 §10.2: a pushed object counts once, however often it is pushed", () =>
    Effect.gen(function* () {
      const { browser, client, key } = yield* setUp()
      const request = yield* objectOf(client, key)
      const come = Effect.flatMap(pushed(client, { request }), ({ request_uri }) =>
        Server.authorize(browser, form({ client_id: client.clientId, request_uri }))
      )
      assert.strictEqual((yield* come)._tag, "Respond")
      yield* refuses(come, "redirect InvalidRequestObject ObjectReplayed")
    }).pipe(Effect.provide(Server.layer()))
  )
})
