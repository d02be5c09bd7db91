import { Effect, Option } from "effect"
import { Command } from "effect/cli"
import * as Keys from "../../Keys.ts"

export const list = Command.make(
  "list",
  Keys.config,
  Effect.fnUntraced(function* (input) {
    const { database, issuer } = yield* Keys.targetOf(input)
    const key = yield* Keys.currentKey(input)
    yield* Effect.provide(Keys.print(issuer), Keys.services(database, key, Option.none()))
  }, Effect.scoped)
).pipe(Command.withDescription("The keys and their states"))
