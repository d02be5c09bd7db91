/** Where private signing keys live: sealed in storage, or in a device that signs and never gives them out. */
import { Context, Effect, Option, Schema } from "effect"
import { type Crypto, encode } from "../crypto/Crypto.ts"
import * as Jwt from "../jose/Jwt.ts"
import { type Sign, Signer } from "../jose/Signer.ts"
import type { SigningAlgorithm } from "../oauth/Metadata.ts"
import { type KeyEncryptionKey, open, seal } from "../storage/Sealed.ts"
import { type PublicJwk, sealContext, type SigningKey } from "./SigningKey.ts"

/** A key pair that was just made. */
export interface ProvidedKey {
  /** Unique at the issuer. */
  readonly kid: string
  /** With `kid`, `alg` and `use`. */
  readonly publicJwk: PublicJwk
  /** What storage keeps of the private key, and gives back to `signer`: sealed bytes, or a device's name for the key. */
  readonly sealedPrivateJwk: Uint8Array
}

type Needed = Crypto | KeyEncryptionKey

/**
 * A KMS or an HSM takes part by providing this. A device that cannot be reached dies with `StorageUnavailable`, which
 * is answered with 503.
 */
export interface KeyProviderPort {
  readonly generate: (issuer: string, algorithm: SigningAlgorithm) => Effect.Effect<ProvidedKey, never, Needed>
  /** Makes the key ready to sign; asked once an hour for each key. */
  readonly signer: (key: SigningKey) => Effect.Effect<Sign, never, Needed>
  /** What storage keeps once the key-encryption key has changed; a device answers what it was given. */
  readonly reseal: (key: SigningKey) => Effect.Effect<Uint8Array, never, Needed>
}

const decodeJwk = Schema.decodeUnknownEffect(Schema.fromJsonString(Schema.Record(Schema.String, Schema.Json)))

const opened = Effect.fnUntraced(function* (key: SigningKey) {
  const bytes = yield* open(key.sealedPrivateJwk, sealContext(key))
  if (Option.isSome(bytes)) return bytes.value
  return yield* Effect.die(new Error(`No key-encryption key opens signing key ${key.kid} of ${key.issuer}`))
})

/** Keys of our own making, sealed under the key-encryption key; another provider replaces it. */
export const KeyProvider = Context.Reference<KeyProviderPort>("@lockspire/core/key/KeyProvider", {
  defaultValue: () => ({
    generate: Effect.fnUntraced(function* (issuer, algorithm) {
      const { kid, privateJwk, publicJwk } = yield* Jwt.generate(algorithm)
      const sealedPrivateJwk = yield* seal(encode(JSON.stringify(privateJwk)), sealContext({ issuer, kid }))
      return { kid, publicJwk, sealedPrivateJwk }
    }),
    signer: Effect.fnUntraced(function* (key) {
      const { signer } = yield* Signer
      const jwk = yield* Effect.orDie(decodeJwk(new TextDecoder().decode(yield* opened(key))))
      return yield* signer(jwk, key.algorithm)
    }),
    reseal: Effect.fnUntraced(function* (key) {
      return yield* seal(yield* opened(key), sealContext(key))
    })
  })
})
