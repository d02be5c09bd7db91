import { assert, layer } from "@effect/vitest"
import { Effect, type Layer } from "effect"
import { ResourceStore } from "../../resource/ResourceStore.ts"
import type { Transaction } from "../../storage/Transaction.ts"
import { options, undone } from "./law.ts"
import { resource, unique } from "./records.ts"

/** Every layer that claims to be a `ResourceStore` runs this suite. */
export const suite = <E>(name: string, storage: Layer.Layer<ResourceStore | Transaction, E>) =>
  layer(storage, options)(`ResourceStore (${name})`, (it) => {
    it.effect("lists an issuer's resources by identifier, unchanged", () =>
      Effect.gen(function* () {
        const resources = yield* ResourceStore
        const issuer = unique("https://resources")
        const lower = resource({ issuer, identifier: "https://a.example", scopes: [], introspectionClients: [] })
        const upper = resource({ issuer, identifier: "https://A.example", accessTokenFormat: "opaque" })
        const encryption = {
          alg: "ECDH-ES",
          enc: "A256GCM",
          jwks: { keys: [{ kty: "EC", z: null, a: [1.5] }] }
        } as const
        const whole = resource({
          issuer,
          identifier: "https://b.example",
          accessTokenFormat: "encrypted",
          signingAlgorithm: "ES384",
          accessTokenLifetime: 60,
          encryption
        })
        yield* resources.put(whole)
        yield* resources.put(lower)
        yield* resources.put(upper)
        yield* resources.put(resource())
        assert.deepStrictEqual(yield* resources.list(issuer), [upper, lower, whole])
      })
    )

    it.effect("put replaces the resource of its identifier, at its issuer only", () =>
      Effect.gen(function* () {
        const resources = yield* ResourceStore
        const [first, other] = [unique("https://resources"), unique("https://resources")]
        const record = resource({ issuer: first, signingAlgorithm: "ES256", accessTokenLifetime: 60 })
        yield* resources.put(record)
        yield* resources.put({ ...record, issuer: other })
        const { accessTokenLifetime: _, ...rest } = record
        const changed = { ...rest, scopes: ["other"], accessTokenFormat: "opaque" as const, introspectionClients: [] }
        yield* resources.put(changed)
        assert.deepStrictEqual(yield* resources.list(first), [changed])
        assert.deepStrictEqual(yield* resources.list(other), [{ ...record, issuer: other }])
      })
    )

    it.effect("a failure in the transaction leaves the resources as they were", () =>
      Effect.gen(function* () {
        const resources = yield* ResourceStore
        const issuer = unique("https://resources")
        yield* undone(resources.put(resource({ issuer })))
        assert.deepStrictEqual(yield* resources.list(issuer), [])
      })
    )
  })
