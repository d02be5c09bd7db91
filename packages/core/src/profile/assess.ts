/** What a profile says about a server or a client: rule by rule, with what to do where one fails. */
import type { MessageSigning, Policy, SecurityProfile } from "../issuer/Policy.ts"
import { rulesInForce, rulesOf } from "./inForce.ts"
import type { Registration } from "./Registration.ts"
import type { Finding, Rule, Rules, ServerFacts } from "./Rule.ts"

/** One rule, and how it stands. */
export interface Assessment {
  readonly rule: Rule
  readonly state: "kept" | "failed" | "exempt"
  /** Why it failed, and what mends it. */
  readonly findings: ReadonlyArray<Finding>
}

const present = (findings: ReadonlyArray<Finding | undefined>) => findings.filter((one) => one !== undefined)

const assess = (rules: Rules, exempt: ReadonlyArray<string>, find: (rule: Rule) => ReadonlyArray<Finding>) =>
  rules.map((rule): Assessment => {
    if (exempt.includes(rule.id)) return { rule, state: "exempt", findings: [] }
    const findings = find(rule)
    return { rule, state: findings.length === 0 ? "kept" : "failed", findings }
  })

/** The server against a profile that it is in, or is to be switched to. */
export const assessServer = (
  profile: SecurityProfile,
  parts: MessageSigning,
  facts: ServerFacts
): ReadonlyArray<Assessment> => assess(rulesOf(profile, parts), [], (rule) => present([rule.server?.(facts)]))

/** A client against every rule in force for it, its exemptions shown as such. */
export const assessClient = (policy: Policy, client: Registration, facts: ServerFacts): ReadonlyArray<Assessment> => {
  const { dangerously_exempt_from: _, ...metadata } = client.metadata
  const all = rulesInForce(policy, { ...client, metadata })
  // Of a profile's rules alone there are exemptions: what is in force all the same is not shown as exempt.
  const held = new Set(rulesInForce(policy, client).map(({ id }) => id))
  const exempt = all.map(({ id }) => id).filter((id) => !held.has(id))
  return assess(all, exempt, (rule) => present([rule.client?.(client, facts), rule.server?.(facts)]))
}
