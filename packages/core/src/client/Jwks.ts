/** Public keys of others, RFC 7517: reading a set, and which of its keys can verify a signature. */
import { Effect, type Schema } from "effect"
import type * as jose from "jose"
import { SignatureVerifier } from "../jose/SignatureVerifier.ts"

export type Jwk = Readonly<Record<string, Schema.Json>>

/** Keys of one set at most: each costs a look, and a key without `kid` may cost a signature check. */
const most = 50

const isObject = (value: unknown): value is Jwk => typeof value === "object" && value !== null && !Array.isArray(value)

/** The members that make a public key and say what it is for; private ones are never kept. */
const publicMembers = ["kty", "use", "key_ops", "alg", "kid", "x5c", "x5t#S256", "crv", "x", "y", "n", "e"]

const publicPart = (key: Jwk): Jwk =>
  Object.fromEntries(publicMembers.flatMap((name) => (Object.hasOwn(key, name) ? [[name, key[name]!] as const] : [])))

/** The public keys of a JWK Set; undefined when it is none. What is no key in it is passed over (RFC 7517 §5). */
export const jwksOf = (value: unknown): ReadonlyArray<Jwk> | undefined => {
  if (!isObject(value) || !Array.isArray(value["keys"]) || value["keys"].length > most) return undefined
  return (value["keys"] as ReadonlyArray<unknown>)
    .filter(isObject)
    .filter((key) => typeof key["kty"] === "string" && key["kty"] !== "oct")
    .map(publicPart)
}

/** RFC 7518 §3.1, RFC 8037 §3.1, RFC 9864 §2.2: the key type, and curve, that an algorithm takes. */
const keyTypes: Readonly<Record<string, readonly [kty: string, crv?: string]>> = {
  RS256: ["RSA"],
  RS384: ["RSA"],
  RS512: ["RSA"],
  PS256: ["RSA"],
  PS384: ["RSA"],
  PS512: ["RSA"],
  ES256: ["EC", "P-256"],
  ES384: ["EC", "P-384"],
  ES512: ["EC", "P-521"],
  EdDSA: ["OKP", "Ed25519"],
  Ed25519: ["OKP", "Ed25519"]
}

/** JWS algorithms by which a client may sign with a key of its own. */
export const asymmetricAlgorithms: ReadonlyArray<string> = Object.keys(keyTypes)

/** Of 8192 bits and an exponent of 32 at most: whoever sends a key chooses how long it takes to use it. */
const isHonest = ({ e, n }: Jwk): boolean =>
  typeof n === "string" && n.length <= 1366 && typeof e === "string" && e.length <= 6

/** Whether the key may verify this algorithm: by its type, and by what it says it is for (RFC 7517 §4.2–4.4). */
export const verifies = (jwk: Jwk, algorithm: string): boolean => {
  const [kty, crv] = keyTypes[algorithm] ?? []
  if (kty === undefined || jwk["kty"] !== kty || (crv !== undefined && jwk["crv"] !== crv)) return false
  if (kty === "RSA" && !isHonest(jwk)) return false
  if (jwk["use"] !== undefined && jwk["use"] !== "sig") return false
  if (jwk["alg"] !== undefined && jwk["alg"] !== algorithm) return false
  const operations = jwk["key_ops"]
  return operations === undefined || (Array.isArray(operations) && operations.includes("verify"))
}

/** Whether the JWT is signed with this key by this algorithm, which its header does not get to choose. */
export const isSignedBy = (jwt: string, jwk: Jwk, algorithm: string): Effect.Effect<boolean> => {
  // Only the key material: an importer would judge `key_ops` once more, and by its own rules.
  const { crv, e, kty, n, x, y } = jwk
  const members = Object.entries({ kty, crv, x, y, n, e }).filter(([, value]) => value !== undefined)
  return Effect.flatMap(SignatureVerifier, (verifier) =>
    verifier.isSignedBy(jwt, Object.fromEntries(members) as jose.JWK, algorithm)
  )
}
