import { assert, layer } from "@effect/vitest"
import { Effect, Layer, Option, Redacted } from "effect"
import { TestClock } from "effect/testing"
import * as jose from "jose"
import { AuditLog } from "../../src/audit/AuditLog.ts"
import { operator, system } from "../../src/audit/event.ts"
import { Crypto } from "../../src/crypto/Crypto.ts"
import { ensure, generate, rewrap, rotate } from "../../src/key/manage.ts"
import { SigningKeys } from "../../src/key/SigningKeys.ts"
import { SigningKeyStore } from "../../src/key/SigningKeyStore.ts"
import { sealContext } from "../../src/key/SigningKey.ts"
import { KeyEncryptionKey, open } from "../../src/storage/Sealed.ts"
import { testIssuer } from "../../src/testing/fixtures.ts"
import * as Server from "../../src/testing/TestServer.ts"

const other = "https://other.example"
const me = operator("jo")
const algorithm = "ES256"

const states = (issuer: string) =>
  SigningKeyStore.use((store) =>
    Effect.map(store.list(issuer), (keys) => keys.map((key) => `${key.algorithm} ${key._tag}`))
  )

/** Past the ten seconds for which keys may be stale. */
const later = TestClock.adjust("11 seconds")

const sign = (claims: Record<string, string>, typ = "JWT") =>
  SigningKeys.use((keys) => keys.sign(testIssuer, algorithm, typ, claims))
const verify = (jwt: string, issuer = testIssuer, typ = "JWT") =>
  SigningKeys.use((keys) => keys.verifyOwn(issuer, typ, jwt))

