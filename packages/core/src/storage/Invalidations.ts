/** Word from storage that what was read before is out of date, so that what is kept need not wait until it is too old. */
import { Cache, Context, Effect, type Scope } from "effect"

/** What of storage is kept between requests, by the name of its table. Nothing else is ever kept. */
export type Kept = "policies" | "resources" | "signing_keys"

export interface InvalidationsPort {
  /** Runs `forget` when any node has changed rows of that kind, and when such word may have been missed. */
  readonly on: (kept: Kept, forget: Effect.Effect<void>) => Effect.Effect<void, never, Scope.Scope>
}

/** Optional: a storage that sends no word leaves what is kept to its age. */
export const Invalidations = Context.Reference<InvalidationsPort>("@lockspire/core/storage/Invalidations", {
  defaultValue: () => ({ on: () => Effect.void })
})

type Tell = (isMeant: (kept: Kept) => boolean) => Effect.Effect<void>

/** Those who listen, and how a storage tells them. */
export const makeListeners = (): InvalidationsPort & { readonly tell: Tell } => {
  const listeners = new Set<{ readonly kept: Kept; readonly forget: Effect.Effect<void> }>()
  return {
    on: (kept, forget) => {
      const listener = { kept, forget }
      return Effect.acquireRelease(
        Effect.sync(() => void listeners.add(listener)),
        () => Effect.sync(() => listeners.delete(listener))
      )
    },
    tell: (isMeant) =>
      Effect.suspend(() =>
        Effect.forEach(
          [...listeners].filter(({ kept }) => isMeant(kept)),
          ({ forget }) => forget,
          { discard: true }
        )
      )
  }
}

/** Empties the cache when its rows change. A reading that had begun before is forgotten with the rest. */
export const forgetting = <Key, A, E, R>(kept: Kept, cache: Cache.Cache<Key, A, E, R>) =>
  Effect.flatMap(Invalidations, ({ on }) => on(kept, Cache.invalidateAll(cache)))
