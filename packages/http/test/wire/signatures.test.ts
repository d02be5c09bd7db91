/** What verifies signatures on Node agrees with what does on WebCrypto, whatever the key, the algorithm and the signature. */
import { assert, describe, it } from "@effect/vitest"
import { SignatureVerifier } from "@lockspire/core"
import { NodeCrypto } from "@lockspire/http/node"
import { Effect } from "effect"
import * as jose from "jose"

const algorithms = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"]

const keyOf = async (algorithm: string, modulusLength = 2048) => {
  const pair = await jose.generateKeyPair(algorithm, { extractable: true, modulusLength })
  return { privateKey: pair.privateKey, publicJwk: await jose.exportJWK(pair.publicKey) }
}

const jwtOf = (algorithm: string, key: jose.CryptoKey) =>
  new jose.SignJWT({ some: "claim" }).setProtectedHeader({ alg: algorithm }).sign(key)

const verdicts = async (jwt: string, key: jose.JWK, algorithm: string) => {
  const ask = Effect.flatMap(SignatureVerifier, (verifier) => verifier.isSignedBy(jwt, key, algorithm))
  const [web, node] = await Effect.runPromise(Effect.all([ask, Effect.provide(ask, NodeCrypto.layer)]))
  assert.strictEqual(node, web)
  return node
}

const changed = (jwt: string, change: (signature: Uint8Array) => Uint8Array) => {
  const end = jwt.lastIndexOf(".")
  const signature = change(jose.base64url.decode(jwt.slice(end + 1)))
  return `${jwt.slice(0, end + 1)}${jose.base64url.encode(signature)}`
}

describe("signatures", () => {
  for (const algorithm of algorithms) {
    it(`${algorithm}: the key's own, and nothing that is changed, cut, longer or another key's`, async () => {
      const { privateKey, publicJwk } = await keyOf(algorithm)
      const jwt = await jwtOf(algorithm, privateKey)
      assert.isTrue(await verdicts(jwt, publicJwk, algorithm))
      assert.isFalse(await verdicts(jwt, (await keyOf(algorithm)).publicJwk, algorithm))
      assert.isFalse(await verdicts(jwt.replace(".", ".e30"), publicJwk, algorithm))
      for (const change of [
        (bytes: Uint8Array) => bytes.with(3, bytes[3]! ^ 1),
        (bytes: Uint8Array) => bytes.slice(0, -1),
        (bytes: Uint8Array) => new Uint8Array([...bytes, 0]),
        (bytes: Uint8Array) => bytes.fill(0),
        () => new Uint8Array()
      ]) {
        assert.isFalse(await verdicts(changed(jwt, change), publicJwk, algorithm))
      }
    })
  }

  it("RFC 8725 §3.1: a key of one algorithm signs nothing of another kind", async () => {
    const keys = await Promise.all(["RS256", "ES256", "ES384", "ES512", "EdDSA"].map((one) => keyOf(one)))
    for (const { privateKey, publicJwk } of keys) {
      const own = (privateKey.algorithm as { readonly name: string }).name
      for (const algorithm of [...algorithms, "HS256", "none", "ES256K", "__proto__", ""]) {
        const jwt = `${jose.base64url.encode(JSON.stringify({ alg: algorithm }))}.e30.${jose.base64url.encode(new Uint8Array(64))}`
        assert.isFalse(await verdicts(jwt, publicJwk, algorithm), `${own} ${algorithm}`)
      }
    }
  })

  it("RFC 7518 §3.3: an RSA key of less than 2048 bits, and what is no key, sign nothing", async () => {
    const { privateKey, publicJwk } = await keyOf("PS256")
    const jwt = await jwtOf("PS256", privateKey)
    const { n, ...rest } = publicJwk
    const short = (await crypto.subtle.generateKey(
      { name: "RSA-PSS", modulusLength: 1024, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-256" },
      true,
      ["sign", "verify"]
    )) as { readonly publicKey: CryptoKey; readonly privateKey: CryptoKey }
    const end = jwt.lastIndexOf(".")
    const weak = await crypto.subtle.sign(
      { name: "RSA-PSS", saltLength: 32 },
      short.privateKey,
      new TextEncoder().encode(jwt.slice(0, end))
    )
    const signed = `${jwt.slice(0, end + 1)}${jose.base64url.encode(new Uint8Array(weak))}`
    assert.isFalse(await verdicts(signed, await jose.exportJWK(short.publicKey), "PS256"))
    for (const key of [rest, { ...rest, n: "" }, { ...rest, n: n!.slice(4) }, { kty: "oct", k: "AAAA" }, {}]) {
      assert.isFalse(await verdicts(jwt, key, "PS256"))
    }
  })
})
