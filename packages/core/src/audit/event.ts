import type { DateTime } from "effect"
import type { Action, Actor, AuditEvent } from "./AuditLog.ts"

/** Events of one moment, one issuer and one actor. */
export const eventsBy =
  (issuer: string, at: DateTime.Utc, actor: Actor) =>
  (action: Action, type: string, id: string, reason?: string): AuditEvent => ({
    issuer,
    at,
    action,
    actor,
    target: { type, id },
    reason
  })

export const client = (id: string): Actor => ({ type: "client", id })
export const subject = (id: string): Actor => ({ type: "subject", id })
export const operator = (id: string): Actor => ({ type: "operator", id })
export const system: Actor = { type: "system", id: "lockspire" }
