import { type ProfileRefused, setProfile, type RefusedClient } from "@lockspire/admin"
import { Policy } from "@lockspire/core"
import { Console, Effect, Option, Schema } from "effect"
import { Argument, Command } from "effect/cli"
import { type CommandFailed, failed } from "../../CommandFailed.ts"
import * as flags from "../../flags.ts"
import * as Keys from "../../Keys.ts"
import { operator } from "../../operator.ts"
import * as Profiles from "../../Profiles.ts"

const config = {
  ...Keys.config,
  client: flags.text("client", "Only this client; the server unless given"),
  messageSigning: flags.text(
    "message-signing",
    "What fapi_2_0_message_signing signs, by commas: requests, responses, introspection; everything unless given"
  ),
  profile: Argument.Literals("profile", Policy.securityProfiles).pipe(
    Argument.withDescription("As `profile list` names it")
  )
}

const isMessageSigning = Schema.is(Policy.MessageSigning)

const partsOf = Effect.fnUntraced(function* (profile: Policy.SecurityProfile, given: Option.Option<string>) {
  if (Option.isNone(given)) return undefined
  if (profile !== "fapi_2_0_message_signing") {
    return yield* failed("--message-signing goes with fapi_2_0_message_signing.")
  }
  const parts = given.value.split(",").map((part) => part.trim())
  if (isMessageSigning(parts)) return parts
  return yield* failed("--message-signing takes requests, responses and introspection, separated by commas.")
})

const refusalOf = ({ clientId, failing, profile }: ProfileRefused): CommandFailed =>
  failed(
    `${clientId === undefined ? "The server" : `The client "${clientId}"`} cannot be held to ${profile} yet:`,
    ...failing.flatMap(Profiles.assessmentLines),
    "Nothing was changed."
  )

const warningOf = ({ clientId, failing }: RefusedClient): string =>
  [
    `warning: the client "${clientId}" will be refused until this is mended:`,
    ...failing.flatMap(Profiles.assessmentLines)
  ].join("\n")

export const set = Command.make(
  "set",
  config,
  Effect.fnUntraced(function* ({ client: given, messageSigning: parts, profile, ...input }) {
    const messageSigning = yield* partsOf(profile, parts)
    const client = Option.getOrUndefined(given)
    const { issuer, services } = yield* Profiles.servicesOf(input)
    const { changed, exempt, refusedClients } = yield* setProfile(
      issuer,
      { client, profile, messageSigning },
      yield* operator
    ).pipe(
      Effect.mapError((error) => (error._tag === "ProfileRefused" ? refusalOf(error) : failed(error.message))),
      Effect.provide(services)
    )
    for (const refused of refusedClients) yield* Console.error(warningOf(refused))
    const who = client === undefined ? `The server ${issuer}` : `The client ${client} of ${issuer}`
    const what = profile === "none" ? "to no profile" : `to ${profile}`
    yield* Console.log(`${who} is held ${what} ${changed ? "now" : "already"}.`)
    if (exempt.length > 0) yield* Console.log(`It is exempt from ${exempt.length} of its rules: ${exempt.join(", ")}.`)
    if (changed && client === undefined) yield* Console.log("A server that runs sees it within five seconds.")
  }, Effect.scoped)
).pipe(Command.withDescription("Switch the server, or one client, into a profile, unless what it demands is missing"))
