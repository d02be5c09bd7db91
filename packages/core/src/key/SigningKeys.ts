/** The issuer's keys at work: what is published, what signs, what is recognised as our own. */
import { Cache, Context, Duration, Effect, Exit, Layer, Option, Schema } from "effect"
import { Crypto } from "../crypto/Crypto.ts"
import * as Jwt from "../jose/Jwt.ts"
import type { SigningAlgorithm } from "../oauth/Metadata.ts"
import { KeyEncryptionKey, open } from "../storage/Sealed.ts"
import { type PublicJwk, sealContext, type SigningKey } from "./SigningKey.ts"
import { SigningKeyStore } from "./SigningKeyStore.ts"

const decodeJwk = Schema.decodeUnknownEffect(Schema.fromJsonString(Schema.Record(Schema.String, Schema.Json)))

/** Signs and verifies for an issuer. Keys may be stale for ten seconds: the next one is published long before it signs. */
export class SigningKeys extends Context.Service<
  SigningKeys,
  {
    /** The JWK Set, RFC 7517 §5: every key that signs, will sign, or signed what is still valid. */
    readonly jwks: (issuer: string) => Effect.Effect<{ readonly keys: ReadonlyArray<PublicJwk> }>
    /** The algorithms for which there is a key that signs. */
    readonly algorithms: (issuer: string) => Effect.Effect<ReadonlyArray<SigningAlgorithm>>
    /** A JWT of that `typ` signed with the active key of the algorithm. */
    readonly sign: (
      issuer: string,
      algorithm: SigningAlgorithm,
      typ: string,
      claims: Jwt.Payload
    ) => Effect.Effect<string>
    /** The claims of a JWT of that `typ` that this issuer signed, however old; `None` for any other. */
    readonly verifyOwn: (issuer: string, typ: string, jwt: string) => Effect.Effect<Option.Option<Jwt.Payload>>
  }
>()("@lockspire/core/key/SigningKeys") {
  static readonly layer = Layer.effect(
    SigningKeys,
    Effect.gen(function* () {
      const store = yield* SigningKeyStore
      const crypto = yield* Crypto
      const keyEncryptionKey = yield* KeyEncryptionKey
      const unsealed = yield* Cache.make({
        capacity: 256,
        timeToLive: "1 hour",
        lookup: (key: SigningKey) =>
          Effect.gen(function* () {
            const opened = yield* open(key.sealedPrivateJwk, sealContext(key))
            if (Option.isNone(opened)) {
              return yield* Effect.die(new Error(`The key-encryption key does not open signing key ${key.kid}`))
            }
            const jwk = yield* decodeJwk(new TextDecoder().decode(opened.value))
            return yield* Jwt.importKey(jwk, key.algorithm)
          }).pipe(
            Effect.orDie,
            Effect.provideService(Crypto, crypto),
            Effect.provideService(KeyEncryptionKey, keyEncryptionKey)
          )
      })
      const keys = yield* Cache.makeWith(store.list, {
        capacity: 1024,
        timeToLive: (exit) =>
          Exit.isSuccess(exit) && exit.value.some((key) => key._tag === "Active") ? Duration.seconds(10) : Duration.zero
      })
      const active = (issuer: string, algorithm: SigningAlgorithm) =>
        Effect.flatMap(Cache.get(keys, issuer), (all) => {
          const key = all.find((one) => one._tag === "Active" && one.algorithm === algorithm)
          return key === undefined
            ? Effect.die(new Error(`No active ${algorithm} signing key for ${issuer}`))
            : Effect.succeed(key)
        })
      const jwks = (issuer: string) =>
        Effect.map(Cache.get(keys, issuer), (all) => ({ keys: all.map((key) => key.publicJwk) }))
      return SigningKeys.of({
        jwks,
        algorithms: (issuer) =>
          Effect.map(Cache.get(keys, issuer), (all) =>
            all.filter((key) => key._tag === "Active").map((key) => key.algorithm)
          ),
        sign: Effect.fnUntraced(function* (issuer, algorithm, typ, claims) {
          const key = yield* active(issuer, algorithm)
          return yield* Jwt.sign(yield* Cache.get(unsealed, key), { alg: algorithm, kid: key.kid, typ }, claims)
        }),
        verifyOwn: (issuer, typ, jwt) => Effect.flatMap(jwks(issuer), ({ keys }) => Jwt.verify(jwt, typ, keys))
      })
    })
  )
}
