import { ManageKeys } from "@lockspire/core"
import { Effect, Option } from "effect"
import { Argument, Command } from "effect/cli"
import { failed } from "../../CommandFailed.ts"
import * as Keys from "../../Keys.ts"
import { operator } from "../../operator.ts"

const config = {
  ...Keys.config,
  kid: Argument.String("kid").pipe(Argument.withDescription("The key, as `key list` names it"))
}

export const retire = Command.make(
  "retire",
  config,
  Effect.fnUntraced(function* ({ kid, ...input }) {
    const { database, issuer } = yield* Keys.targetOf(input)
    const key = yield* Keys.currentKey(input)
    yield* Effect.gen(function* () {
      if (!(yield* ManageKeys.retire(issuer, kid, yield* operator))) {
        return yield* failed(
          `There is no key ${kid} of ${issuer} that could be retired: a key that signs is rotated first.`
        )
      }
      yield* Keys.print(issuer)
    }).pipe(Effect.provide(Keys.services(database, key, Option.none())))
  }, Effect.scoped)
).pipe(
  Command.withDescription(
    "Take a key that does not sign out of the JWK Set at once: what it signed is worth nothing from then on"
  )
)
