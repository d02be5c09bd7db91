import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { ClientStore } from "../../src/client/ClientStore.ts"
import { revoke } from "../../src/revocation/revoke.ts"
import { aClient, aResource, form, register } from "../../src/testing/fixtures.ts"
import { TestHost } from "../../src/testing/TestHost.ts"
import * as Server from "../../src/testing/TestServer.ts"
import { userinfo } from "../../src/userinfo/userinfo.ts"
import { payloadOf, refuses } from "../support.ts"

const api = aResource({ identifier: "https://api.example", scopes: ["api.read"] })
const jane = {
  name: "Jane",
  email: "jane@example",
  email_verified: true,
  address: { country: "FR" },
  phone_number: "+1",
  picture: "",
  nickname: null,
  sub: "forged",
  secret: "the host knows more"
}

const janeWith = Effect.fnUntraced(function* (members: Record<string, string>) {
  const client = yield* register(aClient())
  const { browser, subject } = yield* Server.aSignedInBrowser()
  yield* TestHost.use((host) => host.setClaims(subject, jane))
  const code = yield* Server.obtainCode(browser, yield* Server.authorizationRequest(client, members))
  const tokens = yield* Server.exchangeCode(client, code)
  return { client, subject, tokens, header: `Bearer ${tokens.access_token}` }
})

const claimsFor = Effect.fnUntraced(function* (members: Record<string, string>) {
  const { header, subject } = yield* janeWith(members)
  const claims = yield* userinfo({ method: "GET", authorization: header }, form({}))
  assert.strictEqual(claims["sub"], subject)
  return Object.keys(claims).toSorted()
})

layer(Server.layer({ resources: [api] }))("userinfo", (it) => {
  it.effect("OpenID Connect Core §5.4: the claims of the granted scope, and no others", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* claimsFor({ scope: "openid" }), ["sub"])
      assert.deepStrictEqual(yield* claimsFor({ scope: "openid email" }), ["email", "email_verified", "sub"])
      assert.deepStrictEqual(yield* claimsFor({ scope: "openid address phone" }), ["address", "phone_number", "sub"])
      // §5.3.2: what is unknown or empty is left out.
      assert.deepStrictEqual(yield* claimsFor({ scope: "openid profile" }), ["name", "sub"])
    })
  )

  it.effect("OpenID Connect Core §5.5: the claims asked for one by one, where they were asked for", () =>
    Effect.gen(function* () {
      const userinfoClaims = JSON.stringify({
        userinfo: { email: null, __proto__: null, unheard_of: { essential: true } }
      })
      assert.deepStrictEqual(yield* claimsFor({ scope: "openid", claims: userinfoClaims }), ["email", "sub"])
      const idTokenClaims = JSON.stringify({ id_token: { email: null, sub: null, iss: { value: "x" } } })
      const { tokens, subject, header } = yield* janeWith({ scope: "openid", claims: idTokenClaims })
      assert.deepStrictEqual(Object.keys(yield* userinfo({ method: "GET", authorization: header }, form({}))), ["sub"])
      const claims = payloadOf(tokens.id_token!)
      assert.deepStrictEqual(
        [claims["email"], claims["sub"], claims["iss"]],
        [jane.email, subject, "https://issuer.example"]
      )
    })
  )

  it.effect("RFC 6750 §2: in the header or in the form, never both", () =>
    Effect.gen(function* () {
      const { header, tokens } = yield* janeWith({ scope: "openid" })
      const { access_token } = tokens
      yield* userinfo({ method: "GET", authorization: header }, form({}))
      yield* userinfo({ method: "GET", authorization: `bearer  ${access_token}` }, form({}))
      yield* userinfo({ method: "GET", authorization: undefined }, form({ access_token }))
      yield* userinfo({ method: "GET", authorization: "Basic abc" }, form({ access_token }))
      yield* refuses(
        userinfo({ method: "GET", authorization: header }, form({ access_token })),
        "InvalidRequest TokenSentTwice"
      )
      yield* refuses(
        userinfo({ method: "GET", authorization: undefined }, form({ access_token: [access_token, access_token] })),
        "InvalidRequest ParameterRepeated access_token"
      )
      for (const malformed of [
        "Bearer",
        "Bearer ",
        "Bearer a b",
        "Bearer \u00e9",
        "Bearer a,b",
        `Bearer ${access_token} `
      ]) {
        yield* refuses(
          userinfo({ method: "GET", authorization: malformed }, form({})),
          "InvalidRequest ParameterMalformed Authorization"
        )
      }
    })
  )

  it.effect("RFC 6750 §3.1: without a token there is no error code, with a bad one invalid_token", () =>
    Effect.gen(function* () {
      const { client, header, subject, tokens } = yield* janeWith({ scope: "openid offline_access" })
      for (const none of [undefined, "", "Basic abc", "Bearerx"]) {
        yield* refuses(userinfo({ method: "GET", authorization: none }, form({})), "TokenMissing TokenMissing")
      }
      for (const unknown of ["x", tokens.refresh_token!, tokens.id_token!, `${tokens.access_token}=`]) {
        yield* refuses(
          userinfo({ method: "GET", authorization: `Bearer ${unknown}` }, form({})),
          "InvalidToken TokenUnknown"
        )
      }
      yield* ClientStore.use((clients) => clients.put({ ...client, disabled: true }))
      yield* refuses(userinfo({ method: "GET", authorization: header }, form({})), "InvalidToken ClientDisabled")
      yield* ClientStore.use((clients) => clients.put(client))
      yield* TestHost.use((host) => host.removeAccount(subject))
      yield* refuses(userinfo({ method: "GET", authorization: header }, form({})), "InvalidToken AccountGone")
      yield* TestClock.adjust(599_999)
      yield* refuses(userinfo({ method: "GET", authorization: header }, form({})), "InvalidToken AccountGone")
      yield* TestClock.adjust(1)
      yield* refuses(userinfo({ method: "GET", authorization: header }, form({})), "InvalidToken TokenExpired")
      const { header: credentials, parameters } = Server.credentialsOf(client)
      yield* revoke(form({ ...parameters, token: tokens.access_token }), credentials)
      yield* refuses(userinfo({ method: "GET", authorization: header }, form({})), "InvalidToken TokenRevoked")
    })
  )

  it.effect("RFC 6750 §3.1: a token without openid, or for another resource, has insufficient scope", () =>
    Effect.gen(function* () {
      const plain = yield* janeWith({ scope: "email" })
      yield* refuses(
        userinfo({ method: "GET", authorization: plain.header }, form({})),
        "InsufficientScope OpenidMissing"
      )
      const forApi = yield* janeWith({ scope: "openid api.read", resource: api.identifier })
      yield* refuses(
        userinfo({ method: "GET", authorization: forApi.header }, form({})),
        "InsufficientScope OpenidMissing"
      )
    })
  )
})
