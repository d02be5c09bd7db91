import { assert, describe, it } from "@effect/vitest"
import { ClientStore, Transaction } from "@lockspire/core"
import { Deferred, Effect, Exit, Fiber, Option, Scheduler } from "effect"
import { SqlClient } from "effect/sql"
import { client } from "../../core/src/testing/contract/records.ts"
import { TestDatabase } from "../src/testing/index.ts"
import { together } from "../src/together.ts"

/** Finds nothing, until it is let go; counts how often it was asked. */
const counting = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const go = yield* Deferred.make<void>()
  const asked: Array<string> = []
  const find = together(sql, (issuer, key) =>
    Effect.andThen(
      Effect.sync(() => asked.push(`${issuer} ${key}`)),
      Effect.as(Deferred.await(go), `${issuer} ${key}`)
    )
  )
  return { find, asked, go }
})

/** Comes back when it is so. */
const once = (isSo: () => boolean) => Effect.repeat(Effect.sleep("2 millis"), { until: isSo })

describe("asked at once", () => {
  it.live("whoever asks for one key in one turn shares one statement; another key, or a later turn, has its own", () =>
    Effect.gen(function* () {
      const { asked, find, go } = yield* counting
      const first = yield* Effect.forEach(["a", "a", "b", "a"], (key) => Effect.forkChild(find("i", key)))
      yield* once(() => asked.length >= 2)
      assert.deepStrictEqual(asked.toSorted(), ["i a", "i b"])
      const later = yield* Effect.forkChild(find("i", "a"))
      yield* once(() => asked.length >= 3)
      yield* Deferred.succeed(go, undefined)
      const answers = yield* Effect.forEach([...first, later], Fiber.join)
      assert.deepStrictEqual(answers, ["i a", "i a", "i b", "i a", "i a"])
    }).pipe(Effect.provide(TestDatabase.storage))
  )

  it.live("who asked first and went away leaves nobody waiting, and a failure is everybody's", () =>
    Effect.gen(function* () {
      const { find, go } = yield* counting
      const [first, second] = [yield* Effect.forkChild(find("i", "a")), yield* Effect.forkChild(find("i", "a"))]
      yield* Effect.forkChild(Fiber.interrupt(first))
      yield* Deferred.succeed(go, undefined)
      assert.strictEqual(yield* Fiber.join(second), "i a")

      const failing = together(yield* SqlClient.SqlClient, () => Effect.die("away"))
      const exits = yield* Effect.all([Effect.exit(failing("i", "a")), Effect.exit(failing("i", "a"))], {
        concurrency: "unbounded"
      })
      assert.isTrue(exits.every(Exit.isFailure))
      assert.isTrue(Exit.isFailure(yield* Effect.exit(failing("i", "a"))))
    }).pipe(Effect.provide(TestDatabase.storage))
  )

  it.live("wherever who asked first was interrupted, the key can be asked for again", () =>
    Effect.gen(function* () {
      const find = together(yield* SqlClient.SqlClient, () => Effect.succeed("found"))
      for (let operations = 3; operations < 30; operations++) {
        const key = `${operations}`
        const first = yield* Effect.forkChild(
          Effect.provideService(find("i", key), Scheduler.MaxOpsBeforeYield, operations)
        )
        yield* Effect.yieldNow
        yield* Fiber.interrupt(first)
        assert.strictEqual(yield* find("i", key), "found")
      }
    }).pipe(Effect.provide(TestDatabase.storage))
  )

  it.live("a transaction sees what it wrote, and nobody outside does", () =>
    Effect.gen(function* () {
      const clients = yield* ClientStore
      const { within } = yield* Transaction
      const one = client()
      const find = clients.find(one.issuer, one.clientId)
      const [inside, outside] = yield* within(
        Effect.gen(function* () {
          yield* clients.put(one)
          const elsewhere = yield* Deferred.make<Option.Option<unknown>>()
          yield* Effect.sync(() => Effect.runFork(Effect.flatMap(find, (found) => Deferred.succeed(elsewhere, found))))
          return yield* Effect.all([find, Deferred.await(elsewhere)], { concurrency: "unbounded" })
        })
      )
      assert.isTrue(Option.isSome(inside))
      assert.isTrue(Option.isNone(outside))
    }).pipe(Effect.provide(TestDatabase.storage))
  )
})
