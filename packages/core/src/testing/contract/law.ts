/** What several suites ask of every store. */
import { assert } from "@effect/vitest"
import { Effect, Option } from "effect"
import type { Lifecycle } from "../../oauth/Lifecycle.ts"
import { Transaction } from "../../storage/Transaction.ts"

/** Storage has real connections and real locks, so a suite runs with the real clock; times are passed to the ports. */
export const options = { timeout: "60 seconds", excludeTestServices: true } as const

/** What `effect` answers to each of `times` concurrent calls. */
export const together = <A, E, R>(times: number, effect: (index: number) => Effect.Effect<A, E, R>) =>
  Effect.all(
    Array.from({ length: times }, (_, index) => effect(index)),
    { concurrency: "unbounded" }
  )

/** Exactly one of ten concurrent calls receives `true`. */
export const exactlyOneWins = Effect.fnUntraced(function* <E, R>(move: Effect.Effect<boolean, E, R>) {
  const outcomes = yield* together(10, () => move)
  assert.strictEqual(outcomes.filter((won) => won).length, 1)
})

/** Runs `effect` in a transaction that then fails, so that nothing of it may be left. */
export const undone = Effect.fnUntraced(function* <A, E, R>(effect: Effect.Effect<A, E, R>) {
  const transaction = yield* Transaction
  const failure = yield* Effect.flip(transaction.within(Effect.andThen(effect, Effect.fail("undo"))))
  assert.strictEqual(failure, "undo")
})

/**
 * Makes the moves one after another and holds each to the table: a state changes only along it, a move that changed it
 * said so, and one that leaves a final state alone said that.
 */
export const agrees = Effect.fnUntraced(function* <State extends { readonly _tag: string }>(
  lifecycle: Lifecycle<State>,
  find: Effect.Effect<Option.Option<State>>,
  moves: ReadonlyArray<Effect.Effect<boolean>>
) {
  const state = Effect.map(find, (found): State["_tag"] => Option.getOrThrow(found)._tag)
  for (const move of moves) {
    const before = yield* state
    const moved = yield* move
    const after = yield* state
    if (before !== after) {
      assert.isTrue(moved, `${before} became ${after}, and the move said it had not`)
      assert.include(lifecycle[before], after)
    } else if (lifecycle[before].length === 0) {
      assert.isFalse(moved, `${before} is final, and a move said it had left it`)
    }
  }
})
