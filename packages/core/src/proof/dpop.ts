/** Checking a DPoP proof, RFC 9449 §4.3. */
import { DateTime, Effect, type Schema } from "effect"
import { check, checking } from "../audit/Refusal.ts"
import { asymmetricAlgorithms, isSignedBy, type Jwk, verifies } from "../client/Jwks.ts"
import { hashToken } from "../crypto/Crypto.ts"
import { decode } from "../jose/Compact.ts"
import { InvalidDpopProof, UseDpopNonce } from "../oauth/OAuthError.ts"
import { excluding, hold, type Rules } from "../profile/Rule.ts"
import { ReplayStore } from "../replay/ReplayStore.ts"
import { AnswerNonce } from "./AnswerNonce.ts"
import { Nonces, type Purpose } from "./Nonces.ts"
import { normalTarget } from "./targetUri.ts"

/** Algorithms by which a proof may be signed: `dpop_signing_alg_values_supported`, RFC 9449 §5.1. */
export const proofAlgorithms: ReadonlyArray<string> = asymmetricAlgorithms

/** Seconds that a proof may be old, and that the sender's clock may be ahead of ours. */
export const proofAge = { old: 300, ahead: 30 } as const

/** What a proof is checked against. */
export interface ProofContext {
  /** Whose nonces and whose memory of proofs. */
  readonly issuer: string
  readonly purpose: Purpose
  readonly method: string
  /** The URIs by which this request may have been addressed. */
  readonly targets: ReadonlyArray<string>
  /** The access token that is presented with the proof, at a resource. */
  readonly accessToken?: string | undefined
  /** Whether a nonce of ours has to be in it. */
  readonly nonceRequired: boolean
  /** The profiles' rules for its algorithm. */
  readonly rules: Rules
}

/** What no public key has (RFC 7518 §6): a key with any of them is refused. */
const privateMembers = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"]

const isPublicKey = (value: unknown): value is Jwk =>
  typeof value === "object" &&
  value !== null &&
  !Array.isArray(value) &&
  privateMembers.every((name) => !Object.hasOwn(value, name))

/** RFC 7638 §3.2, RFC 8037 §2: the members that make a key of each type, in their order. */
const thumbprintMembers: Readonly<Record<string, ReadonlyArray<string>>> = {
  EC: ["crv", "kty", "x", "y"],
  OKP: ["crv", "kty", "x"],
  RSA: ["e", "kty", "n"]
}

/** RFC 7638 §3.1: of a key that verified a signature. */
const thumbprintOf = (key: Jwk) => {
  const members = (thumbprintMembers[textOf(key["kty"])] ?? []).map((name) => [name, key[name]])
  return hashToken(JSON.stringify(Object.fromEntries(members)))
}

const textOf = (value: Schema.Json | undefined): string => (typeof value === "string" ? value : "")

