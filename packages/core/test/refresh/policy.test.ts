import { assert, describe, it, layer } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { AuditLog } from "../../src/audit/AuditLog.ts"
import type { Client } from "../../src/client/Client.ts"
import { ClientStore } from "../../src/client/ClientStore.ts"
import { introspect } from "../../src/introspection/introspect.ts"
import { defaults } from "../../src/issuer/Policy.ts"
import { revoke } from "../../src/revocation/revoke.ts"
import { aClient, aPublicClient, form, register, testIssuer } from "../../src/testing/fixtures.ts"
import * as Server from "../../src/testing/TestServer.ts"
import { refreshPolicyOf } from "../../src/token/refreshPolicy.ts"
import { refuses } from "../support.ts"

const reused = "InvalidGrant RefreshTokenReused"
const expired = "InvalidGrant RefreshTokenExpired"

const aFamily = Effect.fnUntraced(function* (metadata: Client["metadata"], client: Client = aClient({ metadata })) {
  const registered = yield* register(client)
  const { subject, tokens } = yield* Server.obtainTokens(registered, { scope: "openid email offline_access" })
  return { client: registered, subject, tokens, first: tokens.refresh_token! }
})

const isActive = Effect.fnUntraced(function* (client: Client, token: string) {
  const { header, parameters } = Server.credentialsOf(client)
  return (yield* introspect(form({ ...parameters, token }), header)).active
})

describe("refresh policy", () => {
  const of = (
    rotation: (typeof defaults)["refreshTokenRotation"],
    metadata: Client["metadata"] = {},
    client = aClient({ metadata })
  ) => refreshPolicyOf(client, { ...defaults, refreshTokenRotation: rotation })

  it("RFC 9700 §4.14.2: of server and client the stricter wins; where neither says anything, every use rotates", () => {
    for (const [server, client, rotates] of [
      ["by_client", undefined, true],
      ["by_client", "always", true],
      ["by_client", "public_only", false],
      ["by_client", "never", false],
      ["by_client", "sometimes", true],
      ["by_client", 0, true],
      ["always", "never", true],
      ["public_only", "never", false],
      ["never", undefined, false],
      ["never", "always", true]
    ] as const) {
      const metadata = client === undefined ? {} : { refresh_token_rotation: client }
      assert.strictEqual(of(server, metadata).rotates, rotates, `${server} ${client}`)
    }
  })

  it("FAPI 2.0 Security Profile §5.3.2.1 no. 9: a FAPI profile never rotates, whatever the rules of rotation say", () => {
    const client = aClient({ metadata: { security_profile: "fapi_2_0_security", refresh_token_rotation: "always" } })
    assert.isFalse(of("always", {}, client).rotates)
    const policy = { ...defaults, securityProfiles: ["fapi_2_0_message_signing"] as const }
    assert.isFalse(refreshPolicyOf(aClient(), policy).rotates)
  })

  it("a confidential client of bound tokens rotates only where somebody says so; a public one always", () => {
    for (const metadata of [{ dpop_bound_access_tokens: true }, { tls_client_certificate_bound_access_tokens: true }]) {
      assert.isFalse(of("by_client", metadata).rotates)
      assert.isTrue(of("always", metadata).rotates)
      assert.isTrue(of("by_client", { ...metadata, refresh_token_rotation: "always" }).rotates)
      assert.isTrue(of("by_client", {}, aPublicClient({ metadata })).rotates)
    }
  })

  it("RFC 9700 §2.2.2: a public client rotates whatever is set, exempt from a profile or not", () => {
    for (const rotation of ["always", "public_only", "never"] as const) {
      for (const security_profile of ["none", "fapi_2_0_security"]) {
        const exempt = { security_profile, dangerously_exempt_from: ["fapi2-sp-confidential"] }
        const client = aPublicClient({ metadata: { refresh_token_rotation: rotation, ...exempt } })
        assert.isTrue(of(rotation, {}, client).rotates)
      }
    }
  })

  it("a client's own times and counts shorten the server's, and never lengthen them", () => {
    const metadata = (value: number | string) => ({
      refresh_token_replay_window: value,
      refresh_token_replay_count: value,
      refresh_token_idle_lifetime: value,
      refresh_token_absolute_lifetime: value
    })
    const server = of("by_client")
    const times = { replayWindow: 7, replayCount: 7, idleLifetime: 7, absoluteLifetime: 7 }
    assert.deepStrictEqual(of("by_client", metadata(7)), { ...server, ...times })
    for (const nonsense of [1e9, -1, "7"]) assert.deepStrictEqual(of("by_client", metadata(nonsense)), server)
  })
})

