import { assert, layer } from "@effect/vitest"
import { Effect, Option } from "effect"
import { SigningKeys } from "../../src/key/SigningKeys.ts"
import { aClient, register, testIssuer } from "../../src/testing/fixtures.ts"
import { TestHost } from "../../src/testing/TestHost.ts"
import * as TestServer from "../../src/testing/TestServer.ts"
import { userinfo } from "../../src/userinfo/userinfo.ts"

layer(TestServer.layer(), { timeout: "30 seconds" })("the protocol's own claims", (it) => {
  it.effect("OpenID Connect Core §5.5.1: asking for them asks the person for nothing", () =>
    Effect.gen(function* () {
      const client = yield* register(aClient())
      const { browser, subject } = yield* TestServer.aSignedInBrowser()
      const request = yield* TestServer.authorizationRequest(client)
      const shown = yield* TestServer.followed(browser, yield* TestServer.authorize(browser, request))
      yield* TestServer.answerConsent(browser, shown, { remember: "yes" })
      const claims = JSON.stringify({
        id_token: { auth_time: { essential: true }, sub: { value: subject }, amr: null, acr: null, sid: null }
      })
      const silent = yield* TestServer.authorizationRequest(client, { prompt: "none", claims })
      assert.strictEqual((yield* TestServer.authorize(browser, silent))._tag, "Respond")
    })
  )

  it.effect("RFC 8725 §2.8: what the host knows under their names reaches neither ID token nor userinfo", () =>
    Effect.gen(function* () {
      const client = yield* register(aClient({ firstParty: true }))
      const { browser, subject } = yield* TestServer.aSignedInBrowser()
      const hostile = {
        cnf: { jkt: "a" },
        events: {},
        client_id: "root",
        iss: "https://evil.example",
        aud: "x",
        jti: "1"
      }
      yield* TestHost.use((host) => host.setClaims(subject, { ...hostile, nickname: "al" }))
      const wanted = { ...Object.fromEntries(Object.keys(hostile).map((name) => [name, null])), nickname: null }
      const request = yield* TestServer.authorizationRequest(client, {
        claims: JSON.stringify({ id_token: wanted, userinfo: wanted })
      })
      const tokens = yield* TestServer.exchangeCode(client, yield* TestServer.obtainCode(browser, request))
      const verified = yield* SigningKeys.use((keys) => keys.verifyOwn(testIssuer, "JWT", tokens.id_token!))
      const idToken = Option.getOrThrow(verified)
      assert.strictEqual(idToken["nickname"], "al")
      for (const name of ["cnf", "events", "client_id", "jti"]) assert.notProperty(idToken, name)
      assert.strictEqual(idToken["iss"], testIssuer)
      const answered = yield* userinfo({ method: "GET", authorization: `Bearer ${tokens.access_token}` }, new Map())
      assert.deepStrictEqual(answered, { sub: subject, nickname: "al" })
    })
  )
})
