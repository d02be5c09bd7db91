import { Context, Effect, Layer, type Option } from "effect"
import * as MemoryTable from "../storage/MemoryTable.ts"
import type { TrustedIssuer } from "./TrustedIssuer.ts"

/** Holds the trusted issuers, per issuer of ours. What it answers is never cached: ending the trust works at once. */
export class TrustedIssuerStore extends Context.Service<
  TrustedIssuerStore,
  {
    readonly find: (issuer: string, identifier: string) => Effect.Effect<Option.Option<TrustedIssuer>>
    /** Every trusted issuer, by identifier. */
    readonly list: (issuer: string) => Effect.Effect<ReadonlyArray<TrustedIssuer>>
    /** Adds the trusted issuer, or replaces the one of its identifier. */
    readonly put: (trusted: TrustedIssuer) => Effect.Effect<void>
    /** `false` when there was none of that identifier. */
    readonly remove: (issuer: string, identifier: string) => Effect.Effect<boolean>
  }
>()("@lockspire/core/jwt-bearer/TrustedIssuerStore") {
  static readonly layerMemory = Layer.effect(
    TrustedIssuerStore,
    Effect.map(MemoryTable.make<TrustedIssuer>(), (table) => {
      const { key } = MemoryTable
      return TrustedIssuerStore.of({
        find: (issuer, identifier) => table.find(key(issuer, identifier)),
        list: (issuer) =>
          table.step((rows) =>
            [...rows.values()]
              .filter((row) => row.issuer === issuer)
              .toSorted((a, b) => (a.identifier < b.identifier ? -1 : 1))
          ),
        put: (trusted) => table.step((rows) => rows.set(key(trusted.issuer, trusted.identifier), trusted)),
        remove: (issuer, identifier) =>
          table.step((rows) => {
            const at = key(issuer, identifier)
            if (rows.get(at) === undefined) return false
            rows.delete(at)
            return true
          })
      })
    })
  )
}
