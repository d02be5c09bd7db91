import { assert, layer } from "@effect/vitest"
import { Effect, type Layer, Option, Schema } from "effect"
import { lifecycle } from "../../authorize/AuthorizationCode.ts"
import { AuthorizationCodeStore } from "../../authorize/AuthorizationCodeStore.ts"
import type { Transaction } from "../../storage/Transaction.ts"
import { agrees, exactlyOneWins, options, together, undone } from "./law.ts"
import { after, authorizationCode, issuer, longAgo, now, otherIssuer, unique } from "./records.ts"

/** Every layer that claims to be an `AuthorizationCodeStore` runs this suite. */
export const suite = <E>(name: string, storage: Layer.Layer<AuthorizationCodeStore | Transaction, E>) =>
  layer(storage, options)(`AuthorizationCodeStore (${name})`, (it) => {
    const inserted = Effect.fnUntraced(function* (over: Parameters<typeof authorizationCode>[0] = {}) {
      const codes = yield* AuthorizationCodeStore
      const code = authorizationCode(over)
      yield* codes.insert(code)
      return { code, codes, redeem: codes.redeem(issuer, code.codeHash, code.clientId, now) }
    })

    it.effect("finds what was inserted, unchanged", () =>
      Effect.gen(function* () {
        const { code, codes } = yield* inserted()
        assert.deepStrictEqual(yield* codes.find(issuer, code.codeHash), Option.some(code))
        const bare = yield* inserted({ codeChallenge: undefined, nonce: undefined, redirectUriSent: false })
        assert.deepStrictEqual(yield* codes.find(issuer, bare.code.codeHash), Option.some(bare.code))
        assert.deepStrictEqual(yield* codes.find(issuer, "unknown"), Option.none())
      })
    )

    it.effect("a redeemed code says when", () =>
      Effect.gen(function* () {
        const { code, codes, redeem } = yield* inserted()
        assert.isTrue(yield* redeem)
        assert.deepStrictEqual(
          yield* codes.find(issuer, code.codeHash),
          Option.some({ ...code, _tag: "Redeemed" as const, redeemedAt: now })
        )
      })
    )

    it.effect("of one issuer's codes another issuer sees and moves none", () =>
      Effect.gen(function* () {
        const { code, codes, redeem } = yield* inserted()
        assert.deepStrictEqual(yield* codes.find(otherIssuer, code.codeHash), Option.none())
        assert.isFalse(yield* codes.redeem(otherIssuer, code.codeHash, code.clientId, now))
        assert.isTrue(yield* redeem)
      })
    )

    it.effect("RFC 6749 §4.1.3: a code is redeemed only by the client that it was issued to", () =>
      Effect.gen(function* () {
        const { code, codes, redeem } = yield* inserted()
        assert.isFalse(yield* codes.redeem(issuer, code.codeHash, "other client", now))
        assert.isTrue(yield* redeem)
      })
    )

    it.effect("a code can be redeemed until it expires, and not at that moment", () =>
      Effect.gen(function* () {
        const { code, codes } = yield* inserted({ expiresAt: after(60) })
        assert.isFalse(yield* codes.redeem(issuer, code.codeHash, code.clientId, after(61)))
        assert.isFalse(yield* codes.redeem(issuer, code.codeHash, code.clientId, after(60)))
        assert.isTrue(yield* codes.redeem(issuer, code.codeHash, code.clientId, after(59.999)))
      })
    )

    it.effect("RFC 6749 §4.1.2: of any number of concurrent redemptions exactly one succeeds", () =>
      Effect.gen(function* () {
        const { redeem } = yield* inserted()
        yield* exactlyOneWins(redeem)
      })
    )

    it.effect("a failure in the transaction leaves the code as it was", () =>
      Effect.gen(function* () {
        const { code, codes, redeem } = yield* inserted()
        yield* undone(redeem)
        assert.deepStrictEqual(yield* codes.find(issuer, code.codeHash), Option.some(code))
      })
    )

    it.effect("prune deletes what expired before, in batches, and nothing else", () =>
      Effect.gen(function* () {
        const { code, codes } = yield* inserted()
        yield* together(5, () => codes.insert(authorizationCode({ expiresAt: longAgo })))
        assert.strictEqual(yield* codes.prune(longAgo, 10), 0)
        assert.strictEqual(yield* codes.prune(after(0.001, longAgo), 2), 2)
        assert.strictEqual(yield* codes.prune(after(0.001, longAgo), 10), 3)
        assert.isTrue(Option.isSome(yield* codes.find(issuer, code.codeHash)))
      })
    )

    it.effect("any number of nodes may prune at once: each record is deleted and counted once", () =>
      Effect.gen(function* () {
        const codes = yield* AuthorizationCodeStore
        yield* together(40, () => codes.insert(authorizationCode({ expiresAt: longAgo })))
        const first = yield* together(8, () => codes.prune(after(1, longAgo), 10))
        const rest = yield* codes.prune(after(1, longAgo), 100)
        assert.strictEqual(
          first.reduce((sum, deleted) => sum + deleted, rest),
          40
        )
      })
    )

    const moves = {
      redeem: now,
      "redeem late": after(61)
    }
    it.effect.prop(
      "any sequence of moves agrees with the lifecycle, and redeems at most once",
      [Schema.Array(Schema.Literals(["redeem", "redeem late", "redeem as another"])).check(Schema.isMaxLength(6))],
      ([sequence]) =>
        Effect.gen(function* () {
          const { code, codes } = yield* inserted({ codeHash: unique("code") })
          let redeemed = 0
          yield* agrees(
            lifecycle,
            codes.find(issuer, code.codeHash),
            sequence.map((move) =>
              Effect.tap(
                move === "redeem as another"
                  ? codes.redeem(issuer, code.codeHash, "another", now)
                  : codes.redeem(issuer, code.codeHash, code.clientId, moves[move]),
                (won) => Effect.sync(() => void (redeemed += won ? 1 : 0))
              )
            )
          )
          assert.strictEqual(redeemed, sequence.includes("redeem") ? 1 : 0)
        }),
      { arbitrary: { runs: 25 } }
    )
  })
