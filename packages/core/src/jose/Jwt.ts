/** Signed JWTs: one way to make one, one strict way to read our own. */
import { Effect, Option, Schema } from "effect"
import * as jose from "jose"
import * as base64url from "../crypto/base64url.ts"
import { Crypto, encode } from "../crypto/Crypto.ts"
import { EncryptionAlgorithm, type KeyAlgorithm, type SigningAlgorithm } from "../oauth/Metadata.ts"
import { decode } from "./Compact.ts"
import { SignatureVerifier } from "./SignatureVerifier.ts"
import type { Sign } from "./Signer.ts"

export type Payload = Readonly<Record<string, Schema.Json | undefined>>

type PublicJwk = Readonly<Record<string, Schema.Json>>

const isEncryption = Schema.is(EncryptionAlgorithm)

/** A fresh key pair as JWKs; the public one with `kid` (its RFC 7638 thumbprint), `alg` and `use`. */
export const generate = (algorithm: KeyAlgorithm) =>
  Effect.promise(async () => {
    const pair = await jose.generateKeyPair(algorithm, { extractable: true, modulusLength: 2048 })
    const { kty, crv, x, y, n, e } = await jose.exportJWK(pair.publicKey)
    const named = Object.entries({ kty, crv, x, y, n, e }).filter((entry): entry is [string, string] => !!entry[1])
    const bare: Record<string, string> = Object.fromEntries(named)
    const kid = await jose.calculateJwkThumbprint(bare)
    return {
      kid,
      publicJwk: { ...bare, kid, alg: algorithm, use: isEncryption(algorithm) ? "enc" : "sig" },
      privateJwk: await jose.exportJWK(pair.privateKey)
    }
  })

/** A compact JWS (RFC 7515 §3.1) over the claims; members that are undefined are left out. */
export const sign = (
  key: Sign,
  header: { readonly alg: SigningAlgorithm; readonly kid: string; readonly typ: string | undefined },
  payload: Payload
): Effect.Effect<string> => {
  const part = (json: unknown) => base64url.encode(encode(JSON.stringify(json)))
  const signed = `${part(header)}.${part(payload)}`
  return Effect.map(key(encode(signed)), (signature) => `${signed}.${base64url.encode(signature)}`)
}

/**
 * The claims of a JWT that one of the given public keys signed with that key's own algorithm (RFC 8725 §3.1): the
 * token's header picks the key, never the algorithm. Its `typ` is the expected one, so that no kind of token passes for
 * another (§3.11). `None` for anything else. Times are not looked at.
 */
export const verify = Effect.fnUntraced(function* (
  jwt: string,
  typ: string | undefined,
  keys: ReadonlyArray<PublicJwk>
) {
  const decoded = decode(jwt)
  if (decoded === undefined || decoded.header["typ"] !== typ) return Option.none<Payload>()
  const jwk = keys.find((key) => key["kid"] === decoded.header["kid"])
  if (jwk === undefined || jwk["alg"] !== decoded.header["alg"]) return Option.none<Payload>()
  const algorithm = jwk["alg"] as string
  const isSigned = yield* (yield* SignatureVerifier).isSignedBy(jwt, jwk, algorithm)
  return isSigned ? Option.some<Payload>(decoded.payload) : Option.none<Payload>()
})

const digests: Partial<Record<SigningAlgorithm, "SHA-384" | "SHA-512">> = {
  ES384: "SHA-384",
  EdDSA: "SHA-512",
  Ed25519: "SHA-512"
}

/**
 * OpenID Connect Core §3.1.3.6, for `at_hash` and its like: the left half of the digest that belongs to the algorithm
 * of the token that carries it, which for Ed25519 is SHA-512 (RFC 8032 §5.1).
 */
export const halfHash = Effect.fnUntraced(function* (algorithm: SigningAlgorithm, text: string) {
  const { sha256 } = yield* Crypto
  const name = digests[algorithm]
  const digest =
    name === undefined
      ? base64url.decode(yield* sha256(text))!
      : new Uint8Array(yield* Effect.promise(() => crypto.subtle.digest(name, new Uint8Array(encode(text)))))
  return base64url.encode(digest.slice(0, digest.length / 2))
})
