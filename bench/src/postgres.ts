/** One embedded PostgreSQL with everything that makes commits durable left on, and a database for each contender. */
import { EmbeddedPostgres } from "@lockspire/storage-pg"
import { Effect, Exit, Redacted, Scope } from "effect"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { Pool } from "pg"

export interface Postgres {
  readonly url: (database: string) => string
  readonly create: (database: string) => Promise<string>
  readonly version: string
  readonly close: () => Promise<void>
}

export const startPostgres = async (): Promise<Postgres> => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "lockspire-bench-"))
  // Where we are root PostgreSQL runs as nobody, who must be able to reach its data.
  fs.chmodSync(directory, 0o711)
  const scope = Scope.makeUnsafe()
  // A database that has run for a minute has statistics; without any the planner reads all rows of an issuer.
  const settings = {
    max_connections: "200",
    shared_buffers: "256MB",
    max_wal_size: "4GB",
    autovacuum_naptime: "1s"
  }
  const running = await Effect.runPromise(
    Scope.provide(EmbeddedPostgres.make({ dataDir: path.join(directory, "data"), settings }), scope)
  )
  const url = (database: string) => Redacted.value(running.url(database))
  const admin = new Pool({ connectionString: url("postgres"), max: 1 })
  const version = (await admin.query("SHOW server_version")).rows[0].server_version as string
  return {
    url,
    version,
    create: async (database) => {
      await admin.query(`CREATE DATABASE "${database}"`)
      return url(database)
    },
    close: async () => {
      await admin.end()
      await Effect.runPromise(Scope.close(scope, Exit.void))
      fs.rmSync(directory, { recursive: true, force: true })
    }
  }
}
