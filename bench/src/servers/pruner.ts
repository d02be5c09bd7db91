/** Lockspire's pruner alone, without a pause between its rounds. */
import { Prune } from "@lockspire/core"
import { PostgresStorage } from "@lockspire/storage-pg"
import { Effect, Redacted } from "effect"
import { options, ready } from "./serving.ts"

const { url } = options as { readonly url: string }

Effect.runFork(
  Effect.andThen(Effect.sync(ready), Effect.forever(Prune.pruneOnce)).pipe(
    Effect.provide(PostgresStorage.layerUrl({ url: Redacted.make(url) }))
  )
)
