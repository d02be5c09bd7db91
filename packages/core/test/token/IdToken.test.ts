import { assert, layer } from "@effect/vitest"
import { DateTime, Effect, Result } from "effect"
import { Base64Url } from "effect/encoding"
import { Crypto } from "../../src/crypto/Crypto.ts"
import { aClient, register, testIssuer } from "../../src/testing/fixtures.ts"
import { TestHost } from "../../src/testing/TestHost.ts"
import * as Server from "../../src/testing/TestServer.ts"
import { payloadOf } from "../support.ts"

/** Signs somebody in with these facts and takes the ID token. */
const idToken = Effect.fnUntraced(function* (
  facts: object,
  members: Record<string, string> = {},
  signedResponseAlg: "RS256" | "ES256" = "ES256"
) {
  const client = yield* register(aClient({ firstParty: true, idTokenSignedResponseAlg: signedResponseAlg }))
  const browser = Server.aBrowser()
  yield* TestHost.use((host) => host.signIn("jane", { browser: browser.name, ...facts }))
  const code = yield* Server.obtainCode(browser, yield* Server.authorizationRequest(client, members))
  const tokens = yield* Server.exchangeCode(client, code)
  return { client, tokens, claims: payloadOf(tokens.id_token!) }
})

layer(Server.layer())("the ID token", (it) => {
  it.effect("OpenID Connect Core §2, §3.1.3.6: its claims are the facts of the sign-in", () =>
    Effect.gen(function* () {
      const authTime = DateTime.makeUnsafe(1_999)
      const facts = { authTime, acr: "gold", amr: ["pwd", "otp"], sessionId: "s" }
      const { claims, client, tokens } = yield* idToken(facts, { nonce: "a nonce \u00e9" })
      const { at_hash, exp, iat, sid, ...rest } = claims
      assert.deepStrictEqual(rest, {
        iss: testIssuer,
        sub: "jane",
        aud: client.clientId,
        auth_time: 1,
        nonce: "a nonce \u00e9",
        acr: "gold",
        amr: ["pwd", "otp"]
      })
      assert.strictEqual((exp as number) - (iat as number), 3600)
      const hash = yield* Crypto.use((crypto) => crypto.sha256(tokens.access_token))
      const octets = Result.getOrThrow(Base64Url.decode(hash))
      assert.strictEqual(at_hash, Base64Url.encode(octets.slice(0, 16)))
      // The host's own session identifier is nobody's business.
      assert.match(sid as string, /^[A-Za-z0-9_-]{43}$/)
    })
  )

  it.effect("OpenID Connect Core §2: what the sign-in did not state is left out", () =>
    Effect.gen(function* () {
      const { claims } = yield* idToken({ amr: [] })
      assert.deepStrictEqual(Object.keys(claims).toSorted(), [
        "at_hash",
        "aud",
        "auth_time",
        "exp",
        "iat",
        "iss",
        "sid",
        "sub"
      ])
    })
  )

  it.effect("OpenID Connect Front-Channel Logout §3: sid is one per session, the same for every client", () =>
    Effect.gen(function* () {
      const first = (yield* idToken({ sessionId: "one" })).claims["sid"]
      assert.strictEqual((yield* idToken({ sessionId: "one" })).claims["sid"], first)
      assert.notStrictEqual((yield* idToken({ sessionId: "two" })).claims["sid"], first)
    })
  )

  it.effect("OpenID Connect Registration §2: signed as the client registered", () =>
    Effect.gen(function* () {
      for (const alg of ["RS256", "ES256"] as const) {
        const { tokens } = yield* idToken({}, {}, alg)
        const header = JSON.parse(atob(tokens.id_token!.split(".")[0]!)) as Record<string, unknown>
        assert.deepStrictEqual([header["alg"], header["typ"], typeof header["kid"]], [alg, "JWT", "string"])
      }
    })
  )

  it.effect("OpenID Connect Core §3.1.2.1: without scope openid there is none", () =>
    Effect.gen(function* () {
      const client = yield* register(aClient())
      const { tokens } = yield* Server.obtainTokens(client, { scope: "email" })
      assert.isUndefined(tokens.id_token)
    })
  )

  it.effect("no claim of the host's replaces one of the protocol's", () =>
    Effect.gen(function* () {
      const forged = {
        iss: "x",
        sub: "x",
        aud: "x",
        exp: 1,
        nonce: "x",
        acr: "x",
        azp: "x",
        sid: "x",
        at_hash: "x",
        email: "jane@example"
      }
      yield* TestHost.use((host) => host.setClaims("jane", forged))
      const names = Object.fromEntries(Object.keys(forged).map((name) => [name, null]))
      const { claims } = yield* idToken({}, { claims: JSON.stringify({ id_token: names }) })
      assert.strictEqual(claims["email"], "jane@example")
      for (const name of Object.keys(forged).filter((one) => one !== "email"))
        assert.notStrictEqual(claims[name], "x", name)
    })
  )
})
