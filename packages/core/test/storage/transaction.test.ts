import { assert, it } from "@effect/vitest"
import { Effect, Fiber, Option, Scheduler } from "effect"
import * as MemoryTable from "../../src/storage/MemoryTable.ts"
import { layerMemory, Transaction } from "../../src/storage/Transaction.ts"

it.live(
  "wherever a transaction in memory was interrupted, nothing of it is left, and nothing else is undone later",
  () =>
    Effect.gen(function* () {
      const table = yield* MemoryTable.make<number>()
      const { within } = yield* Transaction
      const set = (key: string) => table.step((rows) => rows.set(key, 1))
      const has = (key: string) => Effect.map(table.find(key), Option.isSome)
      for (let operations = 3; operations < 60; operations++) {
        const first = yield* Effect.forkChild(
          within(Effect.andThen(set(`in ${operations}`), Effect.never)).pipe(
            Effect.provideService(Scheduler.MaxOpsBeforeYield, operations)
          )
        )
        yield* Effect.yieldNow
        yield* Fiber.interrupt(first)
        yield* set(`out ${operations}`)
        yield* Effect.exit(within(Effect.andThen(set(`failed ${operations}`), Effect.fail("no"))))
        assert.deepStrictEqual(
          yield* Effect.all([has(`in ${operations}`), has(`out ${operations}`), has(`failed ${operations}`)]),
          [false, true, false]
        )
      }
    }).pipe(Effect.provide(layerMemory))
)
