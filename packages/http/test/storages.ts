/** Every black-box suite runs on both: the same files, the same promises. */
import { MemoryStorage, Refusals } from "@lockspire/core"
import { TestDatabase } from "@lockspire/storage-pg/testing"
import { Effect, Layer } from "effect"

/** Refusals are what many of these tests provoke, by the thousand: none of them is worth a log line. */
const quiet = Layer.succeed(Refusals, { record: () => Effect.void })

export const memory = Layer.merge(MemoryStorage.layer, quiet)
export const postgres = Layer.merge(TestDatabase.storage, quiet)

export const storages = [
  ["memory", memory],
  ["PostgreSQL", postgres]
] as const
