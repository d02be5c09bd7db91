import { line, profileProblems, SeedInvalid } from "@lockspire/admin"
import { Console, Effect } from "effect"
import { Argument, Command } from "effect/cli"
import * as SeedFile from "../../SeedFile.ts"

export const check = Command.make(
  "check",
  { file: Argument.String("file").pipe(Argument.withDescription("The seed, JSON")) },
  Effect.fnUntraced(function* ({ file }) {
    const { seed, warnings } = yield* SeedFile.read(file)
    const problems = profileProblems(seed)
    if (problems.length > 0) return yield* SeedFile.invalid(new SeedInvalid({ problems }))
    for (const warning of warnings) yield* Console.log(`warning: ${line(warning)}`)
    const count = (name: string, items: ReadonlyArray<unknown> = []) =>
      `${items.length} ${items.length === 1 ? name : `${name}s`}`
    yield* Console.log(
      `${file} is good: ${count("account", seed.accounts)}, ${count("client", seed.clients)}, ${count("resource", seed.resources)}.`
    )
  })
).pipe(Command.withDescription("Say what is wrong with a seed, path by path, without applying it"))