/** RFC 9449 §4.3 no. 1–7: one well-formed JWT of the type, signed by the public key in its own header. */
const signedProof = Effect.fnUntraced(function* (proof: string, rules: Rules) {
  const decoded = decode(proof)
  yield* check(
    "RFC 9449 §4.3 no. 1, 2: one header with one signed JWT",
    decoded !== undefined,
    () => new InvalidDpopProof({ reason: "ProofMalformed" })
  )
  const { header, payload } = decoded!
  yield* check(
    "RFC 9449 §4.3 no. 4: typ is dpop+jwt",
    textOf(header["typ"])
      .toLowerCase()
      .replace(/^application\//, "") === "dpop+jwt",
    () => new InvalidDpopProof({ reason: "ProofTypNotAllowed", expected: "dpop+jwt", received: textOf(header["typ"]) })
  )
  const algorithm = textOf(header["alg"])
  const notAllowed = () => new InvalidDpopProof({ reason: "ProofAlgorithmNotAllowed", received: algorithm })
  yield* check("RFC 9449 §4.3 no. 5: an asymmetric algorithm", proofAlgorithms.includes(algorithm), notAllowed)
  yield* hold(excluding(rules, "signingAlgorithms", algorithm), false, notAllowed)
  const key = header["jwk"]
  const isFit = isPublicKey(key) && verifies(key, algorithm)
  yield* check(
    "RFC 9449 §4.3 no. 7: jwk is a public key of the algorithm",
    isFit,
    () => new InvalidDpopProof({ reason: "ProofKeyNotAllowed" })
  )
  yield* check(
    "RFC 9449 §4.3 no. 6: the signature is that key's",
    yield* isSignedBy(proof, key as Jwk, algorithm),
    () => new InvalidDpopProof({ reason: "ProofSignatureMismatch" })
  )
  return { claims: payload, jkt: yield* thumbprintOf(key as Jwk) }
})

/** RFC 9449 §4.3 no. 10, §8: a nonce that is there is ours; where one is required it is there. */
const checkNonce = Effect.fnUntraced(function* (
  nonce: Schema.Json | undefined,
  context: Pick<ProofContext, "issuer" | "purpose" | "nonceRequired">
) {
  const nonces = yield* Nonces
  const { issuer, purpose } = context
  if (nonce === undefined && !context.nonceRequired) return
  const answer = yield* AnswerNonce
  // Handed out whether it comes to a refusal or not, so that the next proof has a fresh one (§8.2).
  if (answer !== undefined) answer.nonce = yield* nonces.current(issuer, purpose)
  yield* check(
    "RFC 9449 §8: the proof has a nonce",
    nonce !== undefined,
    () => new UseDpopNonce({ reason: "NonceMissing" })
  )
  yield* check(
    "RFC 9449 §4.3 no. 10: nonce is one that we handed out for this, lately",
    typeof nonce === "string" && (yield* nonces.isGood(issuer, purpose, nonce)),
    () => new UseDpopNonce({ reason: "NonceNotOurs" })
  )
})

/**
 * The nonce alone, before the client is authenticated: a request that has to be sent again with another nonce is sent
 * with the same client assertion by some, and must not have spent it.
 */
export const nonceFirst = (proof: string, context: Pick<ProofContext, "issuer" | "purpose" | "nonceRequired">) => {
  const decoded = decode(proof)
  return decoded === undefined ? Effect.void : checkNonce(decoded.payload["nonce"], context)
}

/** The thumbprint of the key that signed the proof for this request; each proof counts once, on whichever node. */
export const verifyProof = Effect.fnUntraced(function* (proof: string, context: ProofContext) {
  const { claims, jkt } = yield* signedProof(proof, context.rules)
  const { accessToken, issuer, method, targets } = context
  const htm = textOf(claims["htm"])
  yield* check(
    "RFC 9449 §4.3 no. 8: htm is the method of the request",
    htm === method,
    () => new InvalidDpopProof({ reason: "ProofMethodMismatch", expected: method, received: htm })
  )
  const htu = normalTarget(textOf(claims["htu"]))
  yield* check(
    "RFC 9449 §4.3 no. 9: htu is the URI of the request",
    htu !== undefined && targets.some((target) => normalTarget(target) === htu),
    () =>
      new InvalidDpopProof({
        reason: "ProofUriMismatch",
        expected: targets.join(" "),
        received: textOf(claims["htu"]).slice(0, 200)
      })
  )
  const jti = textOf(claims["jti"])
  yield* check("RFC 9449 §4.2: jti is there", jti !== "", () => new InvalidDpopProof({ reason: "ProofJtiMissing" }))
  yield* checkNonce(claims["nonce"], context)
  const now = (yield* DateTime.now).epochMilliseconds / 1000
  const iat = claims["iat"]
  const isNumber = typeof iat === "number" && Number.isFinite(iat)
  // By how much the clocks differ is what whoever looks into it wants to know.
  const facts = { expected: String(Math.round(now)), received: isNumber ? String(iat) : "" }
  yield* check(
    "RFC 9449 §4.3 no. 11: iat is there, and recent",
    isNumber && iat >= now - proofAge.old,
    () => new InvalidDpopProof({ reason: "ProofTooOld", ...facts })
  )
  yield* check(
    "RFC 9449 §4.3 no. 11: iat is not in the future",
    (iat as number) <= now + proofAge.ahead && isPast(claims["nbf"], now),
    () => new InvalidDpopProof({ reason: "ProofNotYetValid", ...facts })
  )
  yield* check(
    "RFC 7519 §4.1.4: the proof has not expired",
    claims["exp"] === undefined || (typeof claims["exp"] === "number" && now < claims["exp"] + proofAge.ahead),
    () => new InvalidDpopProof({ reason: "ProofTooOld", ...facts })
  )
  if (accessToken !== undefined) {
    yield* check(
      "RFC 9449 §4.3 no. 12: ath is the hash of the access token",
      claims["ath"] === (yield* hashToken(accessToken)),
      () => new InvalidDpopProof({ reason: "ProofTokenMismatch" })
    )
  }
  const until = DateTime.makeUnsafe(Math.ceil(((iat as number) + proofAge.old + proofAge.ahead) * 1000))
  const valueHash = yield* hashToken(JSON.stringify([jkt, jti]))
  const replays = yield* ReplayStore
  yield* checking(
    "RFC 9449 §11.1: the proof was not used before",
    Effect.filterOrFail(
      replays.first(issuer, "dpop-proof", valueHash, until),
      (isFirst) => isFirst,
      () => new InvalidDpopProof({ reason: "ProofReplayed" })
    )
  )
  return jkt
})

const isPast = (claim: Schema.Json | undefined, now: number): boolean =>
  claim === undefined || (typeof claim === "number" && claim <= now + proofAge.ahead)
