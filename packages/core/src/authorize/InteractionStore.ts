import { Context, type DateTime, Effect, Layer, type Option } from "effect"
import * as MemoryTable from "../storage/MemoryTable.ts"
import type { Interaction, Pending } from "./Interaction.ts"

/** Holds interactions by handle hash, per issuer. Every method is one atomic fact. */
export class InteractionStore extends Context.Service<
  InteractionStore,
  {
    readonly insert: (interaction: Pending) => Effect.Effect<void>
    /** The interaction, whatever its state and however old. */
    readonly find: (issuer: string, handleHash: string) => Effect.Effect<Option.Option<Interaction>>
    /** Binds an interaction that no browser has claimed. Of any number of concurrent calls one receives `true`. */
    readonly claim: (issuer: string, handleHash: string, browserHash: string) => Effect.Effect<boolean>
    /** Notes that the host was asked; moves `Deciding` back to `Pending`. `false` when it is finished. */
    readonly prompted: (
      issuer: string,
      handleHash: string,
      browserHash: string,
      prompt: "login" | "select_account" | "create"
    ) => Effect.Effect<boolean>
    /** Moves an unfinished one to `Deciding` for that subject. `false` when it is finished. */
    readonly deciding: (
      issuer: string,
      handleHash: string,
      browserHash: string,
      subject: string
    ) => Effect.Effect<boolean>
    /**
     * Moves an unfinished, unexpired one of that browser to `Finished`; when `decidedBy` is given only from `Deciding`
     * for that subject. Of any number of concurrent calls exactly one receives `true`.
     */
    readonly finish: (
      issuer: string,
      handleHash: string,
      browserHash: string,
      at: DateTime.Utc,
      decidedBy: string | undefined
    ) => Effect.Effect<boolean>
    /** Deletes up to `limit` interactions that expired before `before`; how many. */
    readonly prune: (before: DateTime.Utc, limit: number) => Effect.Effect<number>
  }
>()("@lockspire/core/authorize/InteractionStore") {
  static readonly layerMemory = Layer.effect(
    InteractionStore,
    Effect.map(MemoryTable.make<Interaction>(), (table) => {
      const { isBefore, key, prune } = MemoryTable
      return InteractionStore.of({
        insert: (interaction) =>
          table.step((rows) => rows.set(key(interaction.issuer, interaction.handleHash), interaction)),
        find: (issuer, handleHash) => table.find(key(issuer, handleHash)),
        claim: (issuer, handleHash, browserHash) =>
          table.step((rows) => {
            const row = rows.get(key(issuer, handleHash))
            if (row === undefined || row._tag === "Finished" || row.browserHash !== undefined) return false
            rows.set(key(issuer, handleHash), { ...row, browserHash })
            return true
          }),
        prompted: (issuer, handleHash, browserHash, prompt) =>
          table.step((rows) => {
            const row = rows.get(key(issuer, handleHash))
            if (row === undefined || row._tag === "Finished" || row.browserHash !== browserHash) return false
            const { createdAt, expiresAt, request } = row
            const prompted = [...new Set([...row.prompted, prompt])]
            rows.set(key(issuer, handleHash), {
              _tag: "Pending",
              issuer,
              handleHash,
              browserHash,
              request,
              createdAt,
              expiresAt,
              prompted
            })
            return true
          }),
        deciding: (issuer, handleHash, browserHash, subject) =>
          table.step((rows) => {
            const row = rows.get(key(issuer, handleHash))
            if (row === undefined || row._tag === "Finished" || row.browserHash !== browserHash) return false
            rows.set(key(issuer, handleHash), { ...row, _tag: "Deciding", subject })
            return true
          }),
        finish: (issuer, handleHash, browserHash, at, decidedBy) =>
          table.step((rows) => {
            const row = rows.get(key(issuer, handleHash))
            if (row === undefined || row._tag === "Finished" || row.browserHash !== browserHash) return false
            if (!isBefore(at, row.expiresAt)) return false
            if (decidedBy !== undefined && (row._tag !== "Deciding" || row.subject !== decidedBy)) return false
            const { createdAt, expiresAt, prompted, request } = row
            rows.set(key(issuer, handleHash), {
              _tag: "Finished",
              issuer,
              handleHash,
              browserHash,
              request,
              createdAt,
              expiresAt,
              prompted,
              finishedAt: at
            })
            return true
          }),
        prune: (before, limit) => table.step((rows) => prune(rows, limit, (row) => isBefore(row.expiresAt, before)))
      })
    })
  )
}
