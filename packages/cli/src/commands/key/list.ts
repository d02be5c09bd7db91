import { Effect, Option } from "effect"
import { Command } from "effect/cli"
import * as Keys from "../../Keys.ts"

export const list = Command.make(
  "list",
  Keys.config,
  Effect.fnUntraced(function* (input) {
    const issuer = yield* Keys.issuerOf(input)
    const key = yield* Keys.currentKey(input)
    const database = yield* Keys.databaseOf(input)
    yield* Effect.provide(Keys.print(issuer), Keys.services(database, key, Option.none()))
  }, Effect.scoped)
).pipe(Command.withDescription("The keys and their states"))
