import { Transaction } from "@lockspire/core"
import { Effect, Layer } from "effect"
import { type SqlClient, SqlError } from "effect/sql"
import { isConflict, toDefect } from "./fault.ts"
import { client } from "./statement.ts"

/** How often a transaction that lost to a deadlock or a serialization failure is tried again. */
const retries = 3

/** Runs `effect` in one transaction of `sql`, or in the one that is open. */
export const within =
  (sql: SqlClient.SqlClient): Transaction["Service"]["within"] =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => {
    // Only the driver's own failures become defects; the pipeline's errors pass through and roll back.
    const once = Effect.catchIf(sql.withTransaction(effect), SqlError.isSqlError, (error) =>
      Effect.die(toDefect(error))
    ) as Effect.Effect<A, E, R>
    const attempt = (left: number): Effect.Effect<A, E, R> =>
      Effect.catchCause(once, (cause) => (left > 0 && isConflict(cause) ? attempt(left - 1) : Effect.failCause(cause)))
    return Effect.flatMap(Effect.serviceOption(sql.transactionService), (open) =>
      open._tag === "Some" ? effect : attempt(retries)
    )
  }

export const layer = Layer.effect(
  Transaction,
  Effect.map(client, (sql) => Transaction.of({ within: within(sql) }))
)
