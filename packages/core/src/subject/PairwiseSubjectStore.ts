import { Context, Effect, Layer, type Option } from "effect"
import * as MemoryTable from "../storage/MemoryTable.ts"

/**
 * Remembers the pseudonyms of OpenID Connect Core §8.1: one random value per sector and subject, made at the first
 * sign-in. Nothing computes it again, so there is no salt that could leak, be lost, or be rotated.
 */
export class PairwiseSubjectStore extends Context.Service<
  PairwiseSubjectStore,
  {
    readonly find: (issuer: string, sector: string, subject: string) => Effect.Effect<Option.Option<string>>
    /** The pseudonym, which is `candidate` when there was none; of any number of concurrent calls all receive the same. */
    readonly assign: (issuer: string, sector: string, subject: string, candidate: string) => Effect.Effect<string>
  }
>()("@lockspire/core/subject/PairwiseSubjectStore") {
  static readonly layerMemory = Layer.effect(
    PairwiseSubjectStore,
    Effect.map(MemoryTable.make<string>(), (table) => {
      const { key } = MemoryTable
      return PairwiseSubjectStore.of({
        find: (issuer, sector, subject) => table.find(key(issuer, sector, subject)),
        assign: (issuer, sector, subject, candidate) =>
          table.step((rows) => {
            const at = key(issuer, sector, subject)
            const known = rows.get(at)
            if (known !== undefined) return known
            rows.set(at, candidate)
            return candidate
          })
      })
    })
  )
}
