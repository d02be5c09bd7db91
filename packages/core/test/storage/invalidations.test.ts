import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { MemoryStorage, Policy, Resources, ResourceStore, Transaction } from "../../src/index.ts"

const issuer = "https://issuer.example"

const kept = Layer.mergeAll(Policy.Policies.layer(), Resources.layer).pipe(Layer.provideMerge(MemoryStorage.layer))

const lifetime = Effect.map(
  Policy.Policies.use(({ effective }) => effective(issuer)),
  (policy) => policy.accessTokenLifetime
)

describe("what is kept between requests, in memory", () => {
  it.effect("a change of policy or resources is known at once", () =>
    Effect.gen(function* () {
      const { change } = yield* Policy.PolicyStore
      assert.strictEqual(yield* lifetime, 600)
      yield* change(issuer, { accessTokenLifetime: 77 })
      assert.strictEqual(yield* lifetime, 77)

      const { list } = yield* Resources
      assert.strictEqual((yield* list(issuer)).length, 0)
      const { put } = yield* ResourceStore
      yield* put({
        issuer,
        identifier: "https://api.example",
        scopes: [],
        accessTokenFormat: "opaque",
        introspectionClients: []
      })
      assert.strictEqual((yield* list(issuer)).length, 1)
    }).pipe(Effect.provide(kept))
  )

  it.effect("one that is undone was never known", () =>
    Effect.gen(function* () {
      const { change } = yield* Policy.PolicyStore
      const { within } = yield* Transaction
      const undone = within(
        Effect.gen(function* () {
          yield* change(issuer, { accessTokenLifetime: 77 })
          yield* lifetime
          return yield* Effect.fail("undone")
        })
      )
      assert.strictEqual(yield* Effect.flip(undone), "undone")
      assert.strictEqual(yield* lifetime, 600)
    }).pipe(Effect.provide(kept))
  )
})
