import { Context, type DateTime, Effect, Layer, type Option } from "effect"
import { type AuditEvent, AuditLog } from "../audit/AuditLog.ts"
import * as MemoryTable from "../storage/MemoryTable.ts"
import { Transaction } from "../storage/Transaction.ts"
import type { Pushed, PushedRequest } from "./PushedRequest.ts"

/** Holds pushed requests by the hash of their `request_uri`, per issuer. */
export class PushedRequestStore extends Context.Service<
  PushedRequestStore,
  {
    /** Stores the request and its events, both or neither. */
    readonly insert: (pushed: Pushed, events: ReadonlyArray<AuditEvent>) => Effect.Effect<void>
    /** The request, whatever its state and however old. */
    readonly find: (issuer: string, requestUriHash: string) => Effect.Effect<Option.Option<PushedRequest>>
    /**
     * Moves `Pushed` to `Used`, if it is that client's; however old, since the browser came in time. Of any number of
     * concurrent calls for one request exactly one receives `true`, and stores its events.
     */
    readonly use: (
      issuer: string,
      requestUriHash: string,
      clientId: string,
      at: DateTime.Utc,
      events: ReadonlyArray<AuditEvent>
    ) => Effect.Effect<boolean>
    /** Deletes up to `limit` requests that expired before `before`; how many. */
    readonly prune: (before: DateTime.Utc, limit: number) => Effect.Effect<number>
  }
>()("@lockspire/core/par/PushedRequestStore") {
  static readonly layerMemory = Layer.effect(
    PushedRequestStore,
    Effect.gen(function* () {
      const { within } = yield* Transaction
      const audit = yield* AuditLog
      const table = yield* MemoryTable.make<PushedRequest>()
      const { isBefore, key, prune } = MemoryTable
      return PushedRequestStore.of({
        insert: (pushed, events) =>
          within(
            Effect.andThen(
              table.step((rows) => rows.set(key(pushed.issuer, pushed.requestUriHash), pushed)),
              audit.append(events)
            )
          ),
        find: (issuer, requestUriHash) => table.find(key(issuer, requestUriHash)),
        use: (issuer, requestUriHash, clientId, at, events) => {
          const use = table.step((rows) => {
            const row = rows.get(key(issuer, requestUriHash))
            if (row?._tag !== "Pushed" || row.clientId !== clientId) return false
            rows.set(key(issuer, requestUriHash), { ...row, _tag: "Used", usedAt: at })
            return true
          })
          return within(Effect.tap(use, (used) => (used ? audit.append(events) : Effect.void)))
        },
        prune: (before, limit) => table.step((rows) => prune(rows, limit, (row) => isBefore(row.expiresAt, before)))
      })
    })
  )
}
