import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { AuthorizationCodeStore, ClientStore, Policy, TokenStore, Transaction } from "@lockspire/core"
import { Cause, Deferred, Effect, Exit, Fiber, Layer, Option, String } from "effect"
import { SqlClient } from "effect/sql"
import {
  authorizationCode,
  client,
  grant,
  grantOf,
  issuer,
  longAgo,
  now
} from "../../core/src/testing/contract/records.ts"
import { PostgresStorage } from "../src/index.ts"
import { TestDatabase } from "../src/testing/index.ts"

describe("nodes", () => {
  it.live("prune without waiting for one another: what another node is deleting is skipped", () =>
    Effect.gen(function* () {
      const codes = yield* AuthorizationCodeStore
      const { within } = yield* Transaction
      for (let times = 0; times < 5; times++) {
        const code = authorizationCode({ expiresAt: longAgo })
        yield* codes.issue(code, grantOf(code), [])
      }
      const [deleted, finish] = [yield* Deferred.make<number>(), yield* Deferred.make<void>()]
      const first = yield* Effect.forkChild(
        within(
          Effect.gen(function* () {
            yield* Deferred.succeed(deleted, yield* codes.prune(now, 2))
            yield* Deferred.await(finish)
          })
        )
      )
      assert.strictEqual(yield* Deferred.await(deleted), 2)
      assert.strictEqual(yield* codes.prune(now, 10), 3)
      yield* Deferred.succeed(finish, undefined)
      yield* Fiber.join(first)
    }).pipe(Effect.provide(TestDatabase.storage))
  )

  it.live("one that a deadlock ended is run again, and both succeed", () =>
    Effect.gen(function* () {
      const policies = yield* Policy.PolicyStore
      const { within } = yield* Transaction
      const locked = [yield* Deferred.make<void>(), yield* Deferred.make<void>()] as const
      let runs = 0
      const both = (own: 0 | 1, other: 0 | 1) =>
        within(
          Effect.gen(function* () {
            runs++
            yield* policies.put(`https://${own}.example`, { accessTokenLifetime: 60 + own })
            yield* Deferred.succeed(locked[own], undefined)
            yield* Deferred.await(locked[other])
            yield* policies.put(`https://${other}.example`, { accessTokenLifetime: 60 + own })
          })
        )
      yield* Effect.all([both(0, 1), both(1, 0)], { concurrency: "unbounded" })
      assert.isAtLeast(runs, 3)
      assert.deepStrictEqual(yield* policies.find("https://0.example"), yield* policies.find("https://1.example"))
    }).pipe(Effect.provide(TestDatabase.storage))
  )

  it.live("waiting too long for a lock is StorageUnavailable; a broken statement of ours is not", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const policies = yield* Policy.PolicyStore
      const { within } = yield* Transaction
      yield* policies.put(issuer, {})
      const locked = yield* Deferred.make<void>()
      const holder = yield* Effect.forkChild(
        within(
          Effect.gen(function* () {
            yield* policies.put(issuer, { accessTokenLifetime: 60 })
            yield* Deferred.succeed(locked, undefined)
            return yield* Effect.never
          })
        )
      )
      yield* Deferred.await(locked)
      const refused = yield* Effect.exit(
        within(Effect.andThen(sql`SET LOCAL lock_timeout = '50ms'`, policies.put(issuer, {})))
      )
      assert.propertyVal(defectOf(refused), "_tag", "StorageUnavailable")
      yield* Fiber.interrupt(holder)
      assert.deepStrictEqual(yield* policies.find(issuer), {})
      yield* sql`DROP TABLE policies`
      assert.propertyVal(defectOf(yield* Effect.exit(policies.find(issuer))), "_tag", "SqlError")
    }).pipe(Effect.provide(TestDatabase.storage))
  )
})

describe("a host's own client", () => {
  it.live("may rename columns and JSON members: the stores read and write names as they are", () =>
    Effect.gen(function* () {
      const url = yield* TestDatabase.create()
      yield* Effect.gen(function* () {
        const clients = yield* ClientStore
        const tokens = yield* TokenStore
        const record = client({
          metadata: { logo_uri: "https://client.example/", nested: { snake_case: 1, camelCase: 2 } }
        })
        yield* clients.put(record)
        assert.deepStrictEqual(yield* clients.find(issuer, record.clientId), Option.some(record))
        const of = grant({ clientId: record.clientId, claims: { id_token: { given_name: null } } })
        yield* tokens.insertGrant(of)
        assert.deepStrictEqual(yield* tokens.findGrant(issuer, of.grantId), Option.some(of))
      }).pipe(
        Effect.provide(
          PostgresStorage.layer.pipe(
            Layer.provide(
              PgClient.layer({
                url,
                transformQueryNames: String.camelToSnake,
                transformResultNames: String.snakeToCamel
              })
            )
          )
        )
      )
    })
  )
})

const defectOf = (exit: Exit.Exit<unknown, unknown>): unknown =>
  Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
