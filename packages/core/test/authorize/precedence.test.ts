import { assert, describe, layer } from "@effect/vitest"
import { Arbitrary, Effect, Schema } from "effect"
import { begin } from "../../src/authorize/interact.ts"
import type { Client } from "../../src/client/Client.ts"
import { aClient, aPublicClient, form, register } from "../../src/testing/fixtures.ts"
import * as Server from "../../src/testing/TestServer.ts"
import { refusalOf, refuses } from "../support.ts"

type Members = Record<string, string | ReadonlyArray<string> | undefined>

/** A request in which everything that can be wrong is; every row mends what the rows above it found. */
const everythingWrong: Members = {
  client_id: undefined,
  redirect_uri: ["https://a.example", "https://b.example"],
  state: ["a", "b"],
  request: "a.b.c",
  request_uri: "urn:x",
  registration: "{}",
  response_type: undefined,
  response_mode: "web_message",
  scope: "open\u00efd",
  code_challenge: undefined,
  code_challenge_method: "plain",
  prompt: "sign_up",
  max_age: "-1",
  display: "watch",
  claims: "[]",
  resource: "https://unknown.example",
  id_token_hint: "x.y.z"
}

const rows: ReadonlyArray<readonly [mended: Members, refusal: string]> = [
  [{}, "page InvalidRequest ParameterMissing client_id"],
  [{ client_id: ["a", "b"] }, "page InvalidRequest ParameterRepeated client_id"],
  [{ client_id: "unknown" }, "page UnauthorizedClient ClientUnknown"],
  [{ client_id: "disabled" }, "page UnauthorizedClient ClientUnknown"],
  [{ client_id: "web" }, "page InvalidRequestObject ObjectMalformed"],
  [{ request: undefined }, "page InvalidRequest ParameterRepeated redirect_uri"],
  [{ redirect_uri: undefined, scope: "openid" }, "page InvalidRequest RedirectUriMissing redirect_uri"],
  [{ redirect_uri: "https://evil.example" }, "page InvalidRequest RedirectUriNotRegistered redirect_uri"],
  [{ redirect_uri: "https://client.example/callback" }, "redirect InvalidRequest ParameterRepeated state"],
  [{ state: "s" }, "redirect RequestUriNotSupported RequestUriSent"],
  [{ request_uri: undefined }, "redirect RegistrationNotSupported RegistrationSent"],
  [{ registration: undefined }, "redirect InvalidRequest ParameterMissing response_type"],
  [{ response_type: "token" }, "redirect UnsupportedResponseType ResponseTypeUnknown"],
  [{ response_type: "code id_token" }, "redirect UnsupportedResponseType ResponseTypeUnknown"],
  [{ response_type: "code" }, "redirect InvalidRequest ResponseModeUnknown response_mode"],
  [{ response_mode: "query", scope: "open\u00efd" }, "redirect InvalidScope ScopeMalformed"],
  [{ scope: "openid unheard-of" }, "redirect InvalidScope ScopeNotAllowed"],
  [{ scope: "openid" }, "redirect InvalidRequest CodeChallengeMissing code_challenge"],
  [{ code_challenge: "c" }, "redirect InvalidRequest CodeChallengeMethodNotS256 code_challenge_method"],
  [{ code_challenge_method: "S256" }, "redirect InvalidRequest ParameterMalformed code_challenge"],
  [{ code_challenge: "c".repeat(43) }, "redirect InvalidRequest ParameterMalformed prompt"],
  [{ prompt: "none login" }, "redirect InvalidRequest ParameterMalformed prompt"],
  [{ prompt: "none" }, "redirect InvalidRequest ParameterMalformed max_age"],
  [{ max_age: "0" }, "redirect InvalidRequest ParameterMalformed display"],
  [{ display: "page" }, "redirect InvalidRequest ParameterMalformed claims"],
  [{ claims: "{}" }, "redirect InvalidTarget ResourceUnknown resource"],
  [{ resource: undefined }, "redirect InvalidRequest ParameterMalformed id_token_hint"],
  [{ id_token_hint: undefined }, "redirect LoginRequired NotSignedIn"]
]

const registered = Effect.fnUntraced(function* (client: Client) {
  yield* register({ ...client, clientId: "web" })
  yield* register(aClient({ clientId: "disabled", disabled: true }))
})

const ask = (members: Members) => begin(form(members), Server.aBrowser(), true)

