/** Looks into, and reaches into, the database of a server under test. */
import { PgClient } from "@effect/sql-pg"
import { Effect, Redacted } from "effect"
import { SqlClient } from "effect/sql"

/** The rows of one statement, over a connection of its own. */
export const query = <Row extends object>(databaseUrl: string, statement: string): Promise<ReadonlyArray<Row>> =>
  Effect.flatMap(SqlClient.SqlClient, (sql) => sql.unsafe<Row>(statement)).pipe(
    Effect.provide(PgClient.layer({ url: Redacted.make(databaseUrl), maxConnections: 1 })),
    Effect.scoped,
    Effect.runPromise
  )
