/** Encryption to a public key and decryption with a private one, RFC 7516, compact. Never compressed: `zip` tells lengths, and inflates. */
import { Effect, Schema } from "effect"
import * as jose from "jose"
import * as base64url from "../crypto/base64url.ts"
import { ContentEncryption, EncryptionAlgorithm } from "../oauth/Metadata.ts"
import { headerOf } from "./Compact.ts"

type JsonObject = Readonly<Record<string, Schema.Json>>

const curves: ReadonlySet<unknown> = new Set(["P-256", "P-384", "P-521", "X25519"])

/** RFC 7517 §4.3, any of which lets one encrypt. WebCrypto exports a public key for key agreement with none at all. */
const encrypting: ReadonlySet<unknown> = new Set(["encrypt", "wrapKey", "deriveKey", "deriveBits"])

/** RFC 7517 §4: whether the key is one to encrypt to with this algorithm. */
const fits = (jwk: JsonObject, algorithm: EncryptionAlgorithm): boolean => {
  if (jwk["use"] !== undefined && jwk["use"] !== "enc") return false
  if (jwk["alg"] !== undefined && jwk["alg"] !== algorithm) return false
  const operations = jwk["key_ops"]
  if (Array.isArray(operations) && operations.length > 0 && !operations.some((one) => encrypting.has(one))) return false
  if (algorithm === "RSA-OAEP-256") return jwk["kty"] === "RSA" && isLongModulus(jwk["n"])
  return (jwk["kty"] === "EC" || jwk["kty"] === "OKP") && curves.has(jwk["crv"])
}

/** RFC 7518 §4.3: 2048 bits or more. */
const isLongModulus = (modulus: unknown) => typeof modulus === "string" && modulus.length >= 342

/** The first of the keys to encrypt to with this algorithm. */
export const recipient = (keys: ReadonlyArray<JsonObject>, algorithm: EncryptionAlgorithm): JsonObject | undefined =>
  keys.find((key) => fits(key, algorithm))

export interface Encryption {
  readonly alg: EncryptionAlgorithm
  readonly enc: ContentEncryption
}

/** The members that make a public key: nothing private is ever imported. */
const publicPart = ({ kty, crv, x, y, n, e }: JsonObject): jose.JWK =>
  Object.fromEntries(Object.entries({ kty, crv, x, y, n, e }).filter(([, value]) => value !== undefined))

/**
 * A compact JWE of the text to the key; undefined when the key, which came from somebody else, is no such key. `members`
 * are for the header: `cty: "JWT"` around a signed JWT (RFC 7519 §5.2), or `typ`.
 */
export const encrypt = (
  text: string,
  jwk: JsonObject,
  { alg, enc }: Encryption,
  members: { readonly typ?: string; readonly cty?: string }
): Effect.Effect<string | undefined> =>
  Effect.promise(async () => {
    try {
      const key = await jose.importJWK(publicPart(jwk), alg)
      const kid = typeof jwk["kid"] === "string" ? { kid: jwk["kid"] } : {}
      return await new jose.CompactEncrypt(new TextEncoder().encode(text))
        .setProtectedHeader({ alg, enc, ...kid, ...members })
        .encrypt(key)
    } catch {
      return undefined
    }
  })

/** What the header of a JWE to us says. */
export interface Encrypted extends Encryption {
  readonly kid: string | undefined
}

/** Characters: a request object of the largest size, encrypted, and its header. */
const longest = 65_536

const isAlgorithm = Schema.is(EncryptionAlgorithm)
const isContentEncryption = Schema.is(ContentEncryption)

/**
 * The header of a compact JWE, RFC 7516 §7.1, read strictly; undefined for anything that is not exactly that: too long,
 * another number of parts, base64url that is not canonical, an algorithm that is none of ours, extensions (`crit`),
 * compression (`zip`).
 */
export const encrypted = (jwe: string): Encrypted | undefined => {
  if (jwe.length > longest) return undefined
  const parts = jwe.split(".", 6)
  const header = headerOf(jwe)
  if (parts.length !== 5 || header === undefined) return undefined
  const { alg, enc, kid } = header
  if (!isAlgorithm(alg) || !isContentEncryption(enc) || (kid !== undefined && typeof kid !== "string")) return undefined
  if (Object.hasOwn(header, "crit") || Object.hasOwn(header, "zip")) return undefined
  // RFC 7516 §5.2 no. 10: where the agreed key is the content's own, there is none to carry.
  const [, key, ...others] = parts
  const isKey = alg === "ECDH-ES" ? key === "" : base64url.decode(key!) !== undefined
  return isKey && others.every((part) => base64url.decode(part) !== undefined) ? { alg, enc, kid } : undefined
}

/** The private key that opens what is encrypted to it by the algorithm. */
export const recipientKey = (privateJwk: jose.JWK, algorithm: EncryptionAlgorithm): Effect.Effect<jose.CryptoKey> =>
  Effect.promise(async () => (await jose.importJWK(privateJwk, algorithm)) as jose.CryptoKey)

/** The text in a compact JWE; undefined when it is not encrypted to this key, by these algorithms and whole. */
export const decrypt = (
  jwe: string,
  key: jose.CryptoKey,
  { alg, enc }: Encryption
): Effect.Effect<string | undefined> =>
  Effect.promise(async () => {
    try {
      const algorithms = { keyManagementAlgorithms: [alg], contentEncryptionAlgorithms: [enc] }
      const { plaintext } = await jose.compactDecrypt(jwe, key, algorithms)
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(plaintext)
    } catch {
      return undefined
    }
  })
