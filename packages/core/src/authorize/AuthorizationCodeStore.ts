import { Context, type DateTime, Effect, Layer, type Option } from "effect"
import * as MemoryTable from "../storage/MemoryTable.ts"
import type { AuthorizationCode, Issued } from "./AuthorizationCode.ts"

/** Holds authorization codes by hash, per issuer. */
export class AuthorizationCodeStore extends Context.Service<
  AuthorizationCodeStore,
  {
    readonly insert: (code: Issued) => Effect.Effect<void>
    readonly find: (issuer: string, codeHash: string) => Effect.Effect<Option.Option<AuthorizationCode>>
    /**
     * Moves `Issued` to `Redeemed`, if it is that client's and unexpired at `at`. Of any number of concurrent calls
     * for one code exactly one receives `true`.
     */
    readonly redeem: (issuer: string, codeHash: string, clientId: string, at: DateTime.Utc) => Effect.Effect<boolean>
    /** Deletes up to `limit` codes that expired before `before`; how many. */
    readonly prune: (before: DateTime.Utc, limit: number) => Effect.Effect<number>
  }
>()("@lockspire/core/authorize/AuthorizationCodeStore") {
  static readonly layerMemory = Layer.effect(
    AuthorizationCodeStore,
    Effect.map(MemoryTable.make<AuthorizationCode>(), (table) => {
      const { isBefore, key, prune } = MemoryTable
      return AuthorizationCodeStore.of({
        insert: (code) => table.step((rows) => rows.set(key(code.issuer, code.codeHash), code)),
        find: (issuer, codeHash) => table.find(key(issuer, codeHash)),
        redeem: (issuer, codeHash, clientId, at) =>
          table.step((rows) => {
            const code = rows.get(key(issuer, codeHash))
            if (code?._tag !== "Issued" || code.clientId !== clientId || !isBefore(at, code.expiresAt)) return false
            rows.set(key(issuer, codeHash), { ...code, _tag: "Redeemed", redeemedAt: at })
            return true
          }),
        prune: (before, limit) => table.step((rows) => prune(rows, limit, (row) => isBefore(row.expiresAt, before)))
      })
    })
  )
}
