import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { AuditLog } from "../../src/audit/AuditLog.ts"
import type { Client } from "../../src/client/Client.ts"
import { ClientStore } from "../../src/client/ClientStore.ts"
import { introspect } from "../../src/introspection/introspect.ts"
import { aClient, aPublicClient, aResource, form, register, testIssuer } from "../../src/testing/fixtures.ts"
import { TestHost } from "../../src/testing/TestHost.ts"
import * as Server from "../../src/testing/TestServer.ts"
import { payloadOf, refuses } from "../support.ts"

const api = aResource({ identifier: "https://api.example", scopes: ["api.read", "api.write"] })
const mail = aResource({ identifier: "https://mail.example", scopes: ["mail.send"] })
const day = 86_400_000

/** A client and a person's refresh token. */
const aFamily = Effect.fnUntraced(function* (
  members: Record<string, string | ReadonlyArray<string>> = {},
  client: Client = aClient()
) {
  const registered = yield* register(client)
  const { subject, tokens } = yield* Server.obtainTokens(registered, {
    scope: "openid email offline_access",
    ...members
  })
  return { client: registered, subject, tokens, first: tokens.refresh_token! }
})

const use = (client: Client, refreshToken: string, members = {}) =>
  Effect.map(Server.refresh(client, refreshToken, members), (response) => response.refresh_token!)

const isActive = Effect.fnUntraced(function* (client: Client, token: string) {
  const { header, parameters } = Server.credentialsOf(client)
  return (yield* introspect(form({ ...parameters, token }), header)).active
})

const reused = "InvalidGrant RefreshTokenReused"
const revoked = "InvalidGrant GrantRevoked"

