/** Everything between storage and the wire, composed once: options in, the services of all pipelines out. */
import { Effect, Layer, type Redacted } from "effect"
import { system } from "./audit/event.ts"
import { Crypto } from "./crypto/Crypto.ts"
import { SecretVerifier } from "./crypto/SecretHash.ts"
import * as Issuer from "./issuer/Issuer.ts"
import { Policies, type PolicySettings } from "./issuer/Policy.ts"
import { defaultAlgorithms, ensure } from "./key/manage.ts"
import { SigningKeys } from "./key/SigningKeys.ts"
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
  /** Replaces the defaults; what an operator stores can only make it stricter. */
  readonly policy?: PolicySettings
  /** Another implementation of the primitives; WebCrypto by default. */
  readonly crypto?: Layer.Layer<Crypto>
  /** Whether this process deletes what is over; on by default, and safe on every node. */
  readonly prune?: boolean
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
  const firstKeys = Layer.effectDiscard(
    Effect.flatMap(Issuer.Issuers, (all) =>
      Effect.forEach(all, (issuer) => ensure(issuer.identifier, defaultAlgorithms, system))
    )
  )
  const background = options.prune === false ? firstKeys : Layer.merge(firstKeys, Prune.layer)
  return Layer.mergeAll(
    background,
    SigningKeys.layer,
    SecretVerifier.layer,
    Resources.layer,
    Policies.layer(options.policy)
  ).pipe(Layer.provideMerge(Layer.mergeAll(issuers, layerKeyEncryptionKey(options), options.crypto ?? Crypto.layer)))
}
