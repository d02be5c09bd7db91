import { Context, type DateTime, Effect, Layer, Ref } from "effect"
import type { Check } from "./Refusal.ts"

/** One request that was refused, and exactly why. Nothing in it is secret; nothing of it reaches the client. */
export interface Refusal {
  /** Also in the response's `Lockspire-Trace` header and on error pages. */
  readonly trace: string
  readonly at: DateTime.Utc
  readonly issuer: string
  readonly endpoint: string
  readonly clientId: string | undefined
  /** The OAuth error code that the client received. */
  readonly error: string
  readonly reason: string
  readonly parameter: string | undefined
  readonly expected: string | undefined
  readonly received: string | undefined
  /** The rules that were checked, in order; the last one refused. */
  readonly checks: ReadonlyArray<Check>
}

/** Takes every refusal. Never fails, and never delays the answer by more than a write to memory or the log. */
export interface RefusalsPort {
  readonly record: (refusal: Refusal) => Effect.Effect<void>
}

/** One structured log line per refusal, unless a layer brings another port. */
export const Refusals = Context.Reference<RefusalsPort>("@lockspire/core/audit/Refusals", {
  defaultValue: () => ({
    record: ({ checks, ...refusal }) =>
      Effect.logInfo("refused", {
        ...refusal,
        section: checks.findLast((check) => !check.passed)?.rule,
        checks: checks.map((check) => `${check.passed ? "✓" : "✗"} ${check.rule}`)
      })
  })
})

/** The refusals so far, for tests and examples. */
export class RecordedRefusals extends Context.Service<RecordedRefusals, Ref.Ref<ReadonlyArray<Refusal>>>()(
  "@lockspire/core/audit/RecordedRefusals"
) {
  /** `Refusals` that keeps what it takes in memory, oldest first. */
  static readonly layer = Layer.effectContext(
    Effect.map(Ref.make<ReadonlyArray<Refusal>>([]), (recorded) =>
      Context.make(RecordedRefusals, recorded).pipe(
        Context.add(Refusals, {
          record: (refusal) => Ref.update(recorded, (refusals) => [...refusals, refusal])
        })
      )
    )
  )
}
