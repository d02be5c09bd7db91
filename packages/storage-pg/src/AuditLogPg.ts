import { AuditLog } from "@lockspire/core"
import { Effect, Layer } from "effect"
import { inserting } from "./issuing.ts"
import { all, client, done, fromDate, orUndefined, prune, toDate } from "./statement.ts"

interface Row {
  readonly issuer: string
  readonly at: Date
  readonly action: AuditLog.Action
  readonly actor_type: AuditLog.Actor["type"]
  readonly actor_id: string
  readonly target_type: string
  readonly target_id: string
  readonly reason: string | null
}

const toEvent = (row: Row): AuditLog.AuditEvent => ({
  issuer: row.issuer,
  at: fromDate(row.at),
  action: row.action,
  actor: { type: row.actor_type, id: row.actor_id },
  target: { type: row.target_type, id: row.target_id },
  reason: orUndefined(row.reason)
})

export const layer = Layer.effect(
  AuditLog.AuditLog,
  Effect.map(client, (sql) =>
    AuditLog.AuditLog.of({
      append: (events) => (events.length === 0 ? Effect.void : done(sql`${inserting(sql, events)}`)),
      latest: (issuer, limit) =>
        all(sql<Row>`SELECT * FROM audit_events WHERE issuer = ${issuer} ORDER BY id DESC LIMIT ${limit}`, toEvent),
      prune: (before, limit) => prune(sql, "audit_events", sql`at < ${toDate(before)}`, limit)
    })
  )
)
