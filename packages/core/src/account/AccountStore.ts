import { Context, type DateTime, Effect, Layer, Option } from "effect"
import * as MemoryTable from "../storage/MemoryTable.ts"
import type { Account, AccountSession } from "./Account.ts"

/** Holds accounts and their browser sessions, per issuer. */
export class AccountStore extends Context.Service<
  AccountStore,
  {
    readonly findByUsername: (issuer: string, username: string) => Effect.Effect<Option.Option<Account>>
    readonly findBySubject: (issuer: string, subject: string) => Effect.Effect<Option.Option<Account>>
    /** Adds an account. `false`, and nothing changes, when its subject or its username is taken. */
    readonly create: (account: Account) => Effect.Effect<boolean>
    /** Adds or replaces the account of that subject. `false`, and nothing changes, when another has its username. */
    readonly put: (account: Account) => Effect.Effect<boolean>
    readonly startSession: (session: AccountSession) => Effect.Effect<void>
    /** The session of that hash, unless it has expired at `now`. */
    readonly findSession: (
      issuer: string,
      sessionHash: string,
      now: DateTime.Utc
    ) => Effect.Effect<Option.Option<AccountSession>>
    readonly endSession: (issuer: string, sessionHash: string) => Effect.Effect<void>
    /** Deletes up to `limit` sessions that expired before `before`; how many it deleted. */
    readonly pruneSessions: (before: DateTime.Utc, limit: number) => Effect.Effect<number>
  }
>()("@lockspire/core/account/AccountStore") {
  static readonly layerMemory = Layer.effect(
    AccountStore,
    Effect.gen(function* () {
      const accounts = yield* MemoryTable.make<Account>()
      const sessions = yield* MemoryTable.make<AccountSession>()
      const { key } = MemoryTable
      const byUsername = (rows: MemoryTable.Rows<Account>, issuer: string, username: string) =>
        [...rows.values()].find((row) => row.issuer === issuer && row.username === username)
      return AccountStore.of({
        findByUsername: (issuer, username) =>
          accounts.step((rows) => Option.fromUndefinedOr(byUsername(rows, issuer, username))),
        findBySubject: (issuer, subject) => accounts.find(key(issuer, subject)),
        create: (account) =>
          accounts.step((rows) => {
            const at = key(account.issuer, account.subject)
            const taken = rows.get(at) ?? byUsername(rows, account.issuer, account.username)
            if (taken !== undefined) return false
            rows.set(at, account)
            return true
          }),
        put: (account) =>
          accounts.step((rows) => {
            const named = byUsername(rows, account.issuer, account.username)
            if (named !== undefined && named.subject !== account.subject) return false
            rows.set(key(account.issuer, account.subject), account)
            return true
          }),
        startSession: (session) => sessions.step((rows) => rows.set(key(session.issuer, session.sessionHash), session)),
        findSession: (issuer, sessionHash, now) =>
          Effect.map(
            sessions.find(key(issuer, sessionHash)),
            Option.filter((session) => session.expiresAt.epochMilliseconds > now.epochMilliseconds)
          ),
        endSession: (issuer, sessionHash) => sessions.step((rows) => rows.delete(key(issuer, sessionHash))),
        pruneSessions: (before, limit) =>
          sessions.step((rows) => MemoryTable.prune(rows, limit, (row) => MemoryTable.isBefore(row.expiresAt, before)))
      })
    })
  )
}
