/**
 * Nonces that we hand out for DPoP proofs, RFC 9449 §8, §9. Nothing is stored: a nonce is the time it was made in, and a
 * code over issuer, purpose and time that only we can make. Every node with the same key knows every other's.
 */
import { Clock, Context, Effect, Layer, Redacted } from "effect"
import * as base64url from "../crypto/base64url.ts"
import { concat, Crypto, encode, equal } from "../crypto/Crypto.ts"
import { KeyEncryptionKey } from "../storage/Sealed.ts"

/** A nonce of one endpoint kind is worth nothing at the other (RFC 9449 §9). */
export type Purpose = "authorization server" | "resource"

/** Seconds in which every nonce is the same. */
const step = 60
/** Steps that a nonce is good for after its own: five minutes in all at least. */
const goodFor = 5

export interface NoncesPort {
  /** The nonce of this moment; undefined where none are handed out. */
  readonly current: (issuer: string, purpose: Purpose) => Effect.Effect<string | undefined>
  /** Whether we made it, for this, and lately. */
  readonly isGood: (issuer: string, purpose: Purpose, nonce: string) => Effect.Effect<boolean>
}

/** The step that a nonce says it is of; undefined for what is no nonce of ours. */
const stepOf = (nonce: string): number | undefined => {
  const bytes = base64url.decode(nonce)
  return bytes?.length === 24 ? new DataView(bytes.buffer, bytes.byteOffset).getUint32(0) : undefined
}

const stepBytes = (at: number): Uint8Array => {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, at)
  return bytes
}

/** Whoever has the secret makes them, and knows them again. */
export class Nonces extends Context.Service<Nonces, NoncesPort>()("@lockspire/core/proof/Nonces") {
  /** Hands out none, so a nonce in a proof is not looked at: it is somebody else's. */
  static readonly layerNone = Layer.succeed(Nonces, {
    current: () => Effect.succeed(undefined),
    isGood: () => Effect.succeed(true)
  })

  /** From a secret of at least 32 random bytes that every node of a server shares. */
  static readonly layerSecret = (secret: Redacted.Redacted<Uint8Array>) => Layer.effect(Nonces, make(secret))

  /** From the key-encryption key. While that is being replaced, clients are asked to try again with the new one's. */
  static readonly layer = Layer.effect(
    Nonces,
    Effect.flatMap(KeyEncryptionKey, ({ current }) => make(current))
  )
}

const make = Effect.fnUntraced(function* (secret: Redacted.Redacted<Uint8Array>) {
  const crypto = yield* Crypto
  const nonceAt = (issuer: string, purpose: Purpose, at: number) =>
    Effect.map(crypto.derive(Redacted.value(secret), `lockspire dpop nonce\0${issuer}\0${purpose}\0${at}`), (code) =>
      base64url.encode(concat(stepBytes(at), code.slice(0, 20)))
    )
  const now = Effect.map(Clock.currentTimeMillis, (milliseconds) => Math.floor(milliseconds / 1000 / step))
  return Nonces.of({
    current: (issuer, purpose) => Effect.flatMap(now, (at) => nonceAt(issuer, purpose, at)),
    isGood: Effect.fnUntraced(function* (issuer, purpose, nonce) {
      const latest = yield* now
      const at = stepOf(nonce)
      // One step ahead is of a node whose clock is.
      if (at === undefined || at > latest + 1 || at < latest - goodFor) return false
      return equal(encode(nonce), encode(yield* nonceAt(issuer, purpose, at)))
    })
  })
})
