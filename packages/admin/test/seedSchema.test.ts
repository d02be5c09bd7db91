import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import * as fs from "node:fs"
import { fileURLToPath } from "node:url"
import { jsonSchema, parseSeed } from "../src/index.ts"

const file = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const exported = file("../seed.schema.json")
const current = `${JSON.stringify(jsonSchema(), null, 2)}\n`

// `UPDATE_SCHEMA=1 vitest run --project admin` writes it anew.
if (process.env.UPDATE_SCHEMA === "1") fs.writeFileSync(exported, current)

it("seed.schema.json is the seed's schema", () => {
  assert.deepStrictEqual(JSON.parse(fs.readFileSync(exported, "utf8")), JSON.parse(current))
})

it.effect("seed.example.json has no problem, and nothing to warn about", () =>
  Effect.gen(function* () {
    const { warnings } = yield* parseSeed(fs.readFileSync(file("../../../seed.example.json"), "utf8"))
    assert.deepStrictEqual(warnings, [])
  })
)
