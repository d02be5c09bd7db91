import { Context, type DateTime, Effect, Layer, Option } from "effect"
import { type AuditEvent, AuditLog } from "../audit/AuditLog.ts"
import * as MemoryTable from "../storage/MemoryTable.ts"
import { Transaction } from "../storage/Transaction.ts"
import type { Grant, Live } from "../token/Grant.ts"
import type { Issuance } from "../token/Issuance.ts"
import { TokenStore } from "../token/TokenStore.ts"
import type { AuthorizationCode, Issued } from "./AuthorizationCode.ts"

type Shape = Context.Service.Shape<typeof AuthorizationCodeStore>

/** Holds authorization codes by hash, per issuer. */
export class AuthorizationCodeStore extends Context.Service<
  AuthorizationCodeStore,
  {
    /** Adds a code, the grant that it stands for, and the events of both. */
    readonly issue: (code: Issued, grant: Live, events: ReadonlyArray<AuditEvent>) => Effect.Effect<void>
    /** The code with its grant in whatever state, unless that was deleted. */
    readonly find: (
      issuer: string,
      codeHash: string
    ) => Effect.Effect<Option.Option<{ readonly code: AuthorizationCode; readonly grant: Grant | undefined }>>
    /**
     * Moves `Issued` to `Redeemed` and issues what follows, if it is that client's, unexpired at `at`, and its grant
     * `Live`. Of any number of concurrent calls for one code exactly one receives `true`.
     */
    readonly redeem: (
      issuer: string,
      codeHash: string,
      clientId: string,
      at: DateTime.Utc,
      issuance: Issuance
    ) => Effect.Effect<boolean>
    /** Moves `Issued` to `Redeemed` for nothing, if it is that client's and unexpired at `at`. One call receives `true`. */
    readonly spend: (issuer: string, codeHash: string, clientId: string, at: DateTime.Utc) => Effect.Effect<boolean>
    /** Deletes up to `limit` codes that expired before `before`; how many. */
    readonly prune: (before: DateTime.Utc, limit: number) => Effect.Effect<number>
  }
>()("@lockspire/core/authorize/AuthorizationCodeStore") {
  static readonly layerMemory = Layer.effect(
    AuthorizationCodeStore,
    Effect.gen(function* () {
      const { within } = yield* Transaction
      const tokens = yield* TokenStore
      const audit = yield* AuditLog
      const table = yield* MemoryTable.make<AuthorizationCode>()
      const { isBefore, key, prune } = MemoryTable
      const spend = (issuer: string, codeHash: string, clientId: string, at: DateTime.Utc) =>
        table.step((rows) => {
          const code = rows.get(key(issuer, codeHash))
          if (code?._tag !== "Issued" || code.clientId !== clientId || !isBefore(at, code.expiresAt)) return false
          rows.set(key(issuer, codeHash), { ...code, _tag: "Redeemed", redeemedAt: at })
          return true
        })
      const find = Effect.fnUntraced(function* (issuer: string, codeHash: string) {
        const code = Option.getOrUndefined(yield* table.find(key(issuer, codeHash)))
        if (code === undefined) return Option.none()
        const grant = Option.getOrUndefined(yield* tokens.findGrant(issuer, code.grantId))
        return Option.some({ code, grant })
      })
      const issue: Shape["issue"] = Effect.fnUntraced(function* (code, grant, events) {
        yield* tokens.insertGrant(grant)
        yield* table.step((rows) => rows.set(key(code.issuer, code.codeHash), code))
        yield* audit.append(events)
      }, within)
      const redeem: Shape["redeem"] = Effect.fnUntraced(function* (issuer, codeHash, clientId, at, issuance) {
        const found = Option.getOrUndefined(yield* find(issuer, codeHash))
        if (found?.grant?._tag !== "Live" || !(yield* spend(issuer, codeHash, clientId, at))) return false
        return yield* tokens.issue(issuance)
      }, within)
      return AuthorizationCodeStore.of({
        issue,
        find,
        redeem,
        spend,
        prune: (before, limit) => table.step((rows) => prune(rows, limit, (row) => isBefore(row.expiresAt, before)))
      })
    })
  )
}
