/** Everything between storage and the wire, composed once: options in, the services of all pipelines out. */
import { Effect, Layer, type Redacted } from "effect"
import { system } from "./audit/event.ts"
import { Crypto } from "./crypto/Crypto.ts"
import { SecretVerifier } from "./crypto/SecretHash.ts"
import { RemoteJwks } from "./client/RemoteJwks.ts"
import { Egress } from "./egress/Egress.ts"
import * as Issuer from "./issuer/Issuer.ts"
import { Policies, type PolicySettings } from "./issuer/Policy.ts"
import { KeyProvider, type KeyProviderPort } from "./key/KeyProvider.ts"
import { defaultAlgorithms, ensure } from "./key/manage.ts"
import * as Rotation from "./key/rotation.ts"
import { SigningKeys } from "./key/SigningKeys.ts"
import type { EncryptionAlgorithm, SigningAlgorithm } from "./oauth/Metadata.ts"
import { Nonces } from "./proof/Nonces.ts"
import { Resources } from "./resource/Resources.ts"
import * as Prune from "./retention/prune.ts"
import { KeyEncryptionKey } from "./storage/Sealed.ts"

export interface Options {
  /** The issuer identifiers that this process serves; usually one. A request's `Host` selects among them. */
  readonly issuers: readonly [string, ...ReadonlyArray<string>]
  /** 32 bytes; `Sealed.keyFromText` reads their base64url form. Signing keys are encrypted under it. */
  readonly keyEncryptionKey: Redacted.Redacted<Uint8Array>
  /** Keys that the current one replaced, until everything is sealed anew. */
  readonly previousKeyEncryptionKeys?: ReadonlyArray<Redacted.Redacted<Uint8Array>>
  /** Replaces the defaults. What an operator stores can make a member that is set here only stricter. */
  readonly policy?: PolicySettings
  /** Another implementation of the primitives; WebCrypto by default. */
  readonly crypto?: Layer.Layer<Crypto>
  /** The way out to keys that clients publish (`jwks_uri`); none unless given. `NodeEgress.layer` is the guarded one. */
  readonly egress?: Layer.Layer<Egress>
  /** Whether this process deletes what is over; on by default, and safe on every node. */
  readonly prune?: boolean
  /** The algorithms for which a first start makes signing keys; RS256 and ES256 by default. */
  readonly signingAlgorithms?: ReadonlyArray<SigningAlgorithm>
  /** The algorithms for which a first start makes keys that others encrypt request objects to; none by default. */
  readonly encryptionAlgorithms?: ReadonlyArray<EncryptionAlgorithm>
  /** A KMS or an HSM that keeps the signing keys; by default they are in storage, sealed. */
  readonly keyProvider?: KeyProviderPort
  /** Whether this process moves signing keys on when their time has come; on by default, and safe on every node. */
  readonly rotateKeys?: boolean
}

/** The key-encryption key as a service, for commands that need nothing else of the server. */
export const layerKeyEncryptionKey = (options: Pick<Options, "keyEncryptionKey" | "previousKeyEncryptionKeys">) =>
  Layer.succeed(KeyEncryptionKey, {
    current: options.keyEncryptionKey,
    previous: options.previousKeyEncryptionKeys ?? []
  })

/**
 * Needs a storage (`MemoryStorage.layer`, or `PostgresStorage.layer` of @lockspire/storage-pg). On its first start it
 * makes signing keys. Fails with `IssuerInvalid` for an identifier that RFC 8414 does not allow.
 */
export const layer = (options: Options) => {
  const issuers = Layer.effect(Issuer.Issuers, Effect.forEach(options.issuers, Issuer.make))
  const algorithms = [...(options.signingAlgorithms ?? defaultAlgorithms), ...(options.encryptionAlgorithms ?? [])]
  const firstKeys = Layer.effectDiscard(
    Effect.flatMap(Issuer.Issuers, (all) =>
      Effect.forEach(all, (issuer) => ensure(issuer.identifier, algorithms, system))
    )
  )
  // The fibre starts when the first keys are there.
  const keys = options.rotateKeys === false ? firstKeys : Layer.provide(Rotation.layer, firstKeys)
  const background = options.prune === false ? keys : Layer.merge(keys, Prune.layer)
  const provider = options.keyProvider === undefined ? Layer.empty : Layer.succeed(KeyProvider, options.keyProvider)
  const services = Layer.mergeAll(
    SigningKeys.layer,
    SecretVerifier.layer,
    Resources.layer,
    Policies.layer(options.policy),
    Nonces.layer,
    RemoteJwks.layer.pipe(Layer.provideMerge(options.egress ?? Egress.layerNone))
  )
  return background.pipe(
    Layer.provideMerge(services),
    Layer.provideMerge(
      Layer.mergeAll(issuers, layerKeyEncryptionKey(options), options.crypto ?? Crypto.layer, provider)
    )
  )
}
