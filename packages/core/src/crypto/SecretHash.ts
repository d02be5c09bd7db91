/** How secrets that a client or a person presents are kept: as hashes that say how they were made. */
import { Context, Effect, Layer } from "effect"
import * as base64url from "./base64url.ts"
import { concat, Crypto, encode, equal, equalText } from "./Crypto.ts"

/** OWASP's count for PBKDF2-SHA-256. */
const iterations = 600_000

/** A secret this long is taken to be generated; a shorter one may have been thought up, and is hashed slowly. */
const generatedLength = 32

export const isShort = (secret: string): boolean => secret.length < generatedLength

/** Marks a fast hash. */
const fast = "sha256$"

/** One fast hash: right for 256 random bits, which nobody can guess offline. */
export const hashGenerated = Effect.fnUntraced(function* (secret: string) {
  const crypto = yield* Crypto
  return `${fast}${yield* crypto.sha256(secret)}`
})

/** A salted slow hash: for passwords, and for client secrets that are short. */
export const hashChosen = Effect.fnUntraced(function* (secret: string) {
  const crypto = yield* Crypto
  const salt = yield* crypto.randomBytes(16)
  const hash = yield* crypto.stretch(encode(secret), salt, iterations)
  return `pbkdf2-sha256$${iterations}$${base64url.encode(salt)}$${base64url.encode(hash)}`
})

/** The hash that suits a client secret. */
export const hashSecret = (secret: string) => (isShort(secret) ? hashChosen(secret) : hashGenerated(secret))

const bytes = (text: string | undefined): Uint8Array => base64url.decode(text ?? "") ?? new Uint8Array()

/** Compares presented secrets with stored hashes, in constant time. */
export class SecretVerifier extends Context.Service<
  SecretVerifier,
  {
    readonly verify: (secret: string, stored: string) => Effect.Effect<boolean>
    /** The work of one slow comparison, for whoever must not be told apart by having none. */
    readonly pretend: (secret: string) => Effect.Effect<void>
  }
>()("@lockspire/core/crypto/SecretVerifier") {
  /**
   * A slow hash that matched is remembered under a keyed hash that this process alone can make, so that a client with
   * a short secret pays for it once, not at every request. Nothing that did not match is remembered.
   */
  static readonly layer = Layer.effect(
    SecretVerifier,
    Effect.gen(function* () {
      const crypto = yield* Crypto
      const key = yield* crypto.randomBytes(32)
      const matched = new Map<string, string>()
      const fingerprint = (secret: string) => crypto.sha256(concat(key, encode(secret)))
      const verifyFast = (secret: string, hash: string) =>
        Effect.map(crypto.sha256(secret), (presented) => equalText(presented, hash))
      const verifySlow = Effect.fnUntraced(function* (secret: string, stored: string) {
        const [, ...parts] = stored.split("$")
        const print = yield* fingerprint(secret)
        const known = matched.get(stored)
        if (known !== undefined && equalText(known, print)) return true
        const hash = yield* crypto.stretch(encode(secret), bytes(parts[1]), Number(parts[0]))
        if (!equal(hash, bytes(parts[2]))) return false
        if (matched.size >= 1024) matched.clear()
        matched.set(stored, print)
        return true
      })
      return SecretVerifier.of({
        verify: (secret, stored) =>
          stored.startsWith(fast) ? verifyFast(secret, stored.slice(fast.length)) : verifySlow(secret, stored),
        pretend: (secret) =>
          Effect.asVoid(
            Effect.andThen(fingerprint(secret), crypto.stretch(encode(secret), key.slice(0, 16), iterations))
          )
      })
    })
  )
}
