import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as jose from "jose"
import { decrypt, encrypt, encrypted, recipient, recipientKey } from "../../src/jose/Jwe.ts"
import { ContentEncryption, EncryptionAlgorithm } from "../../src/oauth/Metadata.ts"

type Jwk = Record<string, string | ReadonlyArray<string>>

const make = async (alg: string, options: jose.GenerateKeyPairOptions = {}) => {
  const pair = await jose.generateKeyPair(alg, { extractable: true, ...options })
  return { jwk: (await jose.exportJWK(pair.publicKey)) as Jwk, privateKey: pair.privateKey }
}
const p256 = await make("ECDH-ES", { crv: "P-256" })
const p521 = await make("ECDH-ES", { crv: "P-521" })
const x25519 = await make("ECDH-ES", { crv: "X25519" })
const rsa = await make("RSA-OAEP-256")
const ed25519 = await make("Ed25519")

describe("encryption", () => {
  const fitting = [
    ["ECDH-ES", p256],
    ["ECDH-ES", p521],
    ["ECDH-ES", x25519],
    ["ECDH-ES+A256KW", p256],
    ["ECDH-ES+A256KW", x25519],
    ["RSA-OAEP-256", rsa]
  ] as const
  it.effect(
    "RFC 7516 §5.1: whoever has the private key reads it, by every algorithm, curve and content encryption",
    () =>
      Effect.gen(function* () {
        for (const [alg, { jwk, privateKey }] of fitting) {
          for (const enc of ContentEncryption.literals) {
            const jwe = yield* encrypt("a text", { ...jwk, kid: "one" }, { alg, enc }, { cty: "JWT" })
            const { plaintext, protectedHeader } = yield* Effect.promise(() => jose.compactDecrypt(jwe!, privateKey))
            assert.strictEqual(new TextDecoder().decode(plaintext), "a text")
            const { epk: _, ...members } = protectedHeader
            assert.deepStrictEqual(members, { alg, enc, kid: "one", cty: "JWT" })
          }
        }
      })
  )

  it("RFC 7517 §4: only a key of the algorithm's type that may encrypt is a recipient", () => {
    const keys = { p256, p521, x25519, rsa, ed25519 }
    const takes: Record<EncryptionAlgorithm, ReadonlyArray<string>> = {
      "ECDH-ES": ["p256", "p521", "x25519"],
      "ECDH-ES+A256KW": ["p256", "p521", "x25519"],
      "RSA-OAEP-256": ["rsa"]
    }
    for (const algorithm of EncryptionAlgorithm.literals) {
      for (const [name, { jwk }] of Object.entries(keys)) {
        const isTaken = takes[algorithm].includes(name)
        assert.strictEqual(recipient([jwk], algorithm) === jwk, isTaken, `${name} for ${algorithm}`)
        for (const members of [
          { use: "sig" },
          { alg: "RSA1_5" },
          { alg: "PBES2-HS256+A128KW" },
          { key_ops: ["verify"] }
        ]) {
          assert.isUndefined(recipient([{ ...jwk, ...members }], algorithm), JSON.stringify(members))
        }
      }
    }
    assert.isUndefined(recipient([], "ECDH-ES"))
    for (const key_ops of [[], ["deriveBits"], ["encrypt", "wrapKey"]]) {
      assert.isDefined(recipient([{ ...p256.jwk, key_ops }], "ECDH-ES"))
    }
    const passedOver = [{ kty: "oct", k: "AA" }, { ...p256.jwk, use: "sig" }, p256.jwk]
    assert.strictEqual(recipient(passedOver, "ECDH-ES"), p256.jwk)
  })

  it("RFC 7518 §4.3: an RSA key below 2048 bits is no recipient", () => {
    assert.isUndefined(
      recipient([{ kty: "RSA", e: "AQAB", n: (rsa.jwk["n"] as string).slice(0, 171) }], "RSA-OAEP-256")
    )
  })

  it.effect("a key that is broken makes no text, and no defect", () =>
    Effect.gen(function* () {
      const broken: ReadonlyArray<Jwk> = [
        { kty: "EC", crv: "P-256", x: "AA", y: "AA" },
        { kty: "EC", crv: "P-256" },
        { kty: "OKP", crv: "X25519", x: "AA" },
        { kty: "nothing" }
      ]
      for (const jwk of broken) {
        assert.isUndefined(yield* encrypt("a text", jwk, { alg: "ECDH-ES", enc: "A256GCM" }, {}))
      }
    })
  )

  it.effect("RFC 7516 §5.2: what was encrypted to a key it opens, by the algorithms of the header alone", () =>
    Effect.gen(function* () {
      const enc = "A256GCM"
      const privateKeyOf = (key: jose.CryptoKey, alg: EncryptionAlgorithm) =>
        Effect.flatMap(
          Effect.promise(() => jose.exportJWK(key)),
          (jwk) => recipientKey(jwk, alg)
        )
      for (const [alg, { jwk, privateKey }] of fitting) {
        const jwe = (yield* encrypt("a text", { ...jwk, kid: "one" }, { alg, enc }, {}))!
        assert.deepStrictEqual(encrypted(jwe), { alg, enc, kid: "one" })
        const key = yield* privateKeyOf(privateKey, alg)
        assert.strictEqual(yield* decrypt(jwe, key, { alg, enc }), "a text")
        for (const other of EncryptionAlgorithm.literals) {
          if (other !== alg) assert.isUndefined(yield* decrypt(jwe, key, { alg: other, enc }))
        }
        assert.isUndefined(yield* decrypt(jwe, key, { alg, enc: "A128GCM" }))
      }
      const foreign = yield* privateKeyOf((yield* Effect.promise(() => make("ECDH-ES"))).privateKey, "ECDH-ES")
      const jwe = (yield* encrypt("a text", p256.jwk, { alg: "ECDH-ES", enc }, {}))!
      assert.isUndefined(yield* decrypt(jwe, foreign, { alg: "ECDH-ES", enc }))
    })
  )

  it("RFC 7516 §7.1, §4.1: one strict spelling, no compression, no extension, no other algorithm", () => {
    const of = (header: unknown, rest = ".AAAA.AAAA.AAAA.AAAA") =>
      encrypted(`${jose.base64url.encode(typeof header === "string" ? header : JSON.stringify(header))}${rest}`)
    const good = { alg: "RSA-OAEP-256", enc: "A256GCM" }
    assert.deepStrictEqual(of(good), { ...good, kid: undefined } as never)
    assert.deepStrictEqual(of({ ...good, alg: "ECDH-ES" }, "..AAAA.AAAA.AAAA")?.alg, "ECDH-ES")
    const headers: ReadonlyArray<unknown> = [
      { ...good, zip: "DEF" },
      { ...good, crit: ["exp"], exp: 1 },
      { ...good, kid: 1 },
      { ...good, alg: "ECDH-ES" },
      { ...good, alg: "dir" },
      { ...good, alg: "RSA-OAEP" },
      { ...good, alg: "RSA1_5" },
      { ...good, alg: "PBES2-HS256+A128KW", p2c: 1e9, p2s: "AAAA" },
      { ...good, enc: "A192GCM" },
      { ...good, enc: ["A256GCM"] },
      { enc: "A256GCM" },
      { alg: "RSA-OAEP-256" },
      '{"alg":"RSA-OAEP-256","alg":"RSA-OAEP-256","enc":"A256GCM"}',
      [],
      "no JSON"
    ]
    for (const header of headers) assert.isUndefined(of(header), JSON.stringify(header))
    const rests = [
      "",
      ".AAAA.AAAA.AAAA",
      ".AAAA.AAAA.AAAA.AAAA.AAAA",
      "..AAAA.AAAA.AAAA",
      ".AAAA..AAAA.AAAA",
      ".AAAA.AAAA..AAAA",
      ".AAAA.AAAA.AAAA.",
      ".AAAA.AAAA.AAAA.AAAA=",
      ".AAAA.AAAA.AAAA.AAAB!",
      ".AAAA.AAAA.AAAA.AB",
      `.AAAA.AAAA.${"A".repeat(65_536)}.AAAA`
    ]
    for (const rest of rests) assert.isUndefined(of(good, rest), rest.slice(0, 40))
  })

  it.effect("two encryptions of one text have nothing in common but their header's members", () =>
    Effect.gen(function* () {
      const one = yield* encrypt("a text", rsa.jwk, { alg: "RSA-OAEP-256", enc: "A256GCM" }, {})
      const two = yield* encrypt("a text", rsa.jwk, { alg: "RSA-OAEP-256", enc: "A256GCM" }, {})
      const [head, ...rest] = one!.split(".")
      const [sameHead, ...others] = two!.split(".")
      assert.strictEqual(head, sameHead)
      rest.forEach((part, at) => assert.notStrictEqual(part, others[at]))
    })
  )
})
