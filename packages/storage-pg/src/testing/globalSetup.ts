/**
 * Vitest global setup: one embedded PostgreSQL for the whole run, with a migrated
 * `template` database that each test file's own database is copied from.
 */
import { PgClient } from "@effect/sql-pg"
import { Effect, Exit, Redacted, Scope } from "effect"
import { SqlClient } from "effect/sql"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import type { ProvidedContext } from "vitest"
import type { TestProject } from "vitest/node"
import * as Connection from "../Connection.ts"
import * as EmbeddedPostgres from "../EmbeddedPostgres.ts"
import * as Migrations from "../Migrations.ts"
import "./ProvidedContext.ts"

interface Running {
  readonly postgres: ProvidedContext["postgres"]
  readonly close: () => Promise<void>
  users: number
}
const shared = globalThis as { __postgres?: Promise<Running> }

const start = async (): Promise<Running> => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "lockspire-pg-"))
  fs.chmodSync(directory, 0o711)
  const dataDir = path.join(directory, "data")
  const scope = Scope.makeUnsafe()
  const pg = await Effect.runPromise(Scope.provide(EmbeddedPostgres.make({ dataDir, fast: true }), scope))
  await Effect.runPromise(
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      yield* sql`CREATE DATABASE template`
    }).pipe(Effect.provide(PgClient.layer({ url: pg.url("postgres") })))
  )
  await Effect.runPromise(Effect.provide(Migrations.run, Connection.layer({ url: pg.url("template") })))
  return {
    postgres: { url: Redacted.value(pg.url("postgres")) },
    users: 0,
    close: async () => {
      await Effect.runPromise(Scope.close(scope, Exit.void))
      fs.rmSync(directory, { recursive: true, force: true })
    }
  }
}

export default async (project: TestProject) => {
  const running = await (shared.__postgres ??= start())
  running.users++
  project.provide("postgres", running.postgres)
  return async () => {
    if (--running.users === 0) {
      delete shared.__postgres
      await running.close()
    }
  }
}
