/** A key with which the issuer signs, and the states of its life. */
import { Schema } from "effect"
import type { Lifecycle } from "../oauth/Lifecycle.ts"
import { SigningAlgorithm } from "../oauth/Metadata.ts"

/** A public JWK, RFC 7517 §4, as it stands in the JWK Set. */
export const PublicJwk = Schema.Record(Schema.String, Schema.Json)
export type PublicJwk = typeof PublicJwk.Type

const material = {
  issuer: Schema.String,
  kid: Schema.String,
  algorithm: SigningAlgorithm,
  publicJwk: PublicJwk,
  /** The private JWK, sealed under the key-encryption key with issuer and kid as context. */
  sealedPrivateJwk: Schema.Uint8Array,
  createdAt: Schema.DateTimeUtc
}

/**
 * `Next` is published so that clients know it before it signs; `Active` signs; `Retiring` only verifies what it
 * signed; `Retired` is out of the JWK Set. Of one algorithm at most one key is `Active`.
 */
export const SigningKey = Schema.TaggedUnion({
  Next: material,
  Active: { ...material, activatedAt: Schema.DateTimeUtc },
  Retiring: { ...material, activatedAt: Schema.DateTimeUtc, retiringSince: Schema.DateTimeUtc },
  Retired: { ...material, retiredAt: Schema.DateTimeUtc }
})
export type SigningKey = typeof SigningKey.Type
export type In<Tag extends SigningKey["_tag"]> = Extract<SigningKey, { _tag: Tag }>

export const lifecycle = {
  Next: ["Active", "Retired"],
  Active: ["Retiring"],
  Retiring: ["Retired"],
  Retired: []
} as const satisfies Lifecycle<SigningKey>

/** What the sealed private key belongs to: moved to another issuer or kid it cannot be opened. */
export const sealContext = (key: { readonly issuer: string; readonly kid: string }): string =>
  `signing-key\0${key.issuer}\0${key.kid}`
