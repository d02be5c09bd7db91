import { type Consent, ConsentStore } from "@lockspire/core"
import { Effect, Layer } from "effect"
import { all, client, done, first, fromDate, prune, toDate, wrote } from "./statement.ts"

interface Row {
  readonly issuer: string
  readonly subject: string
  readonly client_id: string
  readonly scope: ReadonlyArray<string>
  readonly claims: ReadonlyArray<string>
  readonly resources: ReadonlyArray<string>
  readonly details: ReadonlyArray<string>
  readonly granted_at: Date
  readonly expires_at: Date
}

const fromRow = (row: Row): Consent.Consent => ({
  issuer: row.issuer,
  subject: row.subject,
  clientId: row.client_id,
  scope: row.scope,
  claims: row.claims,
  resources: row.resources,
  details: row.details,
  grantedAt: fromDate(row.granted_at),
  expiresAt: fromDate(row.expires_at)
})

export const layer = Layer.effect(
  ConsentStore,
  Effect.map(client, (sql) =>
    ConsentStore.of({
      find: (issuer, subject, clientId, now) =>
        first(
          sql<Row>`
            SELECT * FROM consents
            WHERE issuer = ${issuer} AND subject = ${subject} AND client_id = ${clientId}
              AND expires_at > ${toDate(now)}`,
          fromRow
        ),
      listOf: (issuer, subject, now) =>
        all(
          sql<Row>`
            SELECT * FROM consents WHERE issuer = ${issuer} AND subject = ${subject} AND expires_at > ${toDate(now)}
            ORDER BY granted_at DESC, client_id`,
          fromRow
        ),
      put: (consent) =>
        done(sql`
          INSERT INTO consents ${sql.insert({
            issuer: consent.issuer,
            subject: consent.subject,
            client_id: consent.clientId,
            scope: consent.scope,
            claims: consent.claims,
            resources: consent.resources,
            details: consent.details,
            granted_at: toDate(consent.grantedAt),
            expires_at: toDate(consent.expiresAt)
          })}
          ON CONFLICT (issuer, subject, client_id) DO UPDATE SET
            scope = excluded.scope, claims = excluded.claims, resources = excluded.resources,
            details = excluded.details,
            granted_at = excluded.granted_at, expires_at = excluded.expires_at`),
      revoke: (issuer, subject, clientId) =>
        wrote(sql`
          DELETE FROM consents WHERE issuer = ${issuer} AND subject = ${subject} AND client_id = ${clientId}
          RETURNING 1`),
      prune: (before, limit) => prune(sql, "consents", sql`expires_at < ${toDate(before)}`, limit)
    })
  )
)
