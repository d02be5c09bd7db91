import { assert, layer } from "@effect/vitest"
import { Effect, Layer, Option, Redacted } from "effect"
import { TestClock } from "effect/testing"
import * as jose from "jose"
import { operator, system } from "../../src/audit/event.ts"
import { metadata } from "../../src/discovery/metadata.ts"
import * as Jwe from "../../src/jose/Jwe.ts"
import { KeyProvider, type KeyProviderPort } from "../../src/key/KeyProvider.ts"
import { ensure, generate, retire, rewrap, rotate } from "../../src/key/manage.ts"
import { advance, publishedFor, verifiesFor } from "../../src/key/rotation.ts"
import { SigningKeys } from "../../src/key/SigningKeys.ts"
import { SigningKeyStore } from "../../src/key/SigningKeyStore.ts"
import { type PublicJwk, sealContext } from "../../src/key/SigningKey.ts"
import { ContentEncryption, EncryptionAlgorithm } from "../../src/oauth/Metadata.ts"
import { KeyEncryptionKey, open } from "../../src/storage/Sealed.ts"
import { testIssuer } from "../../src/testing/fixtures.ts"
import * as Server from "../../src/testing/TestServer.ts"

const me = operator("jo")
/** Past the ten seconds for which keys may be stale. */
const later = TestClock.adjust("11 seconds")
let serial = 0

/** An issuer with its first key to sign with, and one of the algorithm to encrypt to. */
const anIssuer = Effect.fnUntraced(function* (algorithm: EncryptionAlgorithm = "ECDH-ES") {
  const issuer = `https://encryption-${++serial}.example`
  yield* ensure(issuer, ["ES256", algorithm], system)
  return issuer
})

const published = (issuer: string) =>
  Effect.map(
    SigningKeys.use((keys) => keys.jwks(issuer)),
    ({ keys }) => keys.filter((key) => key["use"] === "enc")
  )
const decrypt = (issuer: string, jwe: string) => SigningKeys.use((keys) => keys.decrypt(issuer, jwe))
const stored = (issuer: string) => SigningKeyStore.use((store) => store.list(issuer))

/** A text that a client encrypted to this published key. */
const encryptTo = Effect.fnUntraced(function* (
  jwk: PublicJwk,
  alg: EncryptionAlgorithm,
  members: { readonly kid?: string } = {},
  enc: ContentEncryption = "A256GCM"
) {
  return (yield* Jwe.encrypt("a text", { ...jwk, ...members }, { alg, enc }, {}))!
})

