/** Where the key-encryption key comes from: the environment, or the data folder of `lockspire dev`. */
import { AuthorizationServer, Crypto, Sealed, SigningKey, SigningKeyStore } from "@lockspire/core"
import { Base64Url } from "effect/encoding"
import { Config, Effect, Option, Redacted } from "effect"
import { type CommandFailed, failed } from "./CommandFailed.ts"
import * as DataDirectory from "./DataDirectory.ts"

export const variable = "LOCKSPIRE_KEY_ENCRYPTION_KEY"
export const previousVariable = "LOCKSPIRE_PREVIOUS_KEY_ENCRYPTION_KEY"

type Key = Redacted.Redacted<Uint8Array>

const read = (text: string, malformed: string): Effect.Effect<Key, CommandFailed> =>
  Effect.mapError(Effect.fromOption(Sealed.keyFromText(text)), () => failed(malformed))

/** A key from the environment; `None` when the variable is not set, or empty. */
const fromEnvironment = Effect.fnUntraced(function* (name: string) {
  const text = Option.getOrUndefined(
    yield* Config.option(Config.Redacted(name)).pipe(Effect.orElseSucceed(() => Option.none()))
  )
  if (text === undefined || Redacted.value(text) === "") return Option.none<Key>()
  return Option.some(yield* read(Redacted.value(text), `${name} is not 32 bytes in base64url (43 characters).`))
})

export const current = fromEnvironment(variable)
export const previous = fromEnvironment(previousVariable)

/** The environment's key, which has to be there. */
export const currentMust = Effect.flatMap(current, (key) =>
  Effect.mapError(Effect.fromOption(key), () =>
    failed(`There is no key-encryption key: set ${variable} to 32 random bytes in base64url.`)
  )
)

export const toText = (key: Key): string => Base64Url.encode(Redacted.value(key))

/** The environment's key; without one that of the data folder, made when it has none. */
export const currentOrOf = (dataDir: string) =>
  Effect.flatMap(
    current,
    Option.match({ onNone: () => inDataDirectory(dataDir), onSome: (key) => Effect.succeed(key) })
  )

/** The key of the data folder, made when it has none. */
export const inDataDirectory = Effect.fnUntraced(function* (dataDir: string) {
  const fresh = yield* Crypto.randomToken
  const text = yield* DataDirectory.keyEncryptionKey(dataDir, fresh)
  return yield* read(text, `${DataDirectory.keyFile(dataDir)} is not 32 bytes in base64url.`)
})

/** A key that is gone when the process ends. */
export const forgotten = Effect.flatMap(Crypto.Crypto, (crypto) =>
  Effect.map(crypto.randomBytes(32), (bytes) => Redacted.make(bytes))
)

/** Fails when the stored signing keys were sealed under another key: nothing could be signed. */
export const mustOpen = Effect.fnUntraced(function* (issuer: string) {
  const keys = yield* (yield* SigningKeyStore).list(issuer)
  for (const key of keys) {
    const opened = yield* Sealed.open(key.sealedPrivateJwk, SigningKey.sealContext(key))
    if (Option.isNone(opened)) {
      return yield* failed(
        `The key-encryption key does not open the signing keys of ${issuer} in this database: it is another one (${variable}).`
      )
    }
  }
})

export const layer = (keyEncryptionKey: Key, previousKeys: Option.Option<Key>) =>
  AuthorizationServer.layerKeyEncryptionKey({
    keyEncryptionKey,
    previousKeyEncryptionKeys: Option.toArray(previousKeys)
  })
