import { Cache, Context, Duration, Effect, Exit, Layer } from "effect"
import type { Resource } from "./Resource.ts"
import { forgetting } from "../storage/Invalidations.ts"
import { ResourceStore } from "./ResourceStore.ts"

/** The registered resources as the pipelines read them: at most five seconds old, and shared by all requests. */
export class Resources extends Context.Service<
  Resources,
  { readonly list: (issuer: string) => Effect.Effect<ReadonlyArray<Resource>> }
>()("@lockspire/core/resource/Resources") {
  static readonly layer = Layer.effect(
    Resources,
    Effect.gen(function* () {
      const store = yield* ResourceStore
      const cache = yield* Cache.makeWith(store.list, {
        capacity: 1024,
        timeToLive: (exit) => (Exit.isSuccess(exit) ? Duration.seconds(5) : Duration.zero)
      })
      yield* forgetting("resources", cache)
      return Resources.of({ list: (issuer) => Cache.get(cache, issuer) })
    })
  )
}