layer(Server.layer())("keys to which others encrypt", (it) => {
  it.effect("an issuer has none unless it is asked for one", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* SigningKeys.use((keys) => keys.encryptionAlgorithms(testIssuer)), [])
      assert.deepStrictEqual(yield* published(testIssuer), [])
      assert.notProperty(yield* metadata, "request_object_encryption_alg_values_supported")
      assert.notProperty(yield* metadata, "request_object_encryption_enc_values_supported")
    })
  )

  it.effect.each(EncryptionAlgorithm.literals)(
    "RFC 7516 §5.2: what jose encrypts to the published %s key is read, by every content encryption",
    (alg) =>
      Effect.gen(function* () {
        const issuer = yield* anIssuer(alg)
        const keys = yield* published(issuer)
        assert.strictEqual(keys.length, 2)
        for (const jwk of keys) {
          assert.deepInclude(jwk, { alg, use: "enc" })
          for (const secret of ["d", "p", "q", "k"]) assert.notProperty(jwk, secret)
          assert.strictEqual(jwk["kid"], yield* Effect.promise(() => jose.calculateJwkThumbprint(jwk as jose.JWK)))
          for (const enc of ContentEncryption.literals) {
            const jwe = yield* Effect.promise(async () =>
              new jose.CompactEncrypt(new TextEncoder().encode("a text"))
                .setProtectedHeader({ alg, enc })
                .encrypt(await jose.importJWK(jwk as jose.JWK, alg))
            )
            assert.deepStrictEqual(yield* decrypt(issuer, jwe), Option.some("a text"))
          }
        }
      })
  )

  it.effect(
    "what signs and what is encrypted to stay apart: neither list has the other's, and nothing verifies by one",
    () =>
      Effect.gen(function* () {
        const issuer = yield* anIssuer()
        const keys = yield* SigningKeys
        assert.deepStrictEqual(yield* keys.algorithms(issuer), ["ES256"])
        assert.deepStrictEqual(yield* keys.encryptionAlgorithms(issuer), ["ECDH-ES"])
        const refused = yield* Effect.exit(keys.sign(issuer, "ECDH-ES" as "ES256", "JWT", {}))
        assert.strictEqual(refused._tag, "Failure")
      })
  )

  it.effect(
    "RFC 7517 §4.5: kid picks the key; without one every key of the algorithm is tried, and no other issuer's",
    () =>
      Effect.gen(function* () {
        const [issuer, another] = [yield* anIssuer(), yield* anIssuer()]
        const [one, two] = yield* published(issuer)
        assert.strictEqual((yield* decrypt(issuer, yield* encryptTo(two!, "ECDH-ES")))._tag, "Some")
        for (const jwe of [
          yield* encryptTo(two!, "ECDH-ES", { kid: one!["kid"] as string }),
          yield* encryptTo(two!, "ECDH-ES", { kid: "unknown" }),
          yield* encryptTo((yield* published(another))[0]!, "ECDH-ES"),
          yield* encryptTo({ ...two!, alg: "ECDH-ES+A256KW" }, "ECDH-ES+A256KW")
        ]) {
          assert.strictEqual((yield* decrypt(issuer, jwe))._tag, "None")
        }
      })
  )

  it.effect("a generated key is of use at once, and becomes the active one by itself", () =>
    Effect.gen(function* () {
      const issuer = `https://encryption-${++serial}.example`
      yield* ensure(issuer, ["ES256"], system)
      const kid = yield* generate(issuer, "RSA-OAEP-256", me)
      const keys = yield* SigningKeys
      assert.deepStrictEqual(yield* keys.encryptionAlgorithms(issuer), ["RSA-OAEP-256"])
      const [jwk] = yield* published(issuer)
      assert.strictEqual(jwk!["kid"], kid)
      assert.strictEqual((yield* decrypt(issuer, yield* encryptTo(jwk!, "RSA-OAEP-256")))._tag, "Some")
      yield* TestClock.adjust(publishedFor * 1000)
      yield* advance(issuer)
      assert.include(
        (yield* stored(issuer)).map((key) => `${key._tag} ${key.kid}`),
        `Active ${kid}`
      )
    })
  )

  it.effect("OpenID Connect Core §10.2.1: a replaced key is published no more, and decrypts until it is retired", () =>
    Effect.gen(function* () {
      const issuer = yield* anIssuer()
      const active = (yield* stored(issuer)).find((key) => key._tag === "Active" && key.algorithm === "ECDH-ES")!
      const jwe = yield* encryptTo(active.publicJwk, "ECDH-ES")
      yield* rotate(issuer, "ECDH-ES", me)
      yield* later
      const kids = (yield* published(issuer)).map((key) => key["kid"])
      assert.strictEqual(kids.length, 2)
      assert.notInclude(kids, active.kid)
      assert.strictEqual((yield* decrypt(issuer, jwe))._tag, "Some")
      yield* TestClock.adjust((verifiesFor - 12) * 1000)
      yield* advance(issuer)
      yield* later
      assert.strictEqual((yield* decrypt(issuer, jwe))._tag, "Some")
      yield* TestClock.adjust("1 minute")
      yield* advance(issuer)
      yield* later
      assert.strictEqual((yield* decrypt(issuer, jwe))._tag, "None")
      assert.isFalse((yield* stored(issuer)).some((key) => key.kid === active.kid))
    })
  )

  it.effect("RFC 8414 §2: the metadata names the algorithms while there is a key for them", () =>
    Effect.gen(function* () {
      const kid = yield* generate(testIssuer, "ECDH-ES+A256KW", me)
      yield* later
      const document: Readonly<Record<string, unknown>> = yield* metadata
      assert.deepStrictEqual(document["request_object_encryption_alg_values_supported"], ["ECDH-ES+A256KW"])
      assert.deepStrictEqual(document["request_object_encryption_enc_values_supported"], ContentEncryption.literals)
      assert.isTrue(yield* retire(testIssuer, kid, me))
      yield* later
      assert.notProperty(yield* metadata, "request_object_encryption_alg_values_supported")
    })
  )
})

/** A device that is asked for nothing in this test but to sign. */
const refusing: KeyProviderPort = {
  generate: () => Effect.die(new Error("the device was asked for a key")),
  signer: () => Effect.die(new Error("the device was asked to sign")),
  reseal: () => Effect.die(new Error("the device was asked to seal"))
}

layer(
  Layer.merge(
    Server.layer({ keyProvider: refusing, signingAlgorithms: [], encryptionAlgorithms: ["ECDH-ES"] }),
    Layer.succeed(KeyProvider, refusing)
  )
)("keys to which others encrypt, beside a KMS", (it) => {
  it.effect("are made, sealed in storage and sealed anew by us: the device keeps signing keys alone", () =>
    Effect.gen(function* () {
      const [jwk] = yield* published(testIssuer)
      const jwe = yield* encryptTo(jwk!, "ECDH-ES")
      assert.strictEqual((yield* decrypt(testIssuer, jwe))._tag, "Some")
      const before = yield* KeyEncryptionKey
      const fresh = { current: Redacted.make(new Uint8Array(32).fill(9)), previous: [before.current] }
      assert.strictEqual(yield* Effect.provideService(rewrap(testIssuer, me), KeyEncryptionKey, fresh), 2)
      for (const key of yield* stored(testIssuer)) {
        assert.isTrue(Option.isNone(yield* open(key.sealedPrivateJwk, sealContext(key))))
        const opened = Effect.provideService(open(key.sealedPrivateJwk, sealContext(key)), KeyEncryptionKey, fresh)
        assert.isTrue(Option.isSome(yield* opened))
      }
    })
  )
})
