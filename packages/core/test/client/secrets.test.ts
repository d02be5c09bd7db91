import { assert, layer } from "@effect/vitest"
import { DateTime, Effect, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { AuditLog } from "../../src/audit/AuditLog.ts"
import { operator } from "../../src/audit/event.ts"
import { authenticate } from "../../src/client/authenticate.ts"
import type { Client } from "../../src/client/Client.ts"
import { ClientStore } from "../../src/client/ClientStore.ts"
import { addSecret, retireSecret, rewrap } from "../../src/client/manage.ts"
import { KeyEncryptionKey } from "../../src/storage/Sealed.ts"
import { aClient, form, register, testIssuer, testSecret } from "../../src/testing/fixtures.ts"
import * as Server from "../../src/testing/TestServer.ts"
import { refuses } from "../support.ts"
import { assertionOf, macKey, present } from "./assertions.ts"

const actor = operator("test")
const ask = (client: Client, secret: string) =>
  authenticate(form({}), { authorization: Server.basicHeader(client.clientId, secret) })
const stored = (client: Client) =>
  Effect.flatMap(
    ClientStore.use((clients) => clients.find(testIssuer, client.clientId)),
    Effect.fromOption
  )
const inSeconds = (seconds: number) => Effect.map(DateTime.now, (now) => DateTime.add(now, { seconds }))

layer(Server.layer())("client secrets", (it) => {
  it.effect("RFC 6749 §2.3.1: one replaces another without a moment in which neither or no client works", () =>
    Effect.gen(function* () {
      const client = yield* register(aClient())
      const first = client.secrets[0]!.secretId
      const { secret, secretId } = yield* addSecret(testIssuer, client.clientId, {}, actor)
      assert.isAtLeast(Redacted.value(secret).length, 43)
      yield* ask(client, testSecret)
      yield* ask(client, Redacted.value(secret))
      yield* retireSecret(testIssuer, client.clientId, first, actor, yield* inSeconds(3600))
      yield* ask(client, testSecret)
      yield* TestClock.adjust("1 hour")
      yield* refuses(ask(client, testSecret), "InvalidClient SecretExpired")
      yield* ask(client, Redacted.value(secret))
      const events = yield* AuditLog.use((log) => log.latest(testIssuer, 2))
      assert.deepStrictEqual(
        events.map(({ action, target }) => [action, target.id]),
        [
          ["client_secret.retired", `${client.clientId}/${first}`],
          ["client_secret.added", `${client.clientId}/${secretId}`]
        ]
      )
    })
  )

  it.effect("a secret counts from its not-before until its expiry", () =>
    Effect.gen(function* () {
      const client = yield* register(aClient())
      const [notBefore, expiresAt] = [yield* inSeconds(60), yield* inSeconds(120)]
      const { secret } = yield* addSecret(testIssuer, client.clientId, { notBefore, expiresAt }, actor)
      const attempt = ask(client, Redacted.value(secret))
      yield* refuses(attempt, "InvalidClient SecretExpired")
      yield* TestClock.adjust("60 seconds")
      yield* attempt
      yield* TestClock.adjust("59 seconds")
      yield* attempt
      yield* TestClock.adjust("1 second")
      yield* refuses(attempt, "InvalidClient SecretExpired")
      yield* ask(client, testSecret)
    })
  )

  it.effect("a slow secret that ended is not even computed", () =>
    Effect.gen(function* () {
      const client = yield* register(aClient(), "short")
      yield* retireSecret(testIssuer, client.clientId, client.secrets[0]!.secretId, actor)
      yield* refuses(ask(client, "short"), "InvalidClient SecretMismatch")
    })
  )

  it.effect("the last use of a secret is noted, at most once an hour", () =>
    Effect.gen(function* () {
      const client = yield* register(aClient())
      const lastUse = Effect.map(stored(client), ({ secrets }) => secrets[0]!.lastUsedAt)
      yield* Effect.exit(ask(client, "wrong"))
      assert.isUndefined(yield* lastUse)
      const first = yield* DateTime.now
      yield* ask(client, testSecret)
      assert.deepStrictEqual(yield* lastUse, first)
      yield* TestClock.adjust("59 minutes")
      yield* ask(client, testSecret)
      assert.deepStrictEqual(yield* lastUse, first)
      yield* TestClock.adjust("1 minute")
      yield* ask(client, testSecret)
      assert.deepStrictEqual(yield* lastUse, yield* DateTime.now)
    })
  )

  it.effect("only the secret of client_secret_jwt is kept encrypted, and it has at least 32 octets", () =>
    Effect.gen(function* () {
      const jwt = yield* register(aClient({ tokenEndpointAuthMethod: "client_secret_jwt" }))
      const basic = yield* register(aClient())
      assert.isUndefined(basic.secrets[0]!.sealed)
      assert.isDefined(basic.secrets[0]!.hash)
      assert.isUndefined(jwt.secrets[0]!.hash)
      assert.notInclude(new TextDecoder().decode(jwt.secrets[0]!.sealed), testSecret)
      const short = { secret: Redacted.make("x".repeat(31)) }
      const error = yield* Effect.flip(addSecret(testIssuer, jwt.clientId, short, actor))
      assert.strictEqual(error._tag, "ClientSecretTooShort")
      yield* addSecret(testIssuer, jwt.clientId, { secret: Redacted.make("é".repeat(16)) }, actor)
    })
  )

  it.effect("OpenID Connect Core §9: several live secrets sign assertions, and one that ended does not", () =>
    Effect.gen(function* () {
      const client = yield* register(aClient({ tokenEndpointAuthMethod: "client_secret_jwt" }))
      const { secret } = yield* addSecret(testIssuer, client.clientId, {}, actor)
      const by = (text: string) =>
        Effect.flatMap(assertionOf(client.clientId, macKey("HS256", text)), (assertion) => present(assertion))
      yield* by(testSecret)
      yield* by(Redacted.value(secret))
      yield* retireSecret(testIssuer, client.clientId, client.secrets[0]!.secretId, actor)
      yield* refuses(by(testSecret), "InvalidClient AssertionSignatureMismatch")
      yield* by(Redacted.value(secret))
    })
  )

  it.effect("a sealed secret moves to another key-encryption key, and nothing else opens it", () =>
    Effect.gen(function* () {
      const client = yield* register(aClient({ tokenEndpointAuthMethod: "client_secret_jwt" }))
      const old = yield* KeyEncryptionKey
      const next = { current: Redacted.make(new Uint8Array(32).fill(9)), previous: [old.current] }
      const under = (key: typeof old) => Effect.provideService(KeyEncryptionKey, key)
      assert.isAtLeast(yield* rewrap(testIssuer, actor).pipe(under(next)), 1)
      const by = Effect.flatMap(assertionOf(client.clientId, macKey("HS256", testSecret)), (assertion) =>
        present(assertion)
      )
      yield* by.pipe(under({ ...next, previous: [] }))
      assert.strictEqual((yield* Effect.exit(by.pipe(under(old))))._tag, "Failure")
      // Copied to another client it opens nothing either.
      const thief = yield* register(aClient({ tokenEndpointAuthMethod: "client_secret_jwt" }))
      const { secrets } = yield* stored(client)
      yield* ClientStore.use((clients) => clients.put({ ...thief, secrets }))
      const stolen = Effect.flatMap(assertionOf(thief.clientId, macKey("HS256", testSecret)), (assertion) =>
        present(assertion)
      )
      assert.strictEqual((yield* Effect.exit(stolen.pipe(under({ ...next, previous: [] }))))._tag, "Failure")
    })
  )

  it.effect("there is no secret for a client, nor a client, that does not exist", () =>
    Effect.gen(function* () {
      const client = yield* register(aClient())
      const errors = [
        yield* Effect.flip(addSecret(testIssuer, "nobody", {}, actor)),
        yield* Effect.flip(retireSecret(testIssuer, "nobody", "x", actor)),
        yield* Effect.flip(retireSecret(testIssuer, client.clientId, "x", actor))
      ]
      assert.deepStrictEqual(
        errors.map((error) => error._tag),
        ["ClientSecretNotFound", "ClientSecretNotFound", "ClientSecretNotFound"]
      )
    })
  )
})
