import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { decodeProtectedHeader } from "jose"
import type { Client } from "../../src/client/Client.ts"
import { ClientStore } from "../../src/client/ClientStore.ts"
import { introspect, introspectionResponse } from "../../src/introspection/introspect.ts"
import { revoke } from "../../src/revocation/revoke.ts"
import { aClient, aPublicClient, aResource, form, register, testIssuer } from "../../src/testing/fixtures.ts"
import * as Server from "../../src/testing/TestServer.ts"
import { heldTo, payloadOf, refuses } from "../support.ts"

const api = aResource({
  identifier: "https://api.example",
  scopes: ["api.read"],
  introspectionClients: ["listed-server", "listed-public"]
})
const jwtApi = aResource({ identifier: "https://jwt.example", scopes: ["jwt.read"], accessTokenFormat: "jwt" })

const ask = (client: Client, token: string, members: Record<string, string | ReadonlyArray<string>> = {}) => {
  const { header, parameters } = Server.credentialsOf(client)
  return introspect(form({ ...parameters, token, ...members }), header)
}
const isActive = (client: Client, token: string) => Effect.map(ask(client, token), (answer) => answer.active)

layer(Server.layer({ resources: [api, jwtApi] }))("introspection", (it) => {
  it.effect(
    "FAPI 2.0 Message Signing §5.5.1: who is held to signed introspection gets it, whatever they asked for",
    () =>
      Effect.gen(function* () {
        for (const [metadata, plain] of [
          [{}, "Claims"],
          [heldTo("fapi2-ms-introspection"), "Jwt"]
        ] as const) {
          const client = yield* register(aClient({ metadata }))
          const { header, parameters } = Server.credentialsOf(client)
          const asked = form({ ...parameters, token: "unknown" })
          assert.strictEqual((yield* introspectionResponse(asked, header, false))._tag, plain)
          const signed = yield* introspectionResponse(asked, header, true)
          assert(signed._tag === "Jwt")
          assert.deepInclude(payloadOf(signed.jwt), { aud: client.clientId, token_introspection: { active: false } })
        }
      })
  )

  it.effect("RFC 7662 §2.2: what a live access token is", () =>
    Effect.gen(function* () {
      const client = yield* register(aClient())
      const { subject, tokens } = yield* Server.obtainTokens(client, {
        scope: "openid api.read",
        resource: api.identifier
      })
      const answer = yield* ask(client, tokens.access_token)
      assert.isTrue(answer.active)
      if (!answer.active) return
      const { auth_time, exp, iat, ...rest } = answer
      assert.strictEqual(exp - iat, 600)
      // RFC 9470 §6.2.
      assert.strictEqual(auth_time, iat)
      assert.deepStrictEqual(rest, {
        active: true,
        iss: testIssuer,
        client_id: client.clientId,
        sub: subject,
        scope: "api.read",
        aud: api.identifier,
        token_type: "Bearer"
      })
    })
  )

  it.effect("RFC 7662 §2.2: a token without a scope or an audience has no such member", () =>
    Effect.gen(function* () {
      const client = yield* register(aClient())
      const { tokens } = yield* Server.obtainTokens(client, { scope: undefined })
      const answer = yield* ask(client, tokens.access_token)
      assert.deepStrictEqual(Object.keys(answer), [
        "active",
        "iss",
        "client_id",
        "sub",
        "token_type",
        "iat",
        "exp",
        "auth_time"
      ])
    })
  )

  it.effect("RFC 7662 §4: its client, the resource it is for and who may see all of them; nobody else", () =>
    Effect.gen(function* () {
      const owner = yield* register(aClient())
      const others = {
        stranger: yield* register(aClient()),
        publicStranger: yield* register(aPublicClient()),
        listed: yield* register(aClient({ clientId: "listed-server" })),
        listedPublic: yield* register(aPublicClient({ clientId: "listed-public" })),
        resource: yield* register(aClient({ clientId: "https://api.example", redirectUris: [] })),
        otherResource: yield* register(aClient({ clientId: "https://jwt.example", redirectUris: [] })),
        operator: yield* register(aClient({ introspectAllTokens: true })),
        publicOperator: yield* register(aPublicClient({ introspectAllTokens: true }))
      }
      const scope = "openid offline_access api.read"
      const { tokens } = yield* Server.obtainTokens(owner, { scope, resource: api.identifier })
      const plain = yield* Server.obtainTokens(owner)
      const seenBy = (token: string) =>
        Effect.map(
          Effect.filter(Object.entries({ owner, ...others }), ([, client]) => isActive(client, token)),
          (seen) => seen.map(([name]) => name)
        )
      assert.deepStrictEqual(yield* seenBy(tokens.access_token), ["owner", "listed", "resource", "operator"])
      assert.deepStrictEqual(yield* seenBy(tokens.refresh_token!), ["owner", "operator"])
      assert.deepStrictEqual(yield* seenBy(plain.tokens.access_token), ["owner", "operator"])
      assert.deepStrictEqual(yield* seenBy("unknown"), [])
      assert.deepStrictEqual(yield* seenBy(tokens.id_token!), [])
    })
  )

  it.effect("RFC 7662 §2.2: what cannot be used is inactive, and nothing else is said", () =>
    Effect.gen(function* () {
      const client = yield* register(aClient())
      const operator = yield* register(aClient({ introspectAllTokens: true }))
      const scope = "openid offline_access"
      const expired = yield* Server.obtainTokens(client, { scope })
      yield* TestClock.adjust(599_999)
      assert.isTrue(yield* isActive(client, expired.tokens.access_token))
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(yield* ask(client, expired.tokens.access_token), { active: false })
      assert.isTrue(yield* isActive(client, expired.tokens.refresh_token!))
      yield* Server.refresh(client, expired.tokens.refresh_token!)
      assert.deepStrictEqual(yield* ask(client, expired.tokens.refresh_token!), { active: false })

      const { tokens } = yield* Server.obtainTokens(client, { scope })
      yield* ClientStore.use((clients) => clients.put({ ...client, disabled: true }))
      assert.deepStrictEqual(yield* ask(operator, tokens.access_token), { active: false })
      assert.deepStrictEqual(yield* ask(operator, tokens.refresh_token!), { active: false })
    })
  )

  it.effect("RFC 9068 §2: a resource may ask for JWT access tokens, which are introspected and revoked like any", () =>
    Effect.gen(function* () {
      const client = yield* register(aClient())
      const { subject, tokens } = yield* Server.obtainTokens(client, {
        scope: "openid jwt.read",
        resource: jwtApi.identifier
      })
      const header = decodeProtectedHeader(tokens.access_token)
      assert.deepStrictEqual([header.typ, header.alg], ["at+jwt", "RS256"])
      const { auth_time, exp, iat, jti, ...claims } = payloadOf(tokens.access_token)
      assert.deepStrictEqual(claims, {
        iss: testIssuer,
        sub: subject,
        aud: jwtApi.identifier,
        client_id: client.clientId,
        scope: "jwt.read",
        amr: ["pwd"]
      })
      assert.strictEqual((exp as number) - (iat as number), 600)
      assert.isString(jti)
      assert.isNumber(auth_time)
      assert.isTrue(yield* isActive(client, tokens.access_token))
      const { header: credentials, parameters } = Server.credentialsOf(client)
      yield* revoke(form({ ...parameters, token: tokens.access_token }), credentials)
      assert.isFalse(yield* isActive(client, tokens.access_token))
    })
  )

  it.effect("RFC 7662 §2.1: token is required, once; token_type_hint is a hint", () =>
    Effect.gen(function* () {
      const client = yield* register(aClient())
      const { tokens } = yield* Server.obtainTokens(client)
      yield* refuses(ask(client, ""), "InvalidRequest ParameterMissing token")
      yield* refuses(ask(client, "x", { token: ["x", "x"] }), "InvalidRequest ParameterRepeated token")
      for (const token_type_hint of ["access_token", "refresh_token", "unheard_of"]) {
        assert.isTrue((yield* ask(client, tokens.access_token, { token_type_hint })).active)
      }
    })
  )

  it.effect("RFC 7662 §2.3: who does not authenticate learns nothing", () =>
    Effect.gen(function* () {
      yield* refuses(introspect(form({ token: "x" }), { authorization: undefined }), "InvalidClient CredentialsMissing")
      yield* refuses(
        introspect(form({ token: "x" }), { authorization: "Bearer x" }),
        "InvalidClient CredentialsMalformed"
      )
    })
  )
})
