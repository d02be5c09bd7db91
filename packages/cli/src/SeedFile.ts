/** Seed files at the terminal. */
import { type Applied, type CheckedSeed, line, parseSeed, type SeedInvalid } from "@lockspire/admin"
import { Console, Effect, Redacted } from "effect"
import * as fs from "node:fs"
import { type CommandFailed, failed } from "./CommandFailed.ts"

export const invalid = (error: SeedInvalid): CommandFailed => failed(...error.problems.map(line))

/** Reads and checks a file. */
export const read = (file: string): Effect.Effect<CheckedSeed, CommandFailed> =>
  Effect.try({
    try: () => fs.readFileSync(file, "utf8"),
    catch: (error) => failed(`The seed ${file} cannot be read (${(error as NodeJS.ErrnoException).code}).`)
  }).pipe(Effect.flatMap((text) => Effect.mapError(parseSeed(text), invalid)))

/** What the operator has to know of what was applied: warnings, and secrets that nobody will see again. */
export const report = ({ generatedSecrets, warnings }: Pick<Applied, "generatedSecrets" | "warnings">) =>
  Effect.gen(function* () {
    for (const warning of warnings) yield* Console.log(`warning: ${line(warning)}`)
    for (const { clientId, clientSecret } of generatedSecrets) {
      yield* Console.log(`The client secret of ${clientId}, shown only now: ${Redacted.value(clientSecret)}`)
    }
  })
