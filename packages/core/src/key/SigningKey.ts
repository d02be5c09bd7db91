/** A key with which the issuer signs, or to which others encrypt, and the states of its life. */
import { Schema } from "effect"
import type { Lifecycle } from "../oauth/Lifecycle.ts"
import { EncryptionAlgorithm, KeyAlgorithm, SigningAlgorithm } from "../oauth/Metadata.ts"

/** A public JWK, RFC 7517 §4, as it stands in the JWK Set. */
export const PublicJwk = Schema.Record(Schema.String, Schema.Json)
export type PublicJwk = typeof PublicJwk.Type

const material = {
  issuer: Schema.String,
  kid: Schema.String,
  algorithm: KeyAlgorithm,
  publicJwk: PublicJwk,
  /** The private JWK, sealed under the key-encryption key with issuer and kid as context. */
  sealedPrivateJwk: Schema.Uint8Array,
  createdAt: Schema.DateTimeUtc
}

/**
 * `Next` is published so that clients know it before it signs; `Active` signs; `Retiring` only verifies what it
 * signed; `Retired` is out of the JWK Set. Of one algorithm at most one key is `Active`. A key to which others encrypt
 * lives the same life: it decrypts until it is `Retired`, and from `Retiring` on it is published no more.
 */
export const SigningKey = Schema.TaggedUnion({
  Next: material,
  Active: { ...material, activatedAt: Schema.DateTimeUtc },
  Retiring: { ...material, activatedAt: Schema.DateTimeUtc, retiringSince: Schema.DateTimeUtc },
  Retired: { ...material, retiredAt: Schema.DateTimeUtc }
})
export type SigningKey = typeof SigningKey.Type
export type In<Tag extends SigningKey["_tag"]> = Extract<SigningKey, { _tag: Tag }>

/** One of the issuer's keys that signs. */
export type KeyThatSigns = SigningKey & { readonly algorithm: SigningAlgorithm }
export const signs = (key: SigningKey): key is KeyThatSigns => isSigning(key.algorithm)
const isSigning = Schema.is(SigningAlgorithm)

/** One of the issuer's keys to which others encrypt. */
export type KeyThatDecrypts = SigningKey & { readonly algorithm: EncryptionAlgorithm }
export const decrypts = (key: SigningKey): key is KeyThatDecrypts => isEncryption(key.algorithm)
const isEncryption = Schema.is(EncryptionAlgorithm)

export const lifecycle = {
  Next: ["Active", "Retired"],
  Active: ["Retiring"],
  Retiring: ["Retired"],
  Retired: []
} as const satisfies Lifecycle<SigningKey>

/** What the sealed private key belongs to: moved to another issuer or kid it cannot be opened. */
export const sealContext = (key: { readonly issuer: string; readonly kid: string }): string =>
  `signing-key\0${key.issuer}\0${key.kid}`
