/** The decision trace behind every error: which rules were checked, in order, and which one refused. */
import { Context, Effect } from "effect"

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

/** Holds one rule: writes it down, and when it does not hold fails with what `refuse` makes. */
export const check = <E>(rule: string, passed: boolean, refuse: () => E): Effect.Effect<void, E> =>
  Effect.flatMap(Trace, (trace) => {
    trace?.push({ rule, passed })
    return passed ? Effect.void : Effect.fail(refuse())
  })

/** The rule does not hold: writes it down and fails. */
export const refuse = <E>(rule: string, error: E): Effect.Effect<never, E> =>
  Effect.flatMap(Trace, (trace) => {
    trace?.push({ rule, passed: false })
    return Effect.fail(error)
  })

/** Holds one rule that is itself a program: its failure is the refusal. */
export const checking = <A, E, R>(rule: string, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.flatMap(Trace, (trace) =>
    trace === undefined
      ? effect
      : Effect.onExit(effect, (exit) => Effect.sync(() => trace.push({ rule, passed: exit._tag === "Success" })))
  )
