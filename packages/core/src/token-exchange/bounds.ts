/** How far an exchange may reach: the targets and the scope that a rule and the subject token leave open. */
import { Effect } from "effect"
import { InvalidScope, InvalidTarget } from "../oauth/OAuthError.ts"
import { every, optional, type Parameters } from "../oauth/Parameters.ts"
import * as Scope from "../oauth/Scope.ts"
import { requestedResources } from "../resource/registry.ts"
import { normalForm, type Resource } from "../resource/Resource.ts"
import type { ExchangeRule } from "./ExchangeRule.ts"

/** A resource may be spelled in any way of the same normal form. */
const isSame = (one: string, other: string): boolean => {
  const normal = normalForm(one)
  return one === other || (normal !== undefined && normal === normalForm(other))
}

const names = (rule: ExchangeRule, target: string): boolean => rule.targets.some((one) => isSame(one, target))

/**
 * The resources that `resource` and `audience` name (RFC 8693 §2.1), all of them registered. Where neither is sent, the
 * one target that the rules have; a token that is for nothing in particular would be for everything.
 */
export const requestedTargets = Effect.fnUntraced(function* (
  parameters: Parameters,
  rules: ReadonlyArray<ExchangeRule>,
  resources: ReadonlyArray<Resource>
) {
  const registered = resources.map((resource) => resource.identifier)
  const byResource = yield* requestedResources(parameters, registered, "ResourceUnknown")
  const byAudience = yield* Effect.forEach(every(parameters, "audience"), (received) => {
    const found = registered.find((one) => isSame(one, received))
    return found === undefined
      ? Effect.fail(new InvalidTarget({ reason: "ResourceUnknown", parameter: "audience", received }))
      : Effect.succeed(found)
  })
  const targets = [...new Set([...byResource, ...byAudience])]
  if (targets.length > 0) return targets
  const only = registered.filter((one) => rules.some((rule) => names(rule, one)))
  return only.length === 1 ? only : yield* new InvalidTarget({ reason: "TargetMissing", parameter: "resource" })
})

/** The rules that name every target. */
export const rulesForTargets = (
  rules: ReadonlyArray<ExchangeRule>,
  targets: ReadonlyArray<string>
): Effect.Effect<ReadonlyArray<ExchangeRule>, InvalidTarget> => {
  const fit = rules.filter((rule) => targets.every((target) => names(rule, target)))
  return fit.length > 0
    ? Effect.succeed(fit)
    : Effect.fail(new InvalidTarget({ reason: "TargetNotAllowed", received: targets.join(" ") }))
}

/**
 * The scope asked for, within the subject token's and within one rule's; without one, as much of the subject token's as
 * the first rule has.
 */
export const allowedScope = Effect.fnUntraced(function* (
  parameters: Parameters,
  rules: ReadonlyArray<ExchangeRule>,
  granted: ReadonlyArray<string>
) {
  const text = yield* optional(parameters, "scope")
  const first = rules[0]!
  if (text === undefined) return { rule: first, scope: granted.filter((one) => first.scopes.includes(one)) }
  const scope = yield* Scope.parse(text)
  const rule = rules.find((one) => Scope.isSubset(scope, one.scopes))
  const refused = (expected: ReadonlyArray<string>) =>
    new InvalidScope({ reason: "ScopeNotGranted", expected: Scope.format(expected), received: text })
  if (!Scope.isSubset(scope, granted)) return yield* refused(granted)
  if (rule === undefined) return yield* refused(first.scopes)
  return { rule, scope }
})
