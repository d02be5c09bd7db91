import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import type { Client } from "../../src/client/Client.ts"
import { applicationsOf, revokeApplication } from "../../src/consent/applications.ts"
import { introspect } from "../../src/introspection/introspect.ts"
import { revoke } from "../../src/revocation/revoke.ts"
import { aClient, aPublicClient, form, register } from "../../src/testing/fixtures.ts"
import * as Server from "../../src/testing/TestServer.ts"
import { refuses } from "../support.ts"

const send = (client: Client, members: Record<string, string | ReadonlyArray<string>>) => {
  const { header, parameters } = Server.credentialsOf(client)
  return revoke(form({ ...parameters, ...members }), header)
}
const isActive = Effect.fnUntraced(function* (client: Client, token: string) {
  const { header, parameters } = Server.credentialsOf(client)
  return (yield* introspect(form({ ...parameters, token }), header)).active
})
const scope = "openid offline_access"

layer(Server.layer())("revocation", (it) => {
  it.effect("RFC 7009 §2.1: an access token goes alone", () =>
    Effect.gen(function* () {
      const client = yield* register(aClient())
      const { tokens } = yield* Server.obtainTokens(client, { scope })
      yield* send(client, { token: tokens.access_token })
      assert.isFalse(yield* isActive(client, tokens.access_token))
      assert.isTrue(yield* isActive(client, tokens.refresh_token!))
    })
  )

  it.effect("RFC 7009 §2.1: a refresh token takes its grant with it, whichever of the family it is", () =>
    Effect.gen(function* () {
      const client = yield* register(aPublicClient())
      for (const generation of [0, 1]) {
        const { tokens } = yield* Server.obtainTokens(client, { scope })
        const next = yield* Server.refresh(client, tokens.refresh_token!)
        const token = [tokens, next][generation]!.refresh_token!
        yield* send(client, { token })
        for (const one of [tokens.access_token, next.access_token, next.refresh_token!]) {
          assert.isFalse(yield* isActive(client, one))
        }
        yield* refuses(Server.refresh(client, next.refresh_token!), "InvalidGrant GrantRevoked")
      }
    })
  )

  it.effect("RFC 7009 §2.2: an unknown, expired or revoked token is no error", () =>
    Effect.gen(function* () {
      const client = yield* register(aClient())
      const { tokens } = yield* Server.obtainTokens(client, { scope })
      yield* send(client, { token: "unknown" })
      yield* send(client, { token: "\u{1F511}" })
      for (let time = 0; time < 2; time++) {
        yield* send(client, { token: tokens.access_token })
        yield* send(client, { token: tokens.refresh_token! })
      }
      yield* TestClock.adjust("1 hour")
      yield* send(client, { token: tokens.access_token })
    })
  )

  it.effect("RFC 7009 §2.1: another client's token is refused, and stays", () =>
    Effect.gen(function* () {
      const client = yield* register(aClient())
      const stranger = yield* register(aClient())
      const { tokens } = yield* Server.obtainTokens(client, { scope })
      for (const token of [tokens.access_token, tokens.refresh_token!]) {
        yield* refuses(send(stranger, { token }), "InvalidGrant IssuedToAnotherClient")
        assert.isTrue(yield* isActive(client, token))
      }
    })
  )

  it.effect("RFC 7009 §2.1: a wrong token_type_hint changes nothing; token is required, once", () =>
    Effect.gen(function* () {
      const client = yield* register(aClient())
      const { tokens } = yield* Server.obtainTokens(client, { scope })
      yield* refuses(send(client, {}), "InvalidRequest ParameterMissing token")
      yield* refuses(send(client, { token: ["x", "x"] }), "InvalidRequest ParameterRepeated token")
      yield* refuses(revoke(form({ token: "x" }), { authorization: undefined }), "InvalidClient CredentialsMissing")
      yield* send(client, { token: tokens.access_token, token_type_hint: "refresh_token" })
      assert.isFalse(yield* isActive(client, tokens.access_token))
    })
  )

  it.effect("a person takes a client's access away: its grants and the memory of the consent", () =>
    Effect.gen(function* () {
      const client = yield* register(aClient())
      const other = yield* register(aClient())
      const { browser, subject } = yield* Server.aSignedInBrowser()
      const connect = Effect.fnUntraced(function* (one: Client) {
        const page = yield* Server.authorize(browser, yield* Server.authorizationRequest(one, { scope }))
        const answer = yield* Server.answerConsent(browser, yield* Server.followed(browser, page), { remember: "on" })
        const code = answer._tag === "Respond" ? Server.responseParameter(answer.response, "code")! : ""
        return yield* Server.exchangeCode(one, code)
      })
      const tokens = yield* connect(client)
      yield* TestClock.adjust("1 second")
      const kept = yield* connect(other)
      const names = Effect.map(applicationsOf(subject), (all) => all.map((one) => one.clientId))
      assert.deepStrictEqual(yield* names, [other.clientId, client.clientId])
      yield* revokeApplication(subject, client.clientId)
      assert.deepStrictEqual(yield* names, [other.clientId])
      assert.isFalse(yield* isActive(client, tokens.access_token))
      assert.isTrue(yield* isActive(other, kept.access_token))
      const again = yield* Server.authorize(browser, yield* Server.authorizationRequest(client, { scope }))
      assert.strictEqual((yield* Server.followed(browser, again))._tag, "ShowConsent")
    })
  )
})
