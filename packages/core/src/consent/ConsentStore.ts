import { Context, type DateTime, Effect, Layer, Option } from "effect"
import * as MemoryTable from "../storage/MemoryTable.ts"
import type { Consent } from "./Consent.ts"

/** Holds remembered consents, per issuer, subject and client. */
export class ConsentStore extends Context.Service<
  ConsentStore,
  {
    /** The consent, unless it has expired at `now`. */
    readonly find: (
      issuer: string,
      subject: string,
      clientId: string,
      now: DateTime.Utc
    ) => Effect.Effect<Option.Option<Consent>>
    /** The unexpired consents of a subject, newest first. */
    readonly listOf: (issuer: string, subject: string, now: DateTime.Utc) => Effect.Effect<ReadonlyArray<Consent>>
    /** Adds the consent, or replaces the one of its subject and client. */
    readonly put: (consent: Consent) => Effect.Effect<void>
    /** Forgets it; `false` when there was none. */
    readonly revoke: (issuer: string, subject: string, clientId: string) => Effect.Effect<boolean>
    /** Deletes up to `limit` consents that expired before `before`; how many. */
    readonly prune: (before: DateTime.Utc, limit: number) => Effect.Effect<number>
  }
>()("@lockspire/core/consent/ConsentStore") {
  static readonly layerMemory = Layer.effect(
    ConsentStore,
    Effect.map(MemoryTable.make<Consent>(), (table) => {
      const { isBefore, key } = MemoryTable
      return ConsentStore.of({
        find: (issuer, subject, clientId, now) =>
          Effect.map(
            table.find(key(issuer, subject, clientId)),
            Option.filter((consent) => isBefore(now, consent.expiresAt))
          ),
        listOf: (issuer, subject, now) =>
          table.step((rows) =>
            [...rows.values()]
              .filter((row) => row.issuer === issuer && row.subject === subject && isBefore(now, row.expiresAt))
              .toSorted((a, b) => b.grantedAt.epochMilliseconds - a.grantedAt.epochMilliseconds)
          ),
        put: (consent) =>
          table.step((rows) => rows.set(key(consent.issuer, consent.subject, consent.clientId), consent)),
        revoke: (issuer, subject, clientId) =>
          table.step((rows) => {
            const at = key(issuer, subject, clientId)
            if (rows.get(at) === undefined) return false
            rows.delete(at)
            return true
          }),
        prune: (before, limit) =>
          table.step((rows) => MemoryTable.prune(rows, limit, (row) => isBefore(row.expiresAt, before)))
      })
    })
  )
}
