/** Where the ports of core live: on a PostgreSQL server, or in memory. */
import { MemoryStorage } from "@lockspire/core"
import { Connection, Migrations, PostgresStorage } from "@lockspire/storage-pg"
import { Effect, Layer, Option, Redacted } from "effect"
import { SqlClient, SqlError } from "effect/sql"
import { type CommandFailed, failed } from "./CommandFailed.ts"
import * as DataDirectory from "./DataDirectory.ts"

/** A PostgreSQL database. */
export interface Database {
  readonly url: Redacted.Redacted
  readonly schema: string
}

/** As the flags say it. */
export interface Where {
  readonly databaseUrl: Option.Option<string>
  readonly dataDir: string
  readonly schema: string
}

/** The server of one's own, or the one in the data folder, which has to be there. */
export const existing = Effect.fnUntraced(function* ({ databaseUrl, dataDir, schema }: Where) {
  if (Option.isSome(databaseUrl)) return ofUrl(databaseUrl.value, schema)
  if (!DataDirectory.hasDatabase(dataDir)) {
    return yield* failed(`There is no database in ${dataDir} yet: \`lockspire dev\` makes one; or give --database-url.`)
  }
  const database: Database = { url: yield* DataDirectory.postgres(dataDir), schema }
  return database
})

export const ofUrl = (url: string, schema: string): Database => ({ url: Redacted.make(url), schema })

/** Every port in memory. */
export const memory = MemoryStorage.layer

const connectionTo = ({ schema, url }: Database) => ({ url, schema })

const sentence = (database: Database) => (error: SqlError.SqlError | Connection.SchemaNameInvalid) =>
  SqlError.isSqlError(error)
    ? failed(`The database at ${hostOf(database)} cannot be used: ${reasonOf(error)}`)
    : failed(error.message)

/** The `SqlClient` alone. */
export const connection = (database: Database) =>
  Connection.layer({ ...connectionTo(database), maxConnections: 2 }).pipe(
    Layer.catch((error) => Layer.effectContext(Effect.fail(sentence(database)(error))))
  )

/** Every port, on PostgreSQL. */
export const storage = (database: Database) =>
  PostgresStorage.layerUrl(connectionTo(database)).pipe(
    Layer.catch((error) => Layer.effectContext(Effect.fail(sentence(database)(error))))
  )

/** Runs the pending migrations; what it ran. */
export const migrate = (database: Database) => Migrations.run.pipe(Effect.mapError(migrationFailed(database)))

/** The migrations that have not run. */
export const pending = (database: Database) => Migrations.pending.pipe(Effect.mapError(migrationFailed(database)))

/** The issuers that have signing keys in it. */
export const issuers = (database: Database): Effect.Effect<ReadonlyArray<string>, CommandFailed, SqlClient.SqlClient> =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const rows = yield* sql<{ issuer: string }>`SELECT DISTINCT issuer FROM signing_keys ORDER BY issuer`
    return rows.map((row) => row.issuer)
  }).pipe(Effect.mapError(sentence(database)))

/** Fails when the schema is older than the program. */
export const mustBeMigrated = (database: Database): Effect.Effect<void, CommandFailed, SqlClient.SqlClient> =>
  Effect.flatMap(pending(database), (migrations) =>
    migrations.length === 0 ? Effect.void : Effect.fail(failed(pendingSentence(migrations)))
  )

export const pendingSentence = (migrations: ReadonlyArray<Migrations.Migration>): string =>
  `${migrations.length === 1 ? "A migration is" : `${migrations.length} migrations are`} pending (${migrations
    .map(nameOf)
    .join(", ")}): run \`lockspire migrate\` first.`

export const nameOf = ({ id, name }: Migrations.Migration): string => `${String(id).padStart(4, "0")}_${name}`

const migrationFailed = (database: Database) => (error: Migrations.Failure) =>
  SqlError.isSqlError(error)
    ? sentence(database)(error)
    : failed(`The database at ${hostOf(database)} cannot be migrated: ${error.message}`)

/** The server without the password. */
const hostOf = ({ url }: Database): string => {
  const text = Redacted.value(url)
  return URL.canParse(text) ? new URL(text).host : "(not a URL)"
}

/** The driver's own words, at the end of the chain of causes. */
const reasonOf = (error: unknown): string => {
  let at = error
  while (at instanceof Error && at.cause !== undefined) at = at.cause
  return at instanceof Error ? at.message : String(at)
}
