import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { type Check, Trace } from "../../src/audit/Refusal.ts"
import { begin } from "../../src/authorize/interact.ts"
import { introspect } from "../../src/introspection/introspect.ts"
import { revoke } from "../../src/revocation/revoke.ts"
import { aClient, form, register, testSecret } from "../../src/testing/fixtures.ts"
import * as Server from "../../src/testing/TestServer.ts"
import { userinfo } from "../../src/userinfo/userinfo.ts"

/** The rules that were looked at, in order. */
const traceOf = Effect.fnUntraced(function* <A, E, R>(effect: Effect.Effect<A, E, R>) {
  const checks: Array<Check> = []
  const exit = yield* Effect.exit(Effect.provideService(effect, Trace, checks))
  return { checks, isRefused: exit._tag === "Failure" }
})

layer(Server.layer())("the trace of a refusal", (it) => {
  it.effect("names every rule in the order in which it was checked, and ends with the one that refused", () =>
    Effect.gen(function* () {
      const client = yield* register(aClient())
      const { browser } = yield* Server.aSignedInBrowser()
      const request = yield* Server.authorizationRequest(client)
      const code = yield* Server.obtainCode(browser, request)
      const none = { authorization: undefined }
      const wrong = { authorization: Server.basicHeader(client.clientId, "wrong") }
      const asked = (members: Record<string, string>) =>
        Effect.flatMap(Server.authorizationRequest(client, members), (one) => begin(one, Server.aBrowser(), true))
      const refusals = [
        traceOf(asked({ client_id: "" })),
        traceOf(asked({ client_id: "unknown" })),
        traceOf(asked({ redirect_uri: "https://evil.example" })),
        traceOf(asked({ response_type: "token" })),
        traceOf(asked({ scope: "unheard-of" })),
        traceOf(asked({ scope: "\u00e9" })),
        traceOf(asked({ code_challenge_method: "plain" })),
        traceOf(asked({ claims: "x" })),
        traceOf(asked({ id_token_hint: "x" })),
        traceOf(asked({ prompt: "none" })),
        traceOf(Server.exchangeCode(client, "unknown")),
        traceOf(Server.exchangeCode(client, code, { redirect_uri: "https://evil.example" })),
        traceOf(Server.exchangeCode(client, code, { code_verifier: "x" })),
        traceOf(Server.exchangeCode(client, code)),
        traceOf(Server.refresh(client, "unknown")),
        traceOf(Server.requestToken(client, { grant_type: "implicit" })),
        traceOf(introspect(form({ token: "x" }), none)),
        traceOf(introspect(form({ token: "x" }), wrong)),
        traceOf(revoke(form({}), { authorization: Server.basicHeader(client.clientId, testSecret) })),
        traceOf(userinfo({ method: "GET", authorization: "Bearer x" }, form({}))),
        traceOf(userinfo({ method: "GET", authorization: undefined }, form({})))
      ]
      for (const [index, refusal] of refusals.entries()) {
        const { checks, isRefused } = yield* refusal
        assert.isTrue(isRefused, String(index))
        assert.isAbove(checks.length, 0, String(index))
        assert.deepStrictEqual(
          checks.filter((check) => !check.passed),
          [checks.at(-1)],
          String(index)
        )
      }
    })
  )

  it.effect("holds nothing that is secret: no code, token, verifier or client secret", () =>
    Effect.gen(function* () {
      const client = yield* register(aClient())
      const { code, tokens } = yield* Server.obtainTokens(client, { scope: "openid offline_access" })
      const { checks } = yield* traceOf(Server.exchangeCode(client, code))
      const text = JSON.stringify(checks)
      for (const secret of [code, tokens.access_token, tokens.refresh_token!, Server.testVerifier, testSecret]) {
        assert.notInclude(text, secret)
      }
    })
  )
})
