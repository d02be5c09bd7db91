/** The issuer's keys at work: what is published, what signs, what is recognised as our own, what is opened. */
import { Cache, Context, Data, Duration, Effect, Exit, Layer, Option } from "effect"
import type { Crypto } from "../crypto/Crypto.ts"
import * as Jwe from "../jose/Jwe.ts"
import * as Jwt from "../jose/Jwt.ts"
import type { EncryptionAlgorithm, SigningAlgorithm } from "../oauth/Metadata.ts"
import { forgetting } from "../storage/Invalidations.ts"
import type { KeyEncryptionKey } from "../storage/Sealed.ts"
import { decrypter, KeyProvider } from "./KeyProvider.ts"
import { decrypts, type PublicJwk, type SigningKey, signs } from "./SigningKey.ts"
import { SigningKeyStore } from "./SigningKeyStore.ts"

/** No active key signs by this algorithm. */
export class SigningKeyMissing extends Data.TaggedError("SigningKeyMissing")<{ readonly algorithm: string }> {}

/** How long a node may go on with the keys it has read. */
export const staleFor = Duration.seconds(10)

const keyId = (key: SigningKey) => `${key.issuer} ${key.kid}`

/** Signs and verifies for an issuer. Keys may be stale for ten seconds: the next one is published long before it signs. */
export class SigningKeys extends Context.Service<
  SigningKeys,
  {
    /**
     * The JWK Set, RFC 7517 §5: every key that signs, will sign, or signed what is still valid, and those to encrypt to.
     */
    readonly jwks: (issuer: string) => Effect.Effect<{ readonly keys: ReadonlyArray<PublicJwk> }>
    /** The algorithms for which there is a key that signs. */
    readonly algorithms: (issuer: string) => Effect.Effect<ReadonlyArray<SigningAlgorithm>>
    /** The algorithms for which there is a published key to encrypt to: none unless an operator asked for one. */
    readonly encryptionAlgorithms: (issuer: string) => Effect.Effect<ReadonlyArray<EncryptionAlgorithm>>
    /** A JWT of that `typ`, or without one, signed with the active key of the algorithm. */
    readonly sign: (
      issuer: string,
      algorithm: SigningAlgorithm,
      typ: string | undefined,
      claims: Jwt.Payload
    ) => Effect.Effect<string, SigningKeyMissing>
    /** The claims of a JWT of that `typ` that this issuer signed, however old; `None` for any other. */
    readonly verifyOwn: (
      issuer: string,
      typ: string | undefined,
      jwt: string
    ) => Effect.Effect<Option.Option<Jwt.Payload>>
    /** The text that is encrypted to a key of this issuer; `None` for anything else, whatever is wrong with it. */
    readonly decrypt: (issuer: string, jwe: string) => Effect.Effect<Option.Option<string>>
  }
>()("@lockspire/core/key/SigningKeys") {
  static readonly layer = Layer.effect(
    SigningKeys,
    Effect.gen(function* () {
      const store = yield* SigningKeyStore
      const provider = yield* KeyProvider
      const services = yield* Effect.context<Crypto | KeyEncryptionKey>()
      const keys = yield* Cache.makeWith(store.list, {
        capacity: 1024,
        timeToLive: (exit) =>
          Exit.isSuccess(exit) && exit.value.some((key) => key._tag === "Active") ? staleFor : Duration.zero
      })
      yield* forgetting("signing_keys", keys)
      // By kid, a string, since every signature looks here. A device that was away is asked again at once.
      const readied = <A, Key extends SigningKey>(
        isFit: (key: SigningKey) => key is Key,
        ready: (key: Key) => Effect.Effect<A, never, Crypto | KeyEncryptionKey>
      ) =>
        Cache.makeWith(
          (id: string) =>
            Effect.gen(function* () {
              const all = yield* Cache.get(keys, id.slice(0, id.indexOf(" ")))
              const key = all.filter(isFit).find((one) => keyId(one) === id)
              if (key === undefined) return yield* Effect.die(new Error(`Key ${id} is gone`))
              return yield* Effect.provideContext(ready(key), services)
            }),
          { capacity: 256, timeToLive: (exit) => (Exit.isSuccess(exit) ? Duration.hours(1) : Duration.zero) }
        )
      const signers = yield* readied(signs, provider.signer)
      const decrypters = yield* readied(decrypts, decrypter)
      // OpenID Connect Core §10.2.1: a key that was replaced still decrypts, and nobody learns of it any more.
      const isPublished = (key: SigningKey) => signs(key) || key._tag !== "Retiring"
      const publicKeys = (issuer: string, isMeant: (key: SigningKey) => boolean) =>
        Effect.map(Cache.get(keys, issuer), (all) => all.filter(isMeant).map((key) => key.publicJwk))
      return SigningKeys.of({
        jwks: (issuer) => Effect.map(publicKeys(issuer, isPublished), (all) => ({ keys: all })),
        algorithms: (issuer) =>
          Effect.map(Cache.get(keys, issuer), (all) => [
            ...new Set(all.filter(signs).flatMap((key) => (key._tag === "Active" ? [key.algorithm] : [])))
          ]),
        encryptionAlgorithms: (issuer) =>
          Effect.map(Cache.get(keys, issuer), (all) => [
            ...new Set(all.filter(decrypts).flatMap((key) => (isPublished(key) ? [key.algorithm] : [])))
          ]),
        sign: Effect.fnUntraced(function* (issuer, algorithm, typ, claims) {
          const all = yield* Cache.get(keys, issuer)
          const key = all.find((one) => one._tag === "Active" && one.algorithm === algorithm)
          if (key === undefined) return yield* new SigningKeyMissing({ algorithm })
          return yield* Jwt.sign(yield* Cache.get(signers, keyId(key)), { alg: algorithm, kid: key.kid, typ }, claims)
        }),
        verifyOwn: (issuer, typ, jwt) => Effect.flatMap(publicKeys(issuer, signs), (all) => Jwt.verify(jwt, typ, all)),
        decrypt: Effect.fnUntraced(function* (issuer, jwe) {
          const header = Jwe.encrypted(jwe)
          if (header === undefined) return Option.none()
          const { alg, kid } = header
          const fit = (yield* Cache.get(keys, issuer)).filter(
            (key) => key.algorithm === alg && (kid === undefined || key.kid === kid)
          )
          for (const key of fit) {
            const text = yield* Jwe.decrypt(jwe, yield* Cache.get(decrypters, keyId(key)), header)
            if (text !== undefined) return Option.some(text)
          }
          return Option.none()
        })
      })
    })
  )
}
