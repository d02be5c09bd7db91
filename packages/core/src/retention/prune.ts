/** Deletes what is over: a fibre that any number of nodes may run beside one another. */
import { DateTime, Effect, Layer, Schedule } from "effect"
import { pruned } from "./records.ts"

const batch = 500

/** Deletes everything that is over by now, in small batches; how many records. */
export const pruneOnce = Effect.gen(function* () {
  const now = yield* DateTime.now
  let total = 0
  for (const { keptFor, prune } of pruned) {
    const before = DateTime.subtract(now, { seconds: keptFor })
    let deleted: number
    do {
      deleted = yield* prune(before, batch)
      total += deleted
      yield* Effect.yieldNow
    } while (deleted === batch)
  }
  return total
})

/** Once a minute, not on the same second on every node. A round that fails is told to the log and tried again. */
export const layer = Layer.effectDiscard(
  pruneOnce.pipe(
    Effect.catchCause((cause) => Effect.logWarning("Pruning failed; it is tried again in a minute.", cause)),
    Effect.repeat(Schedule.spaced("1 minute").pipe(Schedule.jittered)),
    Effect.forkScoped
  )
)
