/** The connections of the stores: where the database is, and how long we wait for it. */
import { PgClient } from "@effect/sql-pg"
import { Data, Effect, Layer, type Redacted } from "effect"
import type { SqlClient, SqlError } from "effect/sql"

export interface Options {
  readonly url: Redacted.Redacted
  /** The schema that holds the tables; `public` unless said otherwise. */
  readonly schema?: string | undefined
  /** Connections of this process at most, 10 unless said otherwise; opened when needed. */
  readonly maxConnections?: number | undefined
  readonly applicationName?: string | undefined
}

export class SchemaNameInvalid extends Data.TaggedError("SchemaNameInvalid")<{ readonly message: string }> {}

/**
 * A pool of connections whose `search_path` is the schema: no statement names it, and none can miss it. A host that
 * brings a client of its own sets `search_path` there.
 *
 * The timeouts bound how long a request can hang on a lock or on a server that went away; the migrations lift them for
 * themselves.
 */
export const layer = (
  options: Options
): Layer.Layer<PgClient.PgClient | SqlClient.SqlClient, SchemaNameInvalid | SqlError.SqlError> => {
  const schema = options.schema ?? "public"
  if (!/^[a-z_][a-z0-9_]*$/.test(schema)) {
    const message = `The schema name "${schema}" is not made of a-z, 0-9 and _, beginning with a letter or _.`
    return Layer.effectContext(Effect.fail(new SchemaNameInvalid({ message })))
  }
  return PgClient.layer({
    url: options.url,
    maxConnections: options.maxConnections ?? 10,
    applicationName: options.applicationName ?? "lockspire",
    // Statements of different requests share connections and their writes, which halves what a read costs; no more of
    // them than this wait behind one that waits for a lock, or for the disk to have what it wrote. Transactions have a
    // connection to themselves.
    multiplex: true,
    multiplexConcurrency: 4,
    connectTimeout: "3 seconds",
    keepAlive: "10 seconds",
    startupParameters: {
      search_path: schema,
      statement_timeout: "10s",
      lock_timeout: "5s",
      idle_in_transaction_session_timeout: "30s"
    }
  })
}
