import { assert, describe, it } from "@effect/vitest"
import { type Resource, ResourceStore } from "@lockspire/core"
import { Effect, Layer, type Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { Connection, Migrations, PostgresStorage } from "../src/index.ts"
import { TestDatabase } from "../src/testing/index.ts"

const on = (url: Redacted.Redacted, schema?: string) => Connection.layer({ url, schema, maxConnections: 2 })

const tables = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<{ name: string }>`
    SELECT table_schema || '.' || table_name AS name FROM information_schema.tables
    WHERE table_schema NOT IN ('pg_catalog', 'information_schema') ORDER BY 1`
  return rows.map((row) => row.name)
})

const all = [
  { id: 1, name: "initial" },
  { id: 2, name: "high_assurance" },
  { id: 3, name: "unread_index" },
  { id: 4, name: "word_of_changes" }
]

describe("migrations", () => {
  it.live("are pending on an empty database, run once, and are then not pending", () =>
    Effect.gen(function* () {
      const url = yield* TestDatabase.create("template1")
      yield* Effect.gen(function* () {
        assert.deepStrictEqual(yield* Migrations.pending, all)
        assert.deepStrictEqual(yield* tables, [])
        assert.deepStrictEqual(yield* Migrations.run, all)
        assert.deepStrictEqual(yield* Migrations.pending, [])
        assert.deepStrictEqual(yield* Migrations.run, [])
        assert.include(yield* tables, "public.authorization_codes")
        assert.include(yield* tables, "public.lockspire_migrations")
      }).pipe(Effect.provide(on(url)))
    })
  )

  it.live("run once however many processes start at the same time", () =>
    Effect.gen(function* () {
      const url = yield* TestDatabase.create("template1")
      const ran = yield* Effect.all(
        Array.from({ length: 6 }, () => Effect.provide(Migrations.run, on(url, "together"), { local: true })),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(ran.filter((applied) => applied.length > 0).length, 1)
    })
  )

  it.live("and stores keep to the schema that the connection names, and create it", () =>
    Effect.gen(function* () {
      const url = yield* TestDatabase.create("template1")
      const resource: Resource.Resource = {
        issuer: "https://a.example",
        identifier: "https://api.example",
        scopes: ["read"],
        accessTokenFormat: "opaque",
        introspectionClients: []
      }
      yield* Effect.gen(function* () {
        assert.deepStrictEqual(yield* Migrations.pending, all)
        yield* Migrations.run
        assert.isTrue((yield* tables).every((name) => name.startsWith("lockspire_one.")))
        yield* (yield* ResourceStore).put(resource)
      }).pipe(Effect.provide(PostgresStorage.layerUrl({ url, schema: "lockspire_one" })))
      yield* Effect.gen(function* () {
        yield* Migrations.run
        assert.deepStrictEqual(yield* (yield* ResourceStore).list(resource.issuer), [])
      }).pipe(Effect.provide(PostgresStorage.layerUrl({ url, schema: "lockspire_two" })))
    })
  )

  it.live("a schema name that would need quoting is refused before anything is sent", () =>
    Effect.gen(function* () {
      const url = yield* TestDatabase.create("template1")
      for (const schema of ["", "Upper", "1st", `a"; DROP SCHEMA public; --`, "pg,public"]) {
        const error = yield* Effect.flip(Effect.scoped(Layer.build(on(url, schema))))
        assert.strictEqual(error._tag, "SchemaNameInvalid")
      }
    })
  )
})
