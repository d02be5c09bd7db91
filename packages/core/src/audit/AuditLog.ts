/** The append-only record of every transition, written in the transaction that makes it. */
import { Context, type DateTime, Effect, Layer, Schema } from "effect"
import * as MemoryTable from "../storage/MemoryTable.ts"

/** What can happen. One word per transition, named as in the lifecycle tables. */
export const Action = Schema.Literals([
  "pushed_request.pushed",
  "pushed_request.used",
  "interaction.begun",
  "interaction.prompted",
  "interaction.deciding",
  "interaction.completed",
  "interaction.denied",
  "interaction.refused",
  "consent.remembered",
  "consent.revoked",
  "authorization_code.issued",
  "authorization_code.redeemed",
  "authorization_code.spent",
  "authorization_code.replayed",
  "access_token.issued",
  "access_token.revoked",
  "token.exchanged",
  "assertion.redeemed",
  "refresh_token.issued",
  "refresh_token.rotated",
  "refresh_token.used",
  "refresh_token.replayed",
  "refresh_token.reused",
  "grant.revoked",
  "signing_key.created",
  "signing_key.activated",
  "signing_key.retiring",
  "signing_key.retired",
  "signing_key.rewrapped",
  "client.created",
  "client.updated",
  "client.disabled",
  "client.enabled",
  "client_secret.added",
  "client_secret.retired",
  "client_secret.rewrapped",
  "resource.created",
  "resource.updated",
  "exchange_rule.created",
  "exchange_rule.updated",
  "trusted_issuer.created",
  "trusted_issuer.updated",
  "policy.updated",
  "account.created",
  "account.updated"
])
export type Action = typeof Action.Type

/** Who did it: a client by its id, a person by subject, an operator by name, or the server itself. */
export const Actor = Schema.Struct({
  type: Schema.Literals(["client", "subject", "operator", "system"]),
  id: Schema.String
})
export type Actor = typeof Actor.Type

/** One transition. Only identifiers and hashes: no token, code, secret or claim value. */
export const AuditEvent = Schema.Struct({
  issuer: Schema.String,
  at: Schema.DateTimeUtc,
  action: Action,
  actor: Actor,
  /** What it touched, for example `{ type: "grant", id: "…" }`. */
  target: Schema.Struct({ type: Schema.String, id: Schema.String }),
  reason: Schema.UndefinedOr(Schema.String)
})
export type AuditEvent = typeof AuditEvent.Type

/** How many events the layer in memory keeps: the newest. */
export const keptInMemory = 10_000

/** Takes events; has no method that changes or forgets one before its retention ends. */
export class AuditLog extends Context.Service<
  AuditLog,
  {
    /** Appends in the open transaction: the events are stored exactly when the transition is. */
    readonly append: (events: ReadonlyArray<AuditEvent>) => Effect.Effect<void>
    /** The newest events first. */
    readonly latest: (issuer: string, limit: number) => Effect.Effect<ReadonlyArray<AuditEvent>>
    /** Deletes up to `limit` events older than `before`; how many it deleted. */
    readonly prune: (before: DateTime.Utc, limit: number) => Effect.Effect<number>
  }
>()("@lockspire/core/audit/AuditLog") {
  static readonly layerMemory = Layer.effect(
    AuditLog,
    Effect.gen(function* () {
      const events = yield* MemoryTable.make<AuditEvent>()
      let serial = 0
      return AuditLog.of({
        append: (appended) =>
          events.step((rows) => {
            for (const event of appended) {
              rows.set(String(serial), event)
              rows.delete(String(serial - keptInMemory))
              serial++
            }
          }),
        latest: (issuer, limit) =>
          events.step((rows) =>
            [...rows.values()]
              .filter((event) => event.issuer === issuer)
              .toReversed()
              .slice(0, limit)
          ),
        prune: (before, limit) =>
          events.step((rows) => MemoryTable.prune(rows, limit, (row) => MemoryTable.isBefore(row.at, before)))
      })
    })
  )
}