layer(Server.layer())("signing keys", (it) => {
  it.effect("a new issuer has an active and a next key for each algorithm, once", () =>
    Effect.gen(function* () {
      const expected = ["ES256 Active", "ES256 Next", "RS256 Active", "RS256 Next"]
      assert.deepStrictEqual((yield* states(testIssuer)).toSorted(), expected)
      yield* ensure(testIssuer, ["RS256", "ES256"], system)
      assert.deepStrictEqual((yield* states(testIssuer)).toSorted(), expected)
    })
  )

  it.effect("RFC 7517 §4: what is published is public: kid, alg, use, and nothing private", () =>
    Effect.gen(function* () {
      const { keys } = yield* SigningKeys.use((one) => one.jwks(testIssuer))
      assert.strictEqual(keys.length, 4)
      for (const jwk of keys) {
        const expected =
          jwk["kty"] === "EC" ? ["alg", "crv", "kid", "kty", "use", "x", "y"] : ["alg", "e", "kid", "kty", "n", "use"]
        assert.deepStrictEqual(Object.keys(jwk).toSorted(), expected)
        assert.strictEqual(jwk["kid"], yield* Effect.promise(() => jose.calculateJwkThumbprint(jwk as jose.JWK)))
      }
    })
  )

  it.effect("a rotation makes the published next key sign, and the one before it only verify", () =>
    Effect.gen(function* () {
      const kidOf = (jwt: string) => jose.decodeProtectedHeader(jwt).kid
      const { keys } = yield* SigningKeys.use((one) => one.jwks(testIssuer))
      const before = yield* sign({ sub: "before" })
      yield* rotate(testIssuer, algorithm, me)
      yield* later
      const after = yield* sign({ sub: "after" })
      assert.notStrictEqual(kidOf(after), kidOf(before))
      assert.isTrue(keys.some((jwk) => jwk["kid"] === kidOf(after)))
      assert.isTrue(Option.isSome(yield* verify(before)))
      assert.isTrue(Option.isSome(yield* verify(after)))
      assert.deepStrictEqual((yield* states(testIssuer)).filter((one) => one.startsWith(algorithm)).toSorted(), [
        "ES256 Active",
        "ES256 Next",
        "ES256 Retiring"
      ])
      const events = (yield* AuditLog.use((log) => log.latest(testIssuer, 3))).map(
        (event) => `${event.action} ${event.actor.id}`
      )
      assert.deepStrictEqual(events.toSorted(), [
        "signing_key.activated jo",
        "signing_key.created jo",
        "signing_key.retiring jo"
      ])
    })
  )

  it.effect("a retired key is published no more and verifies nothing", () =>
    Effect.gen(function* () {
      const jwt = yield* sign({ sub: "old" })
      const { kid } = jose.decodeProtectedHeader(jwt)
      yield* rotate(testIssuer, algorithm, me)
      yield* TestClock.adjust("1 day")
      const at = yield* Effect.map(
        SigningKeyStore.use((store) => store.list(testIssuer)),
        (keys) => keys[0]!.createdAt
      )
      assert.isTrue(yield* SigningKeyStore.use((store) => store.retire(testIssuer, kid!, at)))
      yield* later
      const { keys } = yield* SigningKeys.use((one) => one.jwks(testIssuer))
      assert.isFalse(keys.some((jwk) => jwk["kid"] === kid))
      assert.isTrue(Option.isNone(yield* verify(jwt)))
    })
  )

  it.effect("RFC 8725 §3: a foreign, altered, unsigned or algorithm-confused JWT is not ours", () =>
    Effect.gen(function* () {
      const jwt = yield* sign({ sub: "jane" })
      assert.isTrue(Option.isSome(yield* verify(jwt)))
      const [head, payload, signature] = jwt.split(".") as [string, string, string]
      const encode = (value: unknown) => jose.base64url.encode(JSON.stringify(value))
      const { kid } = jose.decodeProtectedHeader(jwt)
      const { keys } = yield* SigningKeys.use((one) => one.jwks(testIssuer))
      const publicJwk = keys.find((jwk) => jwk["kid"] === kid)!
      const foreign = yield* Effect.promise(() => jose.generateKeyPair(algorithm))
      const signedBy = (key: jose.CryptoKey | Uint8Array, header: jose.CompactJWSHeaderParameters) =>
        Effect.promise(() =>
          new jose.CompactSign(new TextEncoder().encode('{"sub":"jane"}')).setProtectedHeader(header).sign(key)
        )
      const rsa = keys.find((jwk) => jwk["alg"] === "RS256")!
      const forgeries = [
        yield* signedBy(foreign.privateKey, { alg: algorithm, kid: kid!, typ: "JWT" }),
        yield* signedBy(new TextEncoder().encode(JSON.stringify(publicJwk)), { alg: "HS256", kid: kid!, typ: "JWT" }),
        yield* signedBy(new TextEncoder().encode(publicJwk["x"] as string), { alg: "HS256", kid: kid!, typ: "JWT" }),
        yield* signedBy(foreign.privateKey, {
          alg: algorithm,
          kid: kid!,
          typ: "JWT",
          jwk: yield* Effect.promise(() => jose.exportJWK(foreign.publicKey))
        }),
        `${encode({ alg: "none", kid, typ: "JWT" })}.${payload}.`,
        `${encode({ alg: "none", kid, typ: "JWT" })}.${payload}.x`,
        `${encode({ alg: algorithm, kid: rsa["kid"], typ: "JWT" })}.${payload}.${signature}`,
        `${encode({ alg: "RS256", kid, typ: "JWT" })}.${payload}.${signature}`,
        `${encode({ alg: algorithm, typ: "JWT" })}.${payload}.${signature}`,
        `${head}.${encode({ sub: "john" })}.${signature}`,
        `${head}.${payload}.`,
        `${head}.${payload}`,
        `${head}..${signature}`,
        `${jwt}.`,
        ` ${jwt}`,
        `${jwt}=`,
        "",
        "..",
        "a.b.c",
        JSON.stringify({ payload, signature, protected: head })
      ]
      for (const forgery of forgeries) assert.isTrue(Option.isNone(yield* verify(forgery)), forgery)
    })
  )

  it.effect("RFC 7515 §5.2: a JWT of which any one character is another, missing or doubled is not ours", () =>
    Effect.gen(function* () {
      const jwt = yield* sign({ sub: "jane" })
      for (let at = 0; at < jwt.length; at++) {
        const [before, character, after] = [jwt.slice(0, at), jwt[at]!, jwt.slice(at + 1)]
        const others = ["A", "B", "_", ".", "=", ""].filter((one) => one !== character)
        for (const changed of [...others, character + character]) {
          assert.isTrue(Option.isNone(yield* verify(before + changed + after)), `${at} ${changed}`)
        }
      }
    })
  )

  it.effect("RFC 8725 §3.11: one kind of token does not pass for another, nor one issuer's for another's", () =>
    Effect.gen(function* () {
      yield* ensure(other, [algorithm], system)
      const jwt = yield* sign({ sub: "jane" })
      const accessToken = yield* sign({ sub: "jane" }, "at+jwt")
      assert.isTrue(Option.isNone(yield* verify(accessToken)))
      assert.isTrue(Option.isSome(yield* verify(accessToken, testIssuer, "at+jwt")))
      assert.isTrue(Option.isNone(yield* verify(jwt, other)))
    })
  )

  it.effect("a sealed key opens for its own issuer and kid alone", () =>
    Effect.gen(function* () {
      yield* ensure(other, [algorithm], system)
      const [key] = yield* SigningKeyStore.use((store) => store.list(other))
      assert.isTrue(Option.isSome(yield* open(key!.sealedPrivateJwk, sealContext(key!))))
      for (const moved of [
        { issuer: testIssuer, kid: key!.kid },
        { issuer: other, kid: "another" }
      ]) {
        assert.isTrue(Option.isNone(yield* open(key!.sealedPrivateJwk, sealContext(moved))))
      }
    })
  )

  it.effect("after a rewrap the new key-encryption key opens every key, and the old one none", () =>
    Effect.gen(function* () {
      const issuer = "https://rewrapped.example"
      const kid = yield* generate(issuer, algorithm, me)
      const before = yield* KeyEncryptionKey
      const fresh = Redacted.make(new Uint8Array(32).fill(9))
      const withKey = (
        current: Redacted.Redacted<Uint8Array>,
        previous: ReadonlyArray<Redacted.Redacted<Uint8Array>>
      ) => Effect.provideService(KeyEncryptionKey, { current, previous })
      const opens = Effect.gen(function* () {
        const [key] = yield* SigningKeyStore.use((store) => store.list(issuer))
        return Option.isSome(yield* open(key!.sealedPrivateJwk, sealContext({ issuer, kid })))
      })
      assert.isFalse(yield* opens.pipe(withKey(fresh, [])))
      const lost = yield* Effect.exit(rewrap(issuer, me).pipe(withKey(fresh, [])))
      assert.strictEqual(lost._tag, "Failure")
      assert.isTrue(yield* opens)
      assert.strictEqual(yield* rewrap(issuer, me).pipe(withKey(fresh, [before.current])), 1)
      assert.isTrue(yield* opens.pipe(withKey(fresh, [])))
      assert.isFalse(yield* opens)
      const [event] = yield* AuditLog.use((log) => log.latest(issuer, 1))
      assert.deepStrictEqual([event!.action, event!.target.id], ["signing_key.rewrapped", kid])
    })
  )
})

