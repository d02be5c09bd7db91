/** Values that may be seen once. The primary key decides who was first, on whichever node. */
import { ReplayStore } from "@lockspire/core"
import { Effect, Layer } from "effect"
import { client, prune, toDate, wrote } from "./statement.ts"

export const layer = Layer.effect(
  ReplayStore,
  Effect.map(client, (sql) =>
    ReplayStore.of({
      first: (issuer, purpose, valueHash, until) =>
        wrote(sql`
          INSERT INTO replays (issuer, purpose, value_hash, until)
          VALUES (${issuer}, ${purpose}, ${valueHash}, ${toDate(until)})
          ON CONFLICT (issuer, purpose, value_hash) DO NOTHING
          RETURNING 1`),
      seen: (issuer, purpose, valueHash) =>
        wrote(sql`
          SELECT 1 FROM replays WHERE issuer = ${issuer} AND purpose = ${purpose} AND value_hash = ${valueHash}`),
      prune: (before, limit) => prune(sql, "replays", sql`until < ${toDate(before)}`, limit)
    })
  )
)
