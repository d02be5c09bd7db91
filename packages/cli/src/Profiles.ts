/** What the `profile` commands share: their services, and profiles and rules in words. */
import { type ProfileInForce, type Standing } from "@lockspire/admin"
import { MutualTls, Policy, type ProfileAssessment, type ProfileRule } from "@lockspire/core"
import { Effect, Layer } from "effect"
import * as Database from "./Database.ts"
import * as Keys from "./Keys.ts"
import { dim, green, paragraph, red, yellow } from "./Terminal.ts"

/** The issuer, and storage with the policy in force. */
export const servicesOf = Effect.fnUntraced(function* (input: Keys.Input) {
  const { database, issuer } = yield* Keys.targetOf(input)
  const services = Policy.Policies.layer().pipe(
    Layer.provideMerge(Database.storage(database)),
    // Whether certificates reach the server is known by the process that serves: here nothing is refused for it.
    Layer.merge(Layer.succeed(MutualTls, {}))
  )
  return { issuer, services }
})

const spoken = ({ messageSigning, profile }: Omit<ProfileInForce, "source">): string =>
  messageSigning.length === 0 ? profile : `${profile} (${messageSigning.join(", ")})`

/** Which profile is in force, and who set it. */
export const inForce = ({ profiles }: Standing): ReadonlyArray<string> =>
  profiles.length === 0
    ? ["no profile: OAuth 2.1 and RFC 9700, as for everybody"]
    : profiles.map((one) => `${spoken(one)}, set for ${one.source === "policy" ? "the server" : "this client"}`)

/** A rule: what it demands, then its id and where it stands. */
export const ruleLines = (rule: ProfileRule.Rule, lead = "  · "): ReadonlyArray<string> => [
  ...paragraph(rule.demands, { indent: 4, lead }),
  ...paragraph(`${rule.id} · ${rule.section}`, { indent: 4, style: dim })
]

const marks = { kept: green("✓"), failed: red("✗"), exempt: yellow("!") } as const

/** How a rule stands, with what is wrong and what to do about it. */
export const assessmentLines = ({ findings, rule, state }: ProfileAssessment.Assessment): ReadonlyArray<string> => [
  ...ruleLines(rule, `  ${marks[state]} `),
  ...(state === "exempt" ? [`    ${yellow("exempt")}   by dangerously_exempt_from in its registration`] : []),
  ...findings.flatMap(({ fix, problem }) => [
    ...paragraph(problem, { indent: 13, lead: `    ${red("problem")}  ` }),
    ...paragraph(fix, { indent: 13, lead: `    ${green("fix")}      ` })
  ])
]
