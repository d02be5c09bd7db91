/** Every black-box suite runs on both: the same files, the same promises. */
import { MemoryStorage } from "@lockspire/core"
import { TestDatabase } from "@lockspire/storage-pg/testing"

export const storages = [
  ["memory", MemoryStorage.layer],
  ["PostgreSQL", TestDatabase.storage]
] as const
