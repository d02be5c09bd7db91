import { assert, describe, it as test, layer } from "@effect/vitest"
import { Effect } from "effect"
import { RedirectRefusal } from "../../src/authorization-request/establish.ts"
import { failure, location } from "../../src/authorize/respond.ts"
import { matchRedirectUri } from "../../src/authorization-request/SafeRedirect.ts"
import { aClient, aPublicClient, register, testIssuer } from "../../src/testing/fixtures.ts"
import * as Server from "../../src/testing/TestServer.ts"
import { refuses } from "../support.ts"

type Members = Record<string, string | ReadonlyArray<string> | undefined>

const wire = () => ({ error: "an_error", description: "A sentence." })

const answer = Effect.fnUntraced(function* (members: Members, client = aClient({ firstParty: true })) {
  const registered = yield* register(client)
  const { browser } = yield* Server.aSignedInBrowser()
  const outcome = yield* Server.authorize(browser, yield* Server.authorizationRequest(registered, members))
  return outcome._tag === "Respond" ? outcome.response : yield* Effect.die(new Error(outcome._tag))
})

const errorAnswer = (members: Members) =>
  Effect.map(Effect.flip(answer(members)), (error) => {
    assert(error instanceof RedirectRefusal)
    const { error: refusal, target } = error
    return failure(testIssuer, target, refusal, wire)
  })

layer(Server.layer())("the authorization response", (it) => {
  it.effect("RFC 6749 §4.1.2: code and state, and RFC 9207 §2: iss, in every mode", () =>
    Effect.gen(function* () {
      for (const mode of [undefined, "query", "fragment", "form_post"] as const) {
        const response = yield* answer({ response_mode: mode })
        assert.strictEqual(response.responseMode, mode ?? "query")
        assert.deepStrictEqual(
          response.parameters.map(([name]) => name),
          ["code", "state", "iss"]
        )
        assert.strictEqual(Server.responseParameter(response, "iss"), testIssuer)
      }
    })
  )

  it.effect("RFC 6749 §4.1.2.1: error and state, and RFC 9207 §2: iss, in the mode that was asked for", () =>
    Effect.gen(function* () {
      for (const mode of ["query", "fragment", "form_post"] as const) {
        const response = yield* errorAnswer({ response_mode: mode, scope: "unheard-of" })
        assert.strictEqual(response.responseMode, mode)
        assert.deepStrictEqual(response.parameters, [
          ["error", "an_error"],
          ["error_description", "A sentence."],
          ["state", "a-state"],
          ["iss", testIssuer]
        ])
      }
    })
  )

  it.effect("Multiple Response Types §2.1: an unknown or repeated mode is answered in the default one", () =>
    Effect.gen(function* () {
      for (const response_mode of [
        "web_message",
        "Query",
        "JWT",
        "query.JWT",
        ["fragment", "fragment"],
        ["fragment", "query"]
      ]) {
        assert.strictEqual((yield* errorAnswer({ response_mode })).responseMode, "query")
      }
    })
  )

  it.effect(
    "RFC 6749 §4.1.2: state comes back exactly as it was sent, and not at all when it was not or was repeated",
    () =>
      Effect.gen(function* () {
        for (const state of ["a b", "\u00e9\u{1F600}", "&iss=evil#x", "'\"<script>", "%00", "x".repeat(4000)]) {
          assert.strictEqual(Server.responseParameter(yield* answer({ state }), "state"), state)
        }
        assert.isUndefined(Server.responseParameter(yield* answer({ state: undefined }), "state"))
        assert.isUndefined(Server.responseParameter(yield* errorAnswer({ state: ["a", "b"] }), "state"))
      })
  )

  it.effect("RFC 7636 §4.3, RFC 9700 §2.1.1: S256 and nothing else, of every client", () =>
    Effect.gen(function* () {
      const challenge = "c".repeat(43)
      const missing = "redirect InvalidRequest CodeChallengeMissing code_challenge"
      const notS256 = "redirect InvalidRequest CodeChallengeMethodNotS256 code_challenge_method"
      const malformed = "redirect InvalidRequest ParameterMalformed code_challenge"
      const rows: ReadonlyArray<
        readonly [challenge: string | undefined, method: string | undefined, strict: string, exempt: string]
      > = [
        [challenge, "S256", "ok", "ok"],
        [undefined, undefined, missing, "ok"],
        ["", undefined, missing, "ok"],
        [undefined, "S256", missing, missing],
        [undefined, "plain", missing, missing],
        [challenge, undefined, notS256, notS256],
        [challenge, "plain", notS256, notS256],
        [challenge, "s256", notS256, notS256],
        [challenge, "S512", notS256, notS256],
        ["c".repeat(42), "S256", malformed, malformed],
        ["c".repeat(44), "S256", malformed, malformed],
        [`${"c".repeat(42)}=`, "S256", malformed, malformed],
        [`${"c".repeat(42)}+`, "S256", malformed, malformed]
      ]
      for (const [code_challenge, code_challenge_method, strict, exempt] of rows) {
        const asked = { code_challenge, code_challenge_method }
        const judged = (client: Parameters<typeof register>[0], expected: string) =>
          expected === "ok" ? answer(asked, client) : refuses(answer(asked, client), expected)
        yield* judged(aClient({ firstParty: true }), strict)
        yield* judged(aPublicClient({ firstParty: true }), strict)
        yield* judged(aClient({ firstParty: true, dangerouslyAllowNoPkce: true }), exempt)
        // The exemption is a confidential client's alone.
        yield* judged(aPublicClient({ firstParty: true, dangerouslyAllowNoPkce: true }), strict)
      }
    })
  )
})

describe("the address of an authorization response", () => {
  const to = (uri: string, responseMode: "query" | "fragment") =>
    location({
      redirectUri: matchRedirectUri({ redirectUris: [uri], applicationType: "native" }, uri)!,
      responseMode,
      parameters: [
        ["code", "a b&c=d#e"],
        ["iss", testIssuer]
      ]
    })
  const added = "code=a+b%26c%3Dd%23e&iss=https%3A%2F%2Fissuer.example"

  test("RFC 6749 §3.1.2: the registered URI stays as it is, its query too", () => {
    const rows: ReadonlyArray<readonly [uri: string, query: string]> = [
      ["https://client.example", "https://client.example?"],
      ["https://client.example/cb", "https://client.example/cb?"],
      ["https://client.example/cb?", "https://client.example/cb?"],
      ["https://client.example/cb?a=%20b", "https://client.example/cb?a=%20b&"],
      ["https://client.example/cb?a=1&", "https://client.example/cb?a=1&"],
      ["com.example.app:/cb", "com.example.app:/cb?"]
    ]
    for (const [uri, query] of rows) {
      assert.strictEqual(to(uri, "query"), `${query}${added}`)
      assert.strictEqual(to(uri, "fragment"), `${uri}#${added}`)
    }
  })
})
