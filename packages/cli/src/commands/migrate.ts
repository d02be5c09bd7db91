/** `lockspire migrate`: brings a database's schema up to this version of the program. */
import { Console, Effect } from "effect"
import { Command } from "effect/cli"
import * as Database from "../Database.ts"
import * as flags from "../flags.ts"

const config = {
  ...flags.database,
  plan: flags.flag("plan", "Only print the pending migrations, change nothing")
}

export const migrate = Command.make(
  "migrate",
  config,
  Effect.fnUntraced(function* ({ plan, ...where }) {
    const database = yield* Database.existing(where)
    const migrations = yield* (plan ? Database.pending(database) : Database.migrate(database)).pipe(
      Effect.provide(Database.connection(database))
    )
    for (const migration of migrations) yield* Console.log(`${plan ? "pending" : "ran"} ${Database.nameOf(migration)}`)
    if (migrations.length === 0) yield* Console.log("Nothing is pending.")
  }, Effect.scoped)
).pipe(Command.withDescription("Run the pending database migrations"))