layer(Server.layer())("the refresh_token grant of a client that does not rotate", (it) => {
  const never = { refresh_token_rotation: "never" }

  it.effect("FAPI 2.0 §5.3.2.1: the same refresh token serves again and again, for new access tokens", () =>
    Effect.gen(function* () {
      const { client, first } = yield* aFamily(never)
      const seen = new Set<string>()
      for (let turn = 0; turn < 4; turn++) {
        yield* TestClock.adjust("1 hour")
        const response = yield* Server.refresh(client, first)
        assert.strictEqual(response.refresh_token, first)
        seen.add(response.access_token)
      }
      assert.strictEqual(seen.size, 4)
      const actions = (yield* AuditLog.use((log) => log.latest(testIssuer, 2))).map((event) => event.action)
      assert.deepStrictEqual(actions, ["access_token.issued", "refresh_token.used"])
    })
  )

  it.effect("each use moves the idle end; an unused token dies at it; the grant's end stays", () =>
    Effect.gen(function* () {
      const { client, first } = yield* aFamily({
        ...never,
        refresh_token_idle_lifetime: 100,
        refresh_token_absolute_lifetime: 250
      })
      for (let turn = 0; turn < 2; turn++) {
        yield* TestClock.adjust("99999 millis")
        yield* Server.refresh(client, first)
      }
      yield* TestClock.adjust("50001 millis")
      yield* TestClock.adjust("1 millis")
      yield* refuses(Server.refresh(client, first), expired)
      const idle = yield* aFamily({ ...never, refresh_token_idle_lifetime: 100 })
      yield* TestClock.adjust("100 seconds")
      yield* refuses(Server.refresh(idle.client, idle.first), expired)
    })
  )

  it.effect("many tabs at once all succeed, each with an access token of its own", () =>
    Effect.gen(function* () {
      const { client, first } = yield* aFamily(never)
      const answers = yield* Effect.all(
        Array.from({ length: 20 }, () => Server.refresh(client, first)),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(new Set(answers.map((one) => one.access_token)).size, 20)
    })
  )

  it.effect("scope narrows for one access token; the refresh token keeps all of it", () =>
    Effect.gen(function* () {
      const { client, first } = yield* aFamily(never)
      assert.strictEqual((yield* Server.refresh(client, first, { scope: "email" })).scope, "email")
      assert.strictEqual((yield* Server.refresh(client, first)).scope, "openid email offline_access")
      yield* refuses(Server.refresh(client, first, { scope: "profile" }), "InvalidScope ScopeNotGranted")
    })
  )

  it.effect("RFC 7009 §2.1: revoking the refresh token ends the family, access tokens included", () =>
    Effect.gen(function* () {
      const { client, first, tokens } = yield* aFamily(never)
      const response = yield* Server.refresh(client, first)
      const { header, parameters } = Server.credentialsOf(client)
      yield* revoke(form({ ...parameters, token: first }), header)
      for (const token of [tokens.access_token, response.access_token, first]) {
        assert.isFalse(yield* isActive(client, token))
      }
      yield* refuses(Server.refresh(client, first), "InvalidGrant GrantRevoked")
    })
  )

  it.effect("another client neither uses nor prolongs it", () =>
    Effect.gen(function* () {
      const { client, first } = yield* aFamily({ ...never, refresh_token_idle_lifetime: 100 })
      const stranger = yield* register(aClient({ metadata: never }))
      yield* TestClock.adjust("60 seconds")
      yield* refuses(Server.refresh(stranger, first), "InvalidGrant IssuedToAnotherClient")
      yield* TestClock.adjust("40 seconds")
      yield* refuses(Server.refresh(client, first), expired)
    })
  )

  it.effect("a client that is registered anew to rotate does so at the next use", () =>
    Effect.gen(function* () {
      const { client, first } = yield* aFamily(never)
      yield* Server.refresh(client, first)
      yield* ClientStore.use((clients) => clients.put({ ...client, metadata: {} }))
      const response = yield* Server.refresh(client, first)
      assert.notStrictEqual(response.refresh_token, first)
      yield* TestClock.adjust("1 hour")
      yield* refuses(Server.refresh(client, first), reused)
    })
  )
})

layer(Server.layer({ policy: { accessTokenLifetime: 30, refreshReplayWindow: 300 } }))(
  "a replay window that is longer than an access token lives",
  (it) => {
    it.effect("brings the new refresh token, and says that the access token is over", () =>
      Effect.gen(function* () {
        const { client, first } = yield* aFamily({})
        const response = yield* Server.refresh(client, first)
        assert.strictEqual(response.expires_in, 30)
        yield* TestClock.adjust("29 seconds")
        assert.deepStrictEqual(yield* Server.refresh(client, first), response)
        yield* TestClock.adjust("1 seconds")
        assert.deepStrictEqual(yield* Server.refresh(client, first), { ...response, expires_in: 0 })
      })
    )
  }
)

layer(Server.layer())("the replay window of one client", (it) => {
  it.effect("has its own length", () =>
    Effect.gen(function* () {
      const { client, first } = yield* aFamily({ refresh_token_replay_window: 5 })
      const body = JSON.stringify(yield* Server.refresh(client, first))
      yield* TestClock.adjust("4999 millis")
      assert.strictEqual(JSON.stringify(yield* Server.refresh(client, first)), body)
      yield* TestClock.adjust("1 millis")
      yield* refuses(Server.refresh(client, first), reused)
    })
  )

  it.effect("answers so many retries and no more: one too many is reuse", () =>
    Effect.gen(function* () {
      const { client, first } = yield* aFamily({ refresh_token_replay_count: 3 })
      const body = JSON.stringify(yield* Server.refresh(client, first))
      for (let retry = 0; retry < 3; retry++) {
        assert.strictEqual(JSON.stringify(yield* Server.refresh(client, first)), body)
      }
      yield* refuses(Server.refresh(client, first), reused)
      assert.isFalse(yield* isActive(client, (JSON.parse(body) as { access_token: string }).access_token))
    })
  )

  it.effect("a count of none makes every second use reuse", () =>
    Effect.gen(function* () {
      const { client, first } = yield* aFamily({ refresh_token_replay_count: 0 })
      yield* Server.refresh(client, first)
      yield* refuses(Server.refresh(client, first), reused)
    })
  )
})
