import { Context, type DateTime, Effect, Layer } from "effect"
import * as MemoryTable from "../storage/MemoryTable.ts"

/** Remembers values that may be seen once: the `jti` of an assertion, of a proof, of a request object. */
export class ReplayStore extends Context.Service<
  ReplayStore,
  {
    /**
     * `true` the first time the value is seen for that issuer and purpose, on any node, until `until`; of any number of
     * concurrent calls exactly one receives `true`.
     */
    readonly first: (issuer: string, purpose: string, valueHash: string, until: DateTime.Utc) => Effect.Effect<boolean>
    /** Whether the value is remembered; what follows from it may be over by the time it is known. */
    readonly seen: (issuer: string, purpose: string, valueHash: string) => Effect.Effect<boolean>
    /** Deletes up to `limit` values remembered until before `before`; how many. */
    readonly prune: (before: DateTime.Utc, limit: number) => Effect.Effect<number>
  }
>()("@lockspire/core/replay/ReplayStore") {
  static readonly layerMemory = Layer.effect(
    ReplayStore,
    Effect.map(MemoryTable.make<{ readonly until: DateTime.Utc }>(), (table) =>
      ReplayStore.of({
        first: (issuer, purpose, valueHash, until) =>
          table.step((rows) => {
            const at = MemoryTable.key(issuer, purpose, valueHash)
            if (rows.get(at) !== undefined) return false
            rows.set(at, { until })
            return true
          }),
        seen: (issuer, purpose, valueHash) =>
          table.step((rows) => rows.get(MemoryTable.key(issuer, purpose, valueHash)) !== undefined),
        prune: (before, limit) =>
          table.step((rows) => MemoryTable.prune(rows, limit, (row) => MemoryTable.isBefore(row.until, before)))
      })
    )
  )
}
