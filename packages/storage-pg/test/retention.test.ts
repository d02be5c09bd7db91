import { assert, layer } from "@effect/vitest"
import { Retention } from "@lockspire/core"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { TestDatabase } from "../src/testing/index.ts"

layer(TestDatabase.layer, { timeout: "30 seconds", excludeTestServices: true })("retention", (it) => {
  it.effect("every table either says when its records are deleted, or why they stay", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const tables = yield* sql<{ table_name: string }>`
        SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY table_name`
      const declared = [...Retention.pruned.flatMap(({ tables }) => [...tables]), ...Object.keys(Retention.kept)]
      assert.deepStrictEqual(
        tables.map((table) => table.table_name),
        declared.toSorted()
      )
    })
  )
})
