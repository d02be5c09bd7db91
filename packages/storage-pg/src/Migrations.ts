/**
 * The schema, as forward-only migrations that a host runs as part of its own deployment.
 *
 * Nothing here names the schema: tables are created in the first schema of the connection's `search_path`, which is
 * also where every statement of the stores looks. `Connection.layer({ schema })` sets it once.
 */
import { Data, Effect, Layer } from "effect"
import { Migrator, SqlClient, type SqlError } from "effect/sql"
import initial from "./migrations/0001_initial.ts"
import highAssurance from "./migrations/0002_high_assurance.ts"
import unreadIndex from "./migrations/0003_unread_index.ts"
import wordOfChanges from "./migrations/0004_word_of_changes.ts"

/** One migration by its place in the order. */
export interface Migration {
  readonly id: number
  readonly name: string
}

/** The connection has no schema to migrate: its `search_path` names none that exists or could be created. */
export class SchemaMissing extends Data.TaggedError("SchemaMissing")<{ readonly message: string }> {}

export type Failure = Migrator.MigrationError | SqlError.SqlError | SchemaMissing

/** The table that remembers which migrations ran; its name keeps clear of the host's own migrator. */
export const table = "lockspire_migrations"

const loader = Migrator.fromRecord({
  "0001_initial": initial,
  "0002_high_assurance": highAssurance,
  "0003_unread_index": unreadIndex,
  "0004_word_of_changes": wordOfChanges
})

// One lock for all of Lockspire's schemas in a database: migrating is rare and short.
const lock = 5_126_317_904_221_337n

/**
 * Runs the pending migrations in one transaction; what it ran. Of several processes at once one runs them, and the
 * others wait for it and run nothing.
 */
export const run: Effect.Effect<ReadonlyArray<Migration>, Failure, SqlClient.SqlClient> = Effect.gen(function* () {
  const sql = (yield* SqlClient.SqlClient).withoutTransforms()
  return yield* sql.withTransaction(
    Effect.gen(function* () {
      // A migration, or the wait for another process's, may take longer than any request may.
      yield* sql`SELECT set_config('statement_timeout', '0', true), set_config('lock_timeout', '0', true)`
      yield* sql`SELECT pg_advisory_xact_lock(${lock})`
      yield* ensureSchema(sql)
      const ran = yield* Migrator.make({})({ loader, table })
      return ran.map(([id, name]): Migration => ({ id, name }))
    })
  )
})

/** The migrations that have not run yet, in order. Changes nothing. */
export const pending: Effect.Effect<ReadonlyArray<Migration>, Failure, SqlClient.SqlClient> = Effect.gen(function* () {
  const sql = (yield* SqlClient.SqlClient).withoutTransforms()
  const known = yield* loader
  const [found] = yield* sql<{ exists: boolean }>`SELECT to_regclass(${table}) IS NOT NULL AS exists`
  const rows = found?.exists
    ? yield* sql<{ latest: number }>`SELECT coalesce(max(migration_id), 0) AS latest FROM ${sql(table)}`
    : []
  const latest = rows[0]?.latest ?? 0
  return known.filter(([id]) => id > latest).map(([id, name]): Migration => ({ id, name }))
})

/** Migrates when the layer is built. */
export const layer: Layer.Layer<never, Failure, SqlClient.SqlClient> = Layer.effectDiscard(run)

const ensureSchema = Effect.fnUntraced(function* (sql: SqlClient.SqlClient) {
  const [path] = yield* sql<{ schema: string | null; path: string }>`
    SELECT current_schema() AS schema, current_setting('search_path') AS path`
  // Asked first, because CREATE SCHEMA IF NOT EXISTS needs the right to create one even when it exists.
  if (path === undefined || path.schema !== null) return
  yield* /^[a-z_][a-z0-9_]*$/.test(path.path)
    ? sql`CREATE SCHEMA IF NOT EXISTS ${sql(path.path)}`
    : new SchemaMissing({ message: `No schema of the search_path exists: ${path.path}` })
})
