/** The few shapes that the stores' statements have. Rows keep the column names; no client's transforms apply. */
import { DateTime, Effect, Option } from "effect"
import { SqlClient, type SqlError, type Statement } from "effect/sql"
import { orDie } from "./fault.ts"

/** The client as the stores use it: names and JSON as they are in the database, whatever the host's client does. */
export const client = Effect.map(SqlClient.SqlClient, (sql) => sql.withoutTransforms())

type Run<Row> = Effect.Effect<ReadonlyArray<Row>, SqlError.SqlError>

export const done = (statement: Run<unknown>): Effect.Effect<void> => Effect.asVoid(orDie(statement))

/** Whether the statement, which returns what it wrote, wrote anything. */
export const wrote = (statement: Run<unknown>): Effect.Effect<boolean> =>
  Effect.map(orDie(statement), (rows) => rows.length > 0)

export const count = (statement: Run<unknown>): Effect.Effect<number> =>
  Effect.map(orDie(statement), (rows) => rows.length)

export const first = <Row, A>(statement: Run<Row>, fromRow: (row: Row) => A): Effect.Effect<Option.Option<A>> =>
  Effect.map(orDie(statement), (rows) => (rows[0] === undefined ? Option.none() : Option.some(fromRow(rows[0]))))

export const all = <Row, A>(statement: Run<Row>, fromRow: (row: Row) => A): Effect.Effect<ReadonlyArray<A>> =>
  Effect.map(orDie(statement), (rows) => rows.map(fromRow))

/**
 * Deletes up to `limit` rows that fit `over`; how many. Rows that another node is deleting are skipped, so any number of
 * nodes may prune at once. The rows are chosen once (an array, not a join that the planner may repeat), and locked, so
 * that their places still hold when they are deleted.
 */
export const prune = (
  sql: SqlClient.SqlClient,
  table: string,
  over: Statement.Fragment,
  limit: number
): Effect.Effect<number> =>
  count(sql`
    DELETE FROM ${sql(table)} WHERE ctid = ANY (ARRAY(
      SELECT ctid FROM ${sql(table)} WHERE ${over} LIMIT ${limit} FOR UPDATE SKIP LOCKED
    )) RETURNING 1`)

/** PostgreSQL's `text` has no NUL: nothing that contains one was ever stored, and asking for it would be an error. */
export const cannotBeStored = (text: string): boolean => text.includes("\0")

/** A JSON parameter: the driver takes it as text. */
export const toJson = (value: unknown): string | null => (value === undefined ? null : JSON.stringify(value))

export const toDate = DateTime.toDateUtc
export const fromDate = (date: Date): DateTime.Utc => DateTime.makeUnsafe(date)
export const orUndefined = <A>(value: A | null): A | undefined => (value === null ? undefined : value)
