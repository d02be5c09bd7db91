import { assess, failing, type Standing } from "@lockspire/admin"
import { Console, Effect, Option } from "effect"
import { Command } from "effect/cli"
import { failed } from "../../CommandFailed.ts"
import * as flags from "../../flags.ts"
import * as Keys from "../../Keys.ts"
import * as Profiles from "../../Profiles.ts"
import { bold, dim, paragraph } from "../../Terminal.ts"

const config = {
  ...Keys.config,
  client: flags.text("client", "Only this client; the server and every client unless given")
}

/** One of those that are held to rules. */
interface Holder extends Standing {
  readonly name: string
}

const count = (items: ReadonlyArray<unknown>, name: string) =>
  `${items.length} ${items.length === 1 ? name : `${name}s`}`

const section = (holder: Holder): ReadonlyArray<string> => [
  bold(holder.name),
  ...Profiles.inForce(holder).flatMap((text) => paragraph(text, { indent: 2 })),
  ...(holder.assessments.length === 0
    ? [dim("  no rule beyond that")]
    : holder.assessments.flatMap(Profiles.assessmentLines)),
  ""
]

const exemptions = (holders: ReadonlyArray<Holder>) =>
  holders.flatMap(({ assessments }) => assessments.filter(({ state }) => state === "exempt"))

export const check = Command.make(
  "check",
  config,
  Effect.fnUntraced(function* ({ client, ...input }) {
    const { issuer, services } = yield* Profiles.servicesOf(input)
    const { clients, server } = yield* assess(issuer, Option.getOrUndefined(client)).pipe(
      Effect.catchTag("ClientNotFound", (error) => Effect.fail(failed(error.message))),
      Effect.provide(services)
    )
    const holders: ReadonlyArray<Holder> = [
      ...(Option.isNone(client) ? [{ ...server, name: `Server ${issuer}` }] : []),
      ...clients.map((one) => ({ ...one, name: `Client ${one.clientId}` }))
    ]
    yield* Console.log(holders.flatMap(section).join("\n"))
    const failures = holders.flatMap(({ assessments, name }) => {
      const found = failing(assessments)
      return found.length === 0 ? [] : [`${name}: ${count(found, "rule")} not kept.`]
    })
    if (failures.length > 0) return yield* failed(...failures)
    const exempt = exemptions(holders)
    yield* Console.log(
      `Every rule is kept${exempt.length === 0 ? "" : `, but for ${count(exempt, "exemption")}`}: ${
        Option.isSome(client) ? holders[0]!.name : `the server and ${count(clients, "client")}`
      }.`
    )
  }, Effect.scoped)
).pipe(
  Command.withDescription(
    "Hold the server and its clients against the rules in force for them: what fails, why, and what mends it"
  )
)
