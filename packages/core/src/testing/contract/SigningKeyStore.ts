import { assert, layer } from "@effect/vitest"
import { Effect, type Layer, Schema } from "effect"
import { lifecycle } from "../../key/SigningKey.ts"
import { SigningKeyStore } from "../../key/SigningKeyStore.ts"
import { Transaction } from "../../storage/Transaction.ts"
import { options, together, undone } from "./law.ts"
import { after, longAgo, now, signingKey, unique } from "./records.ts"

const sealed = (byte: number) => new Uint8Array([byte])

/** Every layer that claims to be a `SigningKeyStore` runs this suite. Each test has an issuer of its own. */
export const suite = <E>(name: string, storage: Layer.Layer<SigningKeyStore | Transaction, E>) =>
  layer(storage, options)(`SigningKeyStore (${name})`, (it) => {
    const ofIssuer = Effect.fnUntraced(function* () {
      const keys = yield* SigningKeyStore
      const issuer = `https://${unique("keys")}.example`
      const insert = Effect.fnUntraced(function* (over: Parameters<typeof signingKey>[0] = {}) {
        const key = signingKey({ issuer, ...over })
        yield* keys.insert(key)
        return key
      })
      return {
        keys,
        issuer,
        insert,
        list: keys.list(issuer),
        activate: keys.activateNext(issuer, "ES256", now, after(60))
      }
    })

    it.effect("lists what was inserted, unchanged, oldest first, of that issuer only", () =>
      Effect.gen(function* () {
        const { insert, list } = yield* ofIssuer()
        const third = yield* insert({ algorithm: "ECDH-ES+A256KW", createdAt: after(2) })
        const second = yield* insert({ createdAt: after(1) })
        const first = yield* insert({ algorithm: "RS256" })
        yield* (yield* ofIssuer()).insert()
        assert.deepStrictEqual(yield* list, [first, second, third])
      })
    )

    it.effect("a key is activated, then retiring when the next one is, then retired and no longer listed", () =>
      Effect.gen(function* () {
        const { activate, insert, issuer, keys, list } = yield* ofIssuer()
        const rsa = yield* insert({ algorithm: "RS256", createdAt: after(-1) })
        const [first, second] = [yield* insert(), yield* insert({ createdAt: after(1) })]
        assert.isTrue(yield* activate)
        assert.deepStrictEqual(yield* list, [rsa, { ...first, _tag: "Active", activatedAt: now }, second])
        assert.isFalse(yield* keys.retire(issuer, first.kid, now))
        assert.isTrue(yield* keys.activateNext(issuer, "ES256", after(2), after(60)))
        assert.deepStrictEqual(yield* list, [
          rsa,
          { ...first, _tag: "Retiring", activatedAt: now, retiringSince: after(2) },
          { ...second, _tag: "Active", activatedAt: after(2) }
        ])
        assert.isTrue(yield* keys.retire(issuer, first.kid, after(3)))
        assert.isFalse(yield* keys.retire(issuer, first.kid, after(4)))
        assert.isTrue(yield* keys.retire(issuer, rsa.kid, after(3)))
        assert.deepStrictEqual(yield* list, [{ ...second, _tag: "Active", activatedAt: after(2) }])
      })
    )

    it.effect("activating without a next key changes nothing", () =>
      Effect.gen(function* () {
        const { activate, insert, list } = yield* ofIssuer()
        assert.isFalse(yield* activate)
        const key = yield* insert()
        assert.isTrue(yield* activate)
        assert.isFalse(yield* activate)
        assert.deepStrictEqual(yield* list, [{ ...key, _tag: "Active", activatedAt: now }])
      })
    )

    it.effect("a key that was created after the given moment is not activated yet", () =>
      Effect.gen(function* () {
        const { insert, issuer, keys, list } = yield* ofIssuer()
        const key = yield* insert()
        assert.isFalse(yield* keys.activateNext(issuer, "ES256", after(9), after(-0.001)))
        assert.deepStrictEqual(yield* list, [key])
        assert.isTrue(yield* keys.activateNext(issuer, "ES256", after(9), now))
        assert.deepStrictEqual(yield* list, [{ ...key, _tag: "Active", activatedAt: after(9) }])
      })
    )

    it.effect("concurrent activations each get a key of their own, and one is active in the end", () =>
      Effect.gen(function* () {
        const { activate, insert, list } = yield* ofIssuer()
        // More than one round: only when every connection is open do the calls really meet.
        for (const round of [0, 1, 2, 3]) {
          for (const each of [0, 1, 2]) yield* insert({ createdAt: after(3 * round + each) })
          assert.deepStrictEqual(yield* together(3, () => activate), [true, true, true])
        }
        assert.isFalse(yield* activate)
        const states = (yield* list).map((key) => key._tag)
        assert.deepStrictEqual(states, [...Array.from({ length: 11 }, () => "Retiring"), "Active"])
      })
    )

    it.effect("the private part is replaced only while it is what the caller read", () =>
      Effect.gen(function* () {
        const { insert, issuer, keys, list } = yield* ofIssuer()
        const key = yield* insert()
        assert.isFalse(yield* keys.reseal(issuer, key.kid, sealed(9), sealed(1)))
        const outcomes = yield* together(8, (index) =>
          keys.reseal(issuer, key.kid, key.sealedPrivateJwk, sealed(index))
        )
        assert.strictEqual(outcomes.filter((won) => won).length, 1)
        assert.deepStrictEqual(yield* list, [{ ...key, sealedPrivateJwk: sealed(outcomes.indexOf(true)) }])
      })
    )

    it.effect("a failure in the transaction leaves the keys as they were", () =>
      Effect.gen(function* () {
        const { activate, insert, list } = yield* ofIssuer()
        yield* insert()
        yield* activate
        yield* insert({ createdAt: after(1) })
        const before = yield* list
        yield* undone(activate)
        assert.deepStrictEqual(yield* list, before)
        const { within } = yield* Transaction
        assert.isTrue(yield* within(activate))
      })
    )

    it.effect("prune deletes keys that were retired before, in batches, and nothing else", () =>
      Effect.gen(function* () {
        const { insert, issuer, keys, list } = yield* ofIssuer()
        const kept = yield* insert({ createdAt: longAgo })
        for (let times = 0; times < 3; times++) yield* keys.retire(issuer, (yield* insert()).kid, longAgo)
        assert.strictEqual(yield* keys.prune(longAgo, 10), 0)
        assert.strictEqual(yield* keys.prune(after(1, longAgo), 2), 2)
        assert.strictEqual(yield* keys.prune(after(1, longAgo), 10), 1)
        assert.deepStrictEqual(yield* list, [kept])
      })
    )

    it.effect.prop(
      "any sequence of moves agrees with the lifecycle, until the key is retired and no longer listed",
      [Schema.Array(Schema.Literals(["activate", "replace", "retire"])).check(Schema.isMaxLength(6))],
      ([sequence]) =>
        Effect.gen(function* () {
          const { activate, insert, issuer, keys, list } = yield* ofIssuer()
          const { kid } = yield* insert()
          const moves = {
            activate,
            replace: Effect.andThen(insert({ createdAt: after(1) }), activate),
            retire: keys.retire(issuer, kid, now)
          }
          const state = Effect.map(list, (listed) => listed.find((key) => key.kid === kid)?._tag ?? "Retired")
          for (const move of sequence) {
            const before = yield* state
            const moved = yield* moves[move]
            const after = yield* state
            if (before === after) continue
            assert.isTrue(moved)
            assert.include(lifecycle[before], after)
          }
        }),
      { arbitrary: { runs: 15 } }
    )
  })
