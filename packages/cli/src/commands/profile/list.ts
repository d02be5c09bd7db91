import { type Policy, Profile } from "@lockspire/core"
import { Console, Effect } from "effect"
import { Command } from "effect/cli"
import * as Profiles from "../../Profiles.ts"
import { bold, paragraph } from "../../Terminal.ts"

const parts: Policy.MessageSigning = ["requests", "responses", "introspection"]

/** The rules that the first list has beyond the second. */
const beyond = (profile: Policy.SecurityProfile, signed: Policy.MessageSigning, base: Policy.SecurityProfile) => {
  const known = new Set(Profile.rulesOf(base, []))
  return Profile.rulesOf(profile, signed)
    .filter((rule) => !known.has(rule))
    .flatMap((rule) => Profiles.ruleLines(rule))
}

const heading = (name: string, text: string) => [bold(name), ...paragraph(text, { indent: 2 })]

export const list = Command.make(
  "list",
  {},
  Effect.fnUntraced(function* () {
    const lines = [
      ...heading("none", "OAuth 2.1 and RFC 9700, as they hold for everybody; no further rule"),
      "",
      ...heading("mcp", "what the Model Context Protocol asks of an authorization server"),
      ...beyond("mcp", [], "none"),
      "",
      ...heading("fapi_2_0_security", "FAPI 2.0 Security Profile (Final)"),
      ...beyond("fapi_2_0_security", [], "none"),
      "",
      ...heading(
        "fapi_2_0_message_signing",
        "FAPI 2.0 Message Signing (Final): all of fapi_2_0_security, and whichever of these three parts are chosen"
      ),
      ...parts.flatMap((part) => [
        ...paragraph(part, { indent: 2, style: bold }),
        ...beyond("fapi_2_0_message_signing", [part], "fapi_2_0_security")
      ])
    ]
    yield* Console.log(lines.join("\n"))
  })
).pipe(Command.withDescription("The security profiles and their rules: id, section, and what each demands"))