layer(Server.layer({ resources: [api, mail] }))("the refresh_token grant", (it) => {
  it.effect("RFC 9700 §4.14.2: every use gives a new refresh token", () =>
    Effect.gen(function* () {
      const { client, first } = yield* aFamily()
      let token = first
      const seen = new Set([token])
      for (let turn = 0; turn < 5; turn++) {
        token = yield* use(client, token)
        assert.isFalse(seen.has(token))
        seen.add(token)
      }
    })
  )

  it.effect(
    "RFC 6749 §6: the response has the grant's scope; OpenID Connect Core §12.2: and an ID token without nonce",
    () =>
      Effect.gen(function* () {
        const { client, first, tokens } = yield* aFamily({ nonce: "a-nonce" })
        yield* TestClock.adjust("10 seconds")
        const response = yield* Server.refresh(client, first)
        assert.strictEqual(response.scope, "openid email offline_access")
        const before = payloadOf(tokens.id_token!)
        const after = payloadOf(response.id_token!)
        for (const same of ["iss", "sub", "aud", "auth_time", "sid"]) assert.deepStrictEqual(after[same], before[same])
        assert.strictEqual(before["nonce"], "a-nonce")
        assert.isFalse("nonce" in after)
        assert.strictEqual((after["iat"] as number) - (before["iat"] as number), 10)
      })
  )

  it.effect("a retry inside the window gets the same bytes", () =>
    Effect.gen(function* () {
      const { client, first } = yield* aFamily()
      const response = JSON.stringify(yield* Server.refresh(client, first))
      assert.strictEqual(JSON.stringify(yield* Server.refresh(client, first)), response)
      yield* TestClock.adjust("29999 millis")
      assert.strictEqual(JSON.stringify(yield* Server.refresh(client, first)), response)
      assert.isTrue(yield* isActive(client, (JSON.parse(response) as { refresh_token: string }).refresh_token))
    })
  )

  it.effect("of many retries at once all get the same bytes", () =>
    Effect.gen(function* () {
      const { client, first } = yield* aFamily()
      const bodies = yield* Effect.all(
        Array.from({ length: 30 }, () => Effect.map(Server.refresh(client, first), (body) => JSON.stringify(body))),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(new Set(bodies).size, 1)
    })
  )

  it.effect("RFC 9700 §4.14.2: reuse outside the window revokes the family", () =>
    Effect.gen(function* () {
      const { client, first, tokens } = yield* aFamily()
      const response = yield* Server.refresh(client, first)
      yield* TestClock.adjust("30 seconds")
      yield* refuses(Server.refresh(client, first), reused)
      yield* refuses(Server.refresh(client, response.refresh_token!), revoked)
      yield* refuses(Server.refresh(client, first), revoked)
      for (const token of [tokens.access_token, response.access_token, response.refresh_token!]) {
        assert.isFalse(yield* isActive(client, token))
      }
      const events = (yield* AuditLog.use((log) => log.latest(testIssuer, 2))).map((event) => event.action)
      assert.deepStrictEqual(events.toSorted(), ["grant.revoked", "refresh_token.reused"])
    })
  )

  it.effect("inside the window another request does not get the response, and is reuse", () =>
    Effect.gen(function* () {
      for (const other of [{ scope: "openid" }, { resource: api.identifier }]) {
        const { client, first } = yield* aFamily({
          resource: api.identifier,
          scope: "openid email offline_access api.read"
        })
        const next = yield* use(client, first)
        yield* refuses(Server.refresh(client, first, other), reused)
        yield* refuses(Server.refresh(client, next), revoked)
      }
    })
  )

  it.effect("RFC 6749 §10.4: another client gets nothing, inside the window or not, and harms nothing", () =>
    Effect.gen(function* () {
      const { client, first } = yield* aFamily()
      const stranger = yield* register(aPublicClient())
      const foreign = "InvalidGrant IssuedToAnotherClient"
      yield* refuses(Server.refresh(stranger, first), foreign)
      const next = yield* use(client, first)
      yield* refuses(Server.refresh(stranger, first), foreign)
      yield* TestClock.adjust("1 hour")
      yield* refuses(Server.refresh(stranger, first), foreign)
      yield* use(client, next)
    })
  )

  it.effect("an idle refresh token dies after its idle lifetime, to the millisecond", () =>
    Effect.gen(function* () {
      const alive = yield* aFamily()
      yield* TestClock.adjust(14 * day - 1)
      const next = yield* use(alive.client, alive.first)
      yield* TestClock.adjust(14 * day)
      yield* refuses(Server.refresh(alive.client, next), "InvalidGrant RefreshTokenExpired")
    })
  )

  it.effect("the family ends after its absolute lifetime, however often it is used", () =>
    Effect.gen(function* () {
      const { client, first } = yield* aFamily()
      let token = first
      for (let turn = 0; turn < 8; turn++) {
        yield* TestClock.adjust(11 * day)
        token = yield* use(client, token)
      }
      yield* TestClock.adjust(2 * day - 1)
      const last = yield* Server.refresh(client, token)
      // Nothing outlives the grant: RFC 6749 §5.1 lets the access token be shorter.
      assert.strictEqual(last.expires_in, 0)
      yield* TestClock.adjust(1)
      yield* refuses(Server.refresh(client, last.refresh_token!), "InvalidGrant RefreshTokenExpired")
    })
  )

  it.effect("RFC 6749 §6: scope narrows for one access token, and never widens", () =>
    Effect.gen(function* () {
      const { client, first } = yield* aFamily()
      const narrowed = yield* Server.refresh(client, first, { scope: "email" })
      assert.strictEqual(narrowed.scope, "email")
      // §6: the new refresh token has the scope of the old one.
      const whole = yield* Server.refresh(client, narrowed.refresh_token!)
      assert.strictEqual(whole.scope, "openid email offline_access")
      const token = whole.refresh_token!
      for (const scope of ["profile", "openid profile", "email api.read", "EMAIL"]) {
        yield* refuses(Server.refresh(client, token, { scope }), "InvalidScope ScopeNotGranted")
      }
      yield* refuses(Server.refresh(client, token, { scope: 'a"b' }), "InvalidScope ScopeMalformed")
      yield* use(client, token)
    })
  )

  it.effect("RFC 8707 §2.2: resource narrows for one access token, and never widens", () =>
    Effect.gen(function* () {
      const scope = "openid offline_access api.read mail.send"
      const { client, first } = yield* aFamily({ scope, resource: [api.identifier, mail.identifier] })
      const narrowed = yield* Server.refresh(client, first, { resource: api.identifier })
      assert.strictEqual(narrowed.scope, "api.read")
      const whole = yield* Server.refresh(client, narrowed.refresh_token!)
      assert.strictEqual(whole.scope, "api.read mail.send")
      const one = yield* aFamily({ scope, resource: api.identifier })
      yield* refuses(
        Server.refresh(one.client, one.first, { resource: mail.identifier }),
        "InvalidTarget ResourceNotGranted resource"
      )
      yield* use(one.client, one.first)
    })
  )

  it.effect("a refusal that is not reuse rotates nothing", () =>
    Effect.gen(function* () {
      const { client, first, subject } = yield* aFamily()
      yield* TestHost.use((host) => host.removeAccount(subject))
      yield* refuses(Server.refresh(client, first), "InvalidGrant AccountGone")
      yield* TestHost.use((host) => host.setClaims(subject, {}))
      yield* use(client, first)
    })
  )

  it.effect("the host may end a subject's use of a client", () =>
    Effect.gen(function* () {
      const { client, first, subject } = yield* aFamily()
      yield* TestHost.use((host) => host.forbid(subject, client.clientId))
      yield* refuses(Server.refresh(client, first), "InvalidGrant ClientRefusedForAccount")
    })
  )

  it.effect("a disabled client refreshes nothing, not even inside the window", () =>
    Effect.gen(function* () {
      const { client, first } = yield* aFamily()
      yield* use(client, first)
      yield* ClientStore.use((clients) => clients.put({ ...client, disabled: true }))
      yield* refuses(Server.refresh(client, first), "InvalidClient ClientDisabled")
    })
  )

  it.effect("RFC 6749 §5.2: a client that may no longer refresh is unauthorized", () =>
    Effect.gen(function* () {
      const { client, first } = yield* aFamily()
      yield* ClientStore.use((clients) => clients.put({ ...client, grantTypes: ["authorization_code"] }))
      yield* refuses(Server.refresh(client, first), "UnauthorizedClient GrantTypeNotRegistered")
    })
  )

  it.effect("RFC 6749 §5.2: what is no refresh token is invalid_grant", () =>
    Effect.gen(function* () {
      const { client, first, tokens } = yield* aFamily()
      for (const wrong of ["x", tokens.access_token, tokens.id_token!, `${first}=`, first.slice(1), "\u{1F511}"]) {
        yield* refuses(Server.refresh(client, wrong), "InvalidGrant RefreshTokenUnknown")
      }
      yield* use(client, first)
    })
  )
})

layer(Server.layer({ policy: { refreshReplayWindow: 0 } }))("the refresh_token grant without a window", (it) => {
  it.effect("RFC 9700 §4.14.2: any second use revokes the family", () =>
    Effect.gen(function* () {
      const { client, first } = yield* aFamily()
      const next = yield* use(client, first)
      yield* refuses(Server.refresh(client, first), reused)
      yield* refuses(Server.refresh(client, next), revoked)
    })
  )
})
