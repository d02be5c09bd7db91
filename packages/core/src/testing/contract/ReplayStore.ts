import { assert, layer } from "@effect/vitest"
import { Effect, type Layer } from "effect"
import { ReplayStore } from "../../replay/ReplayStore.ts"
import type { Transaction } from "../../storage/Transaction.ts"
import { exactlyOneWins, options, together, undone } from "./law.ts"
import { after, issuer, longAgo, now, otherIssuer, unique } from "./records.ts"

/** Every layer that claims to be a `ReplayStore` runs this suite. */
export const suite = <E>(name: string, storage: Layer.Layer<ReplayStore | Transaction, E>) =>
  layer(storage, options)(`ReplayStore (${name})`, (it) => {
    it.effect("a value is seen for the first time once, however many ask at the same time", () =>
      Effect.gen(function* () {
        const replays = yield* ReplayStore
        yield* exactlyOneWins(replays.first(issuer, "jti", unique("value"), after(60)))
      })
    )

    it.effect("issuers, purposes and values do not know of one another", () =>
      Effect.gen(function* () {
        const replays = yield* ReplayStore
        const value = unique("value")
        assert.isTrue(yield* replays.first(issuer, "jti", value, after(60)))
        assert.isTrue(yield* replays.first(otherIssuer, "jti", value, after(60)))
        assert.isTrue(yield* replays.first(issuer, "proof", value, after(60)))
        assert.isTrue(yield* replays.first(issuer, "jti", unique("value"), after(60)))
        assert.isFalse(yield* replays.first(issuer, "jti", value, after(60)))
      })
    )

    it.effect("whether a value was seen can be asked without seeing it", () =>
      Effect.gen(function* () {
        const replays = yield* ReplayStore
        const value = unique("value")
        assert.isFalse(yield* replays.seen(issuer, "jti", value))
        assert.isTrue(yield* replays.first(issuer, "jti", value, after(60)))
        assert.isTrue(yield* replays.seen(issuer, "jti", value))
        assert.isFalse(yield* replays.seen(otherIssuer, "jti", value))
        assert.isFalse(yield* replays.seen(issuer, "proof", value))
      })
    )

    it.effect("a value seen in a transaction that failed was not seen", () =>
      Effect.gen(function* () {
        const replays = yield* ReplayStore
        const value = unique("value")
        yield* undone(replays.first(issuer, "jti", value, after(60)))
        assert.isTrue(yield* replays.first(issuer, "jti", value, after(60)))
      })
    )

    it.effect("prunes what has expired, within the limit, and nothing else", () =>
      Effect.gen(function* () {
        const replays = yield* ReplayStore
        const kept = unique("value")
        yield* replays.first(issuer, "jti", kept, now)
        yield* together(3, () => replays.first(issuer, "jti", unique("value"), longAgo))
        assert.strictEqual(yield* replays.prune(longAgo, 10), 0)
        assert.strictEqual(yield* replays.prune(now, 2), 2)
        assert.strictEqual(yield* replays.prune(now, 10), 1)
        assert.isFalse(yield* replays.first(issuer, "jti", kept, now))
      })
    )
  })
