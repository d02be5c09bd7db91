import { setProfile, type RefusedClient, sentences } from "@lockspire/admin"
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

const partsOf = (
  profile: Policy.SecurityProfile,
  given: Option.Option<string>
): Effect.Effect<Policy.MessageSigning | undefined, CommandFailed> => {
  if (Option.isNone(given)) return Effect.succeed(undefined)
  if (profile !== "fapi_2_0_message_signing") {
    return Effect.fail(failed("--message-signing goes with fapi_2_0_message_signing."))
  }
  const parts = given.value.split(",").map((part) => part.trim())
  return isMessageSigning(parts)
    ? Effect.succeed(parts)
    : Effect.fail(failed("--message-signing takes requests, responses and introspection, separated by commas."))
}

const warningOf = ({ clientId, failing }: RefusedClient): string =>
  `warning: the client "${clientId}" will be refused until this is mended: it ${failing.flatMap(sentences).join(" It ")}`

export const set = Command.make(
  "set",
  config,
  Effect.fnUntraced(function* ({ client: given, messageSigning: parts, profile, ...input }) {
    const messageSigning = yield* partsOf(profile, parts)
    const client = Option.getOrUndefined(given)
    const { issuer, services } = yield* Profiles.servicesOf(input)
    const { changed, refusedClients } = yield* setProfile(
      issuer,
      { client, profile, messageSigning },
      yield* operator
    ).pipe(
      Effect.catch((error) => Effect.fail(failed(error.message, "Nothing was changed."))),
      Effect.provide(services)
    )
    for (const refused of refusedClients) yield* Console.error(warningOf(refused))
    const who = client === undefined ? `The server ${issuer}` : `The client ${client} of ${issuer}`
    const when = client === undefined ? " A server that runs sees it within five seconds." : ""
    yield* Console.log(changed ? `${who} is held to ${profile} now.${when}` : `${who} is held to ${profile} already.`)
  }, Effect.scoped)
).pipe(Command.withDescription("Switch the server, or one client, into a profile, unless what it demands is missing"))
