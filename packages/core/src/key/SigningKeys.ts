/** The issuer's keys at work: what is published, what signs, what is recognised as our own. */
import { Cache, Context, Data, Duration, Effect, Exit, Layer, type Option } from "effect"
import type { Crypto } from "../crypto/Crypto.ts"
import * as Jwt from "../jose/Jwt.ts"
import type { SigningAlgorithm } from "../oauth/Metadata.ts"
import type { KeyEncryptionKey } from "../storage/Sealed.ts"
import { KeyProvider } from "./KeyProvider.ts"
import type { PublicJwk, SigningKey } from "./SigningKey.ts"
import { SigningKeyStore } from "./SigningKeyStore.ts"

/** No active key signs by this algorithm. */
export class SigningKeyMissing extends Data.TaggedError("SigningKeyMissing")<{ readonly algorithm: string }> {}

/** How long a node may go on with the keys it has read. */
export const staleFor = Duration.seconds(10)

const signerId = (key: SigningKey) => `${key.issuer} ${key.kid}`

/** Signs and verifies for an issuer. Keys may be stale for ten seconds: the next one is published long before it signs. */
export class SigningKeys extends Context.Service<
  SigningKeys,
  {
    /** The JWK Set, RFC 7517 §5: every key that signs, will sign, or signed what is still valid. */
    readonly jwks: (issuer: string) => Effect.Effect<{ readonly keys: ReadonlyArray<PublicJwk> }>
    /** The algorithms for which there is a key that signs. */
    readonly algorithms: (issuer: string) => Effect.Effect<ReadonlyArray<SigningAlgorithm>>
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
      // By kid, a string, since every signature looks here. A device that was away is asked again at once.
      const signers = yield* Cache.makeWith(
        (id: string) =>
          Effect.gen(function* () {
            const all = yield* Cache.get(keys, id.slice(0, id.indexOf(" ")))
            const key = all.find((one) => signerId(one) === id)
            if (key === undefined) return yield* Effect.die(new Error(`Signing key ${id} is gone`))
            return yield* Effect.provideContext(provider.signer(key), services)
          }),
        { capacity: 256, timeToLive: (exit) => (Exit.isSuccess(exit) ? Duration.hours(1) : Duration.zero) }
      )
      const jwks = (issuer: string) =>
        Effect.map(Cache.get(keys, issuer), (all) => ({ keys: all.map((key) => key.publicJwk) }))
      return SigningKeys.of({
        jwks,
        algorithms: (issuer) =>
          Effect.map(Cache.get(keys, issuer), (all) => [
            ...new Set(all.filter((key) => key._tag === "Active").map((key) => key.algorithm))
          ]),
        sign: Effect.fnUntraced(function* (issuer, algorithm, typ, claims) {
          const all = yield* Cache.get(keys, issuer)
          const key = all.find((one) => one._tag === "Active" && one.algorithm === algorithm)
          if (key === undefined) return yield* new SigningKeyMissing({ algorithm })
          return yield* Jwt.sign(
            yield* Cache.get(signers, signerId(key)),
            { alg: algorithm, kid: key.kid, typ },
            claims
          )
        }),
        verifyOwn: (issuer, typ, jwt) => Effect.flatMap(jwks(issuer), ({ keys }) => Jwt.verify(jwt, typ, keys))
      })
    })
  )
}
