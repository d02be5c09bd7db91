/** Encryption at rest: AES-256-GCM under the key-encryption key, which is never in the database. */
import { Context, Effect, Option, Redacted } from "effect"
import { Base64Url } from "effect/encoding"
import { Crypto } from "../crypto/Crypto.ts"

/**
 * The key-encryption key: 32 bytes, and while it is being replaced also the ones before it, with which old
 * values can still be opened.
 */
export class KeyEncryptionKey extends Context.Service<
  KeyEncryptionKey,
  {
    readonly current: Redacted.Redacted<Uint8Array>
    readonly previous: ReadonlyArray<Redacted.Redacted<Uint8Array>>
  }
>()("@lockspire/core/storage/KeyEncryptionKey") {}

/** 32 bytes from their base64url form; `None` for anything else. */
export const keyFromText = (text: string): Option.Option<Redacted.Redacted<Uint8Array>> =>
  Option.fromUndefinedOr(/^[A-Za-z0-9_-]{43}=?$/.test(text.trim()) ? text.trim().replace("=", "") : undefined).pipe(
    Option.flatMap((trimmed) => Option.getSuccess(Base64Url.decode(trimmed))),
    Option.filter((bytes) => bytes.length === 32),
    Option.map((bytes) => Redacted.make(bytes))
  )

/** Encrypts under the current key; `context` names what the value belongs to, so that it cannot be moved elsewhere. */
export const seal = Effect.fnUntraced(function* (plaintext: Uint8Array, context: string) {
  const crypto = yield* Crypto
  const { current } = yield* KeyEncryptionKey
  return yield* crypto.seal(Redacted.value(current), plaintext, context)
})

/** Decrypts with the current key or a previous one; `None` when none of them fits. */
export const open = Effect.fnUntraced(function* (sealed: Uint8Array, context: string) {
  const crypto = yield* Crypto
  const keys = yield* KeyEncryptionKey
  for (const key of [keys.current, ...keys.previous]) {
    const plaintext = yield* crypto.open(Redacted.value(key), sealed, context)
    if (Option.isSome(plaintext)) return plaintext
  }
  return Option.none<Uint8Array>()
})