layer(Layer.mergeAll(Crypto.layer))("sealing", (it) => {
  it.effect("AES-256-GCM: another key, context or bit opens nothing; two seals of one text differ", () =>
    Effect.gen(function* () {
      const crypto = yield* Crypto
      const key = new Uint8Array(32).fill(1)
      const text = new TextEncoder().encode("a private key")
      const sealed = yield* crypto.seal(key, text, "context")
      assert.deepStrictEqual(Option.getOrUndefined(yield* crypto.open(key, sealed, "context")), text)
      assert.notDeepEqual(yield* crypto.seal(key, text, "context"), sealed)
      assert.isTrue(Option.isNone(yield* crypto.open(new Uint8Array(32).fill(2), sealed, "context")))
      assert.isTrue(Option.isNone(yield* crypto.open(key, sealed, "contexT")))
      for (let at = 0; at < sealed.length; at++) {
        const bent = sealed.map((byte, index) => (index === at ? byte ^ 1 : byte))
        assert.isTrue(Option.isNone(yield* crypto.open(key, bent, "context")), `byte ${at}`)
      }
      for (const cut of [0, 11, 12, 27, sealed.length - 1]) {
        assert.isTrue(Option.isNone(yield* crypto.open(key, sealed.slice(0, cut), "context")))
      }
    })
  )
})
