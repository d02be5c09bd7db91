/** The platform's cryptographic primitives that the protocol needs, and nothing more. */
import { Context, Effect, Layer, type Option } from "effect"
import { Aead, Digest, Kdf, Mac, SecureRandom } from "effect/crypto"
import * as base64url from "./base64url.ts"

/** A service, so that a host may bring an HSM's, a platform its synchronous ones, and a test its own. */
export class Crypto extends Context.Service<
  Crypto,
  {
    /** `size` bytes from a cryptographically secure generator. */
    readonly randomBytes: (size: number) => Effect.Effect<Uint8Array>
    /** BASE64URL(SHA256(data)), text as UTF-8: in this form hashes are stored and compared. */
    readonly sha256: (data: Uint8Array | string) => Effect.Effect<string>
    /** 32 bytes by HKDF-SHA-256 (RFC 5869) from a secret of full entropy. */
    readonly derive: (secret: Uint8Array, info: string) => Effect.Effect<Uint8Array>
    /** 32 bytes by PBKDF2-SHA-256 (RFC 8018 §5.2) from a secret that a person may have chosen: slow on purpose. */
    readonly stretch: (secret: Uint8Array, salt: Uint8Array, iterations: number) => Effect.Effect<Uint8Array>
    /** AES-256-GCM: nonce, ciphertext and tag in one. `context` is authenticated, not hidden. */
    readonly seal: (key: Uint8Array, plaintext: Uint8Array, context: string) => Effect.Effect<Uint8Array>
    /** What `seal` closed; `None` when the key, the context or a bit is another. */
    readonly open: (key: Uint8Array, sealed: Uint8Array, context: string) => Effect.Effect<Option.Option<Uint8Array>>
  }
>()("@lockspire/core/crypto/Crypto") {
  /** On WebCrypto, wherever it exists. */
  static readonly layer = Layer.effect(
    Crypto,
    Effect.gen(function* () {
      const random = yield* SecureRandom.SecureRandom
      const digest = yield* Digest.Digest
      const kdf = yield* Kdf.Kdf
      const aead = yield* Aead.Aead
      const none = new Uint8Array(32)
      return Crypto.of({
        randomBytes: random.randomBytes,
        sha256: (data) =>
          Effect.map(digest.digest(Digest.sha256, typeof data === "string" ? encode(data) : data), base64url.encode),
        derive: (secret, info) =>
          Effect.orDie(kdf.derive(Kdf.hkdfSha256, secret, { salt: none, length: 32, info: encode(info) })),
        stretch: (secret, salt, iterations) =>
          Effect.orDie(kdf.derive(Kdf.pbkdf2({ hash: Digest.sha256, iterations }), secret, { salt, length: 32 })),
        seal: Effect.fnUntraced(function* (key, plaintext, context) {
          const aeadKey = yield* Aead.key(Aead.aes256Gcm, key)
          const nonce = yield* random.randomBytes(nonceLength)
          const sealed = yield* aead.encrypt(aeadKey, plaintext, { nonce, aad: encode(context) })
          return concat(nonce, sealed)
        }, Effect.orDie),
        open: (key, sealed, context) =>
          Effect.flatMap(Aead.key(Aead.aes256Gcm, key), (aeadKey) =>
            aead.decrypt(aeadKey, sealed.slice(nonceLength), {
              nonce: sealed.slice(0, nonceLength),
              aad: encode(context)
            })
          ).pipe(Effect.option)
      })
    })
  ).pipe(
    Layer.provide(Layer.mergeAll(Digest.layerWebCrypto, Kdf.layerWebCrypto, Aead.layerWebCrypto)),
    Layer.provide(SecureRandom.layerWebCrypto)
  )
}

const nonceLength = 12
const encoder = new TextEncoder()

export const encode = (text: string): Uint8Array => encoder.encode(text)

export const concat = (...parts: ReadonlyArray<Uint8Array>): Uint8Array => {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

/** Takes the same time wherever the difference is. */
export const equal = (a: Uint8Array, b: Uint8Array): boolean => Mac.timingSafeEqual(a, b)

/** Takes the same time wherever the difference is. */
export const equalText = (a: string, b: string): boolean => equal(encode(a), encode(b))

/** 256 random bits as 43 characters: codes, tokens, handles and identifiers that nobody can guess. */
export const randomToken: Effect.Effect<string, never, Crypto> = Effect.flatMap(Crypto, (crypto) =>
  Effect.map(crypto.randomBytes(32), base64url.encode)
)

/** The form in which codes, tokens and handles are stored. */
export const hashToken = (text: string): Effect.Effect<string, never, Crypto> =>
  Effect.flatMap(Crypto, (crypto) => crypto.sha256(text))
