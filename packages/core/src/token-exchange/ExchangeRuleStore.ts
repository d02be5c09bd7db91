import { Context, Effect, Layer } from "effect"
import * as MemoryTable from "../storage/MemoryTable.ts"
import type { ExchangeRule } from "./ExchangeRule.ts"

/** Holds the exchange rules, per issuer. What it answers is never cached: removing a rule works at once. */
export class ExchangeRuleStore extends Context.Service<
  ExchangeRuleStore,
  {
    /** Every rule of the issuer, by name. */
    readonly list: (issuer: string) => Effect.Effect<ReadonlyArray<ExchangeRule>>
    /** The rules for one client, by name. */
    readonly ofClient: (issuer: string, clientId: string) => Effect.Effect<ReadonlyArray<ExchangeRule>>
    /** Adds the rule, or replaces the one of its name. */
    readonly put: (rule: ExchangeRule) => Effect.Effect<void>
    /** `false` when there was none of that name. */
    readonly remove: (issuer: string, name: string) => Effect.Effect<boolean>
  }
>()("@lockspire/core/token-exchange/ExchangeRuleStore") {
  static readonly layerMemory = Layer.effect(
    ExchangeRuleStore,
    Effect.map(MemoryTable.make<ExchangeRule>(), (table) => {
      const list = (issuer: string, holds: (rule: ExchangeRule) => boolean) =>
        table.step((rows) =>
          [...rows.values()]
            .filter((row) => row.issuer === issuer && holds(row))
            .toSorted((a, b) => (a.name < b.name ? -1 : 1))
        )
      return ExchangeRuleStore.of({
        list: (issuer) => list(issuer, () => true),
        ofClient: (issuer, clientId) => list(issuer, (rule) => rule.clientId === clientId),
        put: (rule) => table.step((rows) => rows.set(MemoryTable.key(rule.issuer, rule.name), rule)),
        remove: (issuer, name) =>
          table.step((rows) => {
            const at = MemoryTable.key(issuer, name)
            if (rows.get(at) === undefined) return false
            rows.delete(at)
            return true
          })
      })
    })
  )
}
