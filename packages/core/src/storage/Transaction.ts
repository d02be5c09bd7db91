/** All or nothing: what a pipeline writes in one `within` is stored together or not at all. */
import { Context, Effect, Exit, Layer, Semaphore } from "effect"
import { Invalidations, makeListeners } from "./Invalidations.ts"

/**
 * A failure or a defect that leaves the outermost `within` undoes everything inside. What must survive a refusal (the revocation that a
 * replay calls for) is therefore a value in here, never a failure.
 */
export class Transaction extends Context.Service<
  Transaction,
  {
    /** Runs `effect` in one transaction; a nested call joins the one that is open. */
    readonly within: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  }
>()("@lockspire/core/storage/Transaction") {}

/** True in a fiber whose effect runs inside `within`. */
const Inside = Context.Reference<boolean>("@lockspire/core/storage/Transaction/Inside", { defaultValue: () => false })

/** What undoes the writes of the transaction that is open, in the order in which they were made. */
export interface Journal {
  isOpen: boolean
  undos: Array<() => void>
}

/**
 * What the in-memory stores share: one lock, held by the transaction that is open, and one journal that undoes
 * its writes. A step outside any transaction waits for the lock too, so nobody reads what may be undone.
 */
export class MemoryDatabase extends Context.Service<
  MemoryDatabase,
  {
    readonly journal: Journal
    /** Runs one synchronous step. */
    readonly atomically: <A>(step: () => A) => Effect.Effect<A>
    /** Tells who keeps something of these rows that they changed. */
    readonly tell: ReturnType<typeof makeListeners>["tell"]
  }
>()("@lockspire/core/storage/MemoryDatabase") {}

/** `Transaction` and `MemoryDatabase` over one lock, and word of what was written. */
export const layerMemory: Layer.Layer<Transaction | MemoryDatabase> = Layer.effectContext(
  Effect.sync(() => {
    const { on, tell } = makeListeners()
    const lock = Semaphore.makeUnsafe(1)
    const journal: Journal = { isOpen: false, undos: [] }
    const open = Effect.sync(() => {
      journal.undos = []
      journal.isOpen = true
    })
    const close = (_: void, exit: Exit.Exit<unknown, unknown>) =>
      Effect.suspend(() => {
        const isUndone = Exit.isFailure(exit)
        if (isUndone) for (const undo of journal.undos.toReversed()) undo()
        journal.undos = []
        journal.isOpen = false
        return isUndone ? tell(() => true) : Effect.void
      })
    const within = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
      Effect.flatMap(Inside, (inside) =>
        inside
          ? effect
          : lock.withPermits(1)(
              Effect.acquireUseRelease(open, () => Effect.provideService(effect, Inside, true), close)
            )
      )
    const atomically = <A>(step: () => A): Effect.Effect<A> =>
      Effect.suspend(() =>
        journal.isOpen
          ? Effect.flatMap(Inside, (inside) => (inside ? Effect.sync(step) : lock.withPermits(1)(Effect.sync(step))))
          : Effect.succeed(step())
      )
    return Context.make(Transaction, Transaction.of({ within })).pipe(
      Context.add(MemoryDatabase, MemoryDatabase.of({ journal, atomically, tell })),
      Context.add(Invalidations, { on })
    )
  })
)
