/** The decision trace behind every error: which rules were checked, in order, and which one refused. */
import { Context, Effect, Exit, Fiber } from "effect"

/** One rule that was looked at. */
export interface Check {
  /** The section and the rule, for example `RFC 7636 §4.6: the verifier hashes to the challenge`. */
  readonly rule: string
  readonly passed: boolean
}

/** The checks of the request that is being answered; the edge gives each request its own list. */
export const Trace = Context.Reference<Array<Check> | undefined>("@lockspire/core/audit/Refusal/Trace", {
  defaultValue: () => undefined
})

/** Of the fiber that runs: a step of its own to read it would cost more than the rule does. */
const currentTrace = (): Array<Check> | undefined => {
  const fiber = Fiber.getCurrent()
  return fiber === undefined ? undefined : Context.get(fiber.context, Trace)
}

/**
 * Holds one rule: writes it down, and when it does not hold fails with what `refuse` makes. It is looked at as soon as it
 * is called, so it is written where it holds: `yield* check(…)`.
 */
export const check = <E>(rule: string, passed: boolean, refuse: () => E): Effect.Effect<void, E> => {
  currentTrace()?.push({ rule, passed })
  return passed ? Effect.void : Effect.fail(refuse())
}

/** The rule does not hold: writes it down and fails. */
export const refuse = <E>(rule: string, error: E): Effect.Effect<never, E> => {
  currentTrace()?.push({ rule, passed: false })
  return Effect.fail(error)
}

/** Holds one rule that is itself a program: its failure is the refusal. */
export const checking = <A, E, R>(rule: string, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => {
  const trace = currentTrace()
  if (trace === undefined) return effect
  if (!Exit.isExit(effect)) {
    return Effect.onExit(effect, (exit) => Effect.sync(() => trace.push({ rule, passed: Exit.isSuccess(exit) })))
  }
  trace.push({ rule, passed: Exit.isSuccess(effect) })
  return effect
}
