/** Where private signing keys live: sealed in storage, or in a device that signs and never gives them out. */
import { Context, Effect, Option, Schema } from "effect"
import { type Crypto, encode } from "../crypto/Crypto.ts"
import * as Jwe from "../jose/Jwe.ts"
import * as Jwt from "../jose/Jwt.ts"
import { type Sign, Signer } from "../jose/Signer.ts"
import { type KeyAlgorithm, SigningAlgorithm } from "../oauth/Metadata.ts"
import { type KeyEncryptionKey, open, seal } from "../storage/Sealed.ts"
import {
  type KeyThatDecrypts,
  type KeyThatSigns,
  type PublicJwk,
  sealContext,
  type SigningKey,
  signs
} from "./SigningKey.ts"

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
 * is answered with 503. It keeps signing keys alone: those to which others encrypt are always sealed in storage.
 */
export interface KeyProviderPort {
  readonly generate: (issuer: string, algorithm: SigningAlgorithm) => Effect.Effect<ProvidedKey, never, Needed>
  /** Makes the key ready to sign; asked once an hour for each key. */
  readonly signer: (key: KeyThatSigns) => Effect.Effect<Sign, never, Needed>
  /** What storage keeps once the key-encryption key has changed; a device answers what it was given. */
  readonly reseal: (key: KeyThatSigns) => Effect.Effect<Uint8Array, never, Needed>
}

const decodeJwk = Schema.decodeUnknownEffect(Schema.fromJsonString(Schema.Record(Schema.String, Schema.Json)))

const opened = Effect.fnUntraced(function* (key: SigningKey) {
  const bytes = yield* open(key.sealedPrivateJwk, sealContext(key))
  if (Option.isSome(bytes)) return bytes.value
  return yield* Effect.die(new Error(`No key-encryption key opens key ${key.kid} of ${key.issuer}`))
})

const openedJwk = Effect.fnUntraced(function* (key: SigningKey) {
  return yield* Effect.orDie(decodeJwk(new TextDecoder().decode(yield* opened(key))))
})

const makeSealed = Effect.fnUntraced(function* (issuer: string, algorithm: KeyAlgorithm) {
  const { kid, privateJwk, publicJwk } = yield* Jwt.generate(algorithm)
  const sealedPrivateJwk = yield* seal(encode(JSON.stringify(privateJwk)), sealContext({ issuer, kid }))
  return { kid, publicJwk, sealedPrivateJwk } satisfies ProvidedKey
})

const sealedAnew = Effect.fnUntraced(function* (key: SigningKey) {
  return yield* seal(yield* opened(key), sealContext(key))
})

/** Keys of our own making, sealed under the key-encryption key; another provider replaces it. */
export const KeyProvider = Context.Reference<KeyProviderPort>("@lockspire/core/key/KeyProvider", {
  defaultValue: () => ({
    generate: makeSealed,
    signer: Effect.fnUntraced(function* (key) {
      const { signer } = yield* Signer
      return yield* signer(yield* openedJwk(key), key.algorithm)
    }),
    reseal: sealedAnew
  })
})

const isSigning = Schema.is(SigningAlgorithm)

/** A new key pair, made where keys of its algorithm live. */
export const generateKey = Effect.fnUntraced(function* (issuer: string, algorithm: KeyAlgorithm) {
  const provider = yield* KeyProvider
  return yield* isSigning(algorithm) ? provider.generate(issuer, algorithm) : makeSealed(issuer, algorithm)
})

/** What storage keeps of the key once the key-encryption key has changed. */
export const resealed = Effect.fnUntraced(function* (key: SigningKey) {
  const provider = yield* KeyProvider
  return yield* signs(key) ? provider.reseal(key) : sealedAnew(key)
})

/** Makes the key ready to decrypt. */
export const decrypter = Effect.fnUntraced(function* (key: KeyThatDecrypts) {
  return yield* Jwe.recipientKey(yield* openedJwk(key), key.algorithm)
})
