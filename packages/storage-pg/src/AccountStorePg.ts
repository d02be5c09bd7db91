import { type Account, AccountStore } from "@lockspire/core"
import { Effect, Layer, Option } from "effect"
import { SqlError } from "effect/sql"
import { orDie } from "./fault.ts"
import { cannotBeStored, client, done, first, fromDate, orUndefined, prune, toDate, wrote } from "./statement.ts"

interface AccountRow {
  readonly issuer: string
  readonly subject: string
  readonly username: string
  readonly password_hash: string
  readonly claims: Account.Account["claims"]
  readonly acr: string | null
  readonly amr: ReadonlyArray<string>
}

const toAccount = (row: AccountRow): Account.Account => ({
  issuer: row.issuer,
  subject: row.subject,
  username: row.username,
  passwordHash: row.password_hash,
  claims: row.claims,
  acr: orUndefined(row.acr),
  amr: row.amr
})

const fromAccount = (account: Account.Account) => ({
  issuer: account.issuer,
  subject: account.subject,
  username: account.username,
  password_hash: account.passwordHash,
  claims: JSON.stringify(account.claims),
  acr: account.acr,
  amr: account.amr
})

interface SessionRow {
  readonly issuer: string
  readonly session_hash: string
  readonly subject: string
  readonly auth_time: Date
  readonly acr: string | null
  readonly amr: ReadonlyArray<string>
  readonly expires_at: Date
}

const toSession = (row: SessionRow): Account.AccountSession => ({
  issuer: row.issuer,
  sessionHash: row.session_hash,
  subject: row.subject,
  authTime: fromDate(row.auth_time),
  acr: orUndefined(row.acr),
  amr: row.amr,
  expiresAt: fromDate(row.expires_at)
})

export const layer = Layer.effect(
  AccountStore,
  Effect.map(client, (sql) =>
    AccountStore.of({
      findByUsername: (issuer, username) =>
        cannotBeStored(username)
          ? Effect.succeed(Option.none())
          : first(
              sql<AccountRow>`SELECT * FROM accounts WHERE issuer = ${issuer} AND username = ${username}`,
              toAccount
            ),
      findBySubject: (issuer, subject) =>
        first(sql<AccountRow>`SELECT * FROM accounts WHERE issuer = ${issuer} AND subject = ${subject}`, toAccount),
      create: (account) =>
        wrote(sql`INSERT INTO accounts ${sql.insert(fromAccount(account))} ON CONFLICT DO NOTHING RETURNING 1`),
      // Inside a transaction `withTransaction` is a savepoint: the violation does not spoil what is around it.
      put: (account) =>
        sql
          .withTransaction(
            sql`
              INSERT INTO accounts ${sql.insert(fromAccount(account))}
              ON CONFLICT (issuer, subject) DO UPDATE SET
                username = excluded.username, password_hash = excluded.password_hash, claims = excluded.claims,
                acr = excluded.acr, amr = excluded.amr`
          )
          .pipe(
            Effect.as(true),
            Effect.catchIf(
              (error) => SqlError.isSqlError(error) && error.reason._tag === "UniqueViolation",
              () => Effect.succeed(false)
            ),
            orDie
          ),
      startSession: (session) =>
        done(
          sql`INSERT INTO account_sessions ${sql.insert({
            issuer: session.issuer,
            session_hash: session.sessionHash,
            subject: session.subject,
            auth_time: toDate(session.authTime),
            acr: session.acr,
            amr: session.amr,
            expires_at: toDate(session.expiresAt)
          })}`
        ),
      findSession: (issuer, sessionHash, now) =>
        first(
          sql<SessionRow>`
            SELECT * FROM account_sessions
            WHERE issuer = ${issuer} AND session_hash = ${sessionHash} AND expires_at > ${toDate(now)}`,
          toSession
        ),
      endSession: (issuer, sessionHash) =>
        done(sql`DELETE FROM account_sessions WHERE issuer = ${issuer} AND session_hash = ${sessionHash}`),
      pruneSessions: (before, limit) => prune(sql, "account_sessions", sql`expires_at < ${toDate(before)}`, limit)
    })
  )
)