layer(Server.layer())("the authorization endpoint", (it) => {
  it.effect("RFC 6749 §4.1.2.1: of several errors the first in this order is the answer", () =>
    Effect.gen(function* () {
      yield* registered(aPublicClient())
      const members: Members = { ...everythingWrong }
      for (const [mended, refusal] of rows) {
        Object.assign(members, mended)
        yield* refuses(ask(members), refusal)
      }
    })
  )

  it.effect("RFC 6749 §4.1.2.1: a client registered for neither the response type nor the grant is unauthorized", () =>
    Effect.gen(function* () {
      const noType = yield* register(aClient({ responseTypes: [] }))
      const noGrant = yield* register(aClient({ grantTypes: ["client_credentials"] }))
      const request = (client: Client) =>
        Effect.flatMap(Server.authorizationRequest(client), (one) => begin(one, Server.aBrowser(), true))
      yield* refuses(request(noType), "redirect UnauthorizedClient ResponseTypeNotRegistered")
      yield* refuses(request(noGrant), "redirect UnauthorizedClient GrantTypeNotRegistered")
    })
  )

  it.effect("RFC 6749 §3.1: every known parameter may be sent once; an unknown one is ignored, repeated or not", () =>
    Effect.gen(function* () {
      yield* registered(aPublicClient())
      const good = Object.assign({}, everythingWrong, ...rows.map(([mended]) => mended), {
        prompt: undefined
      }) as Members
      const values: Members = {
        response_type: "code",
        scope: "openid",
        state: "s",
        nonce: "n",
        response_mode: "query",
        code_challenge: "c".repeat(43),
        code_challenge_method: "S256",
        prompt: "login",
        max_age: "1",
        login_hint: "h",
        id_token_hint: "x.y.z",
        ui_locales: "en",
        claims_locales: "en",
        acr_values: "1",
        display: "page",
        claims: "{}",
        request: "r",
        request_uri: "u",
        registration: "{}"
      }
      for (const [name, value] of Object.entries(values)) {
        const repeated = { ...good, [name]: [value as string, value as string] }
        yield* refuses(ask(repeated), `redirect InvalidRequest ParameterRepeated ${name}`)
        // RFC 6749 §3.1: without a value it counts as left out, but twice is twice.
        yield* refuses(ask({ ...good, [name]: ["", ""] }), `redirect InvalidRequest ParameterRepeated ${name}`)
      }
      const outcome = yield* ask({ ...good, unheard_of: ["a", "b"], __proto__x: "1", constructor: "y" })
      assert.strictEqual(outcome._tag, "SignIn")
    })
  )

  it.effect("RFC 8707 §2: resource may be sent several times, the same one too", () =>
    Effect.gen(function* () {
      yield* registered(aPublicClient())
      const good = Object.assign({}, everythingWrong, ...rows.map(([mended]) => mended), {
        prompt: undefined
      }) as Members
      const unknown = "redirect InvalidTarget ResourceUnknown resource"
      yield* refuses(ask({ ...good, resource: ["https://a.example", "https://a.example"] }), unknown)
      for (const malformed of ["relative/path", "https://a.example#part", "https://a.example#", "api"]) {
        yield* refuses(ask({ ...good, resource: malformed }), "redirect InvalidTarget ResourceMalformed resource")
      }
    })
  )

  describe("properties", () => {
    const Subset = Arbitrary.schema(
      Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1_000_000 }))).check(
        Schema.isMinLength(1),
        Schema.isMaxLength(24)
      )
    )

    it.effect.prop(
      "any permutation of the parameters gives the same answer",
      [Subset, Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: rows.length - 1 }))],
      ([keys, mended]) =>
        Effect.gen(function* () {
          yield* registered(aPublicClient())
          const members = Object.assign(
            {},
            everythingWrong,
            ...rows.slice(0, mended + 1).map(([one]) => one)
          ) as Members
          const names = Object.keys(members)
          const rank = (name: string) => keys[names.indexOf(name) % keys.length]! % (names.indexOf(name) + 7)
          const shuffled = Object.fromEntries(
            names.toSorted((a, b) => rank(a) - rank(b)).map((name) => [name, members[name]])
          )
          assert.strictEqual(yield* refusalOf(ask(shuffled)), rows[mended]![1])
        }),
      { arbitrary: { runs: 60 } }
    )
  })
})
