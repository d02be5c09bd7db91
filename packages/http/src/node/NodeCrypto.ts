/** core's `Crypto` on Node's synchronous primitives: for short inputs many times faster than WebCrypto. */
import { Crypto } from "@lockspire/core"
import { Effect, Layer, Option } from "effect"
import * as crypto from "node:crypto"

const nonceLength = 12
const tagLength = 16

export const layer: Layer.Layer<Crypto.Crypto> = Layer.succeed(
  Crypto.Crypto,
  Crypto.Crypto.of({
    randomBytes: (size) => Effect.sync(() => crypto.randomBytes(size)),
    sha256: (data) => Effect.sync(() => crypto.hash("sha256", data, "buffer")),
    derive: (secret, info) =>
      Effect.sync(() => new Uint8Array(crypto.hkdfSync("sha256", secret, new Uint8Array(32), info, 32))),
    stretch: (secret, salt, iterations) =>
      Effect.callback<Uint8Array>((resume) => {
        crypto.pbkdf2(secret, salt, iterations, 32, "sha256", (error, key) =>
          resume(error === null ? Effect.succeed(key) : Effect.die(error))
        )
      }),
    seal: (key, plaintext, context) =>
      Effect.sync(() => {
        const nonce = crypto.randomBytes(nonceLength)
        const cipher = crypto.createCipheriv("aes-256-gcm", key, nonce).setAAD(Crypto.encode(context))
        return Crypto.concat(nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag())
      }),
    open: (key, sealed, context) =>
      Effect.sync(() => {
        if (sealed.length < nonceLength + tagLength) return Option.none()
        const decipher = crypto
          .createDecipheriv("aes-256-gcm", key, sealed.subarray(0, nonceLength), { authTagLength: tagLength })
          .setAAD(Crypto.encode(context))
          .setAuthTag(sealed.subarray(sealed.length - tagLength))
        try {
          const plaintext = decipher.update(sealed.subarray(nonceLength, sealed.length - tagLength))
          return Option.some(Crypto.concat(plaintext, decipher.final()))
        } catch {
          return Option.none()
        }
      })
  })
)
