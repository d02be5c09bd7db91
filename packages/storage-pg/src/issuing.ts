/** The part of a statement that stores what a move issues; the move and it are stored together or not at all. */
import type { AuditLog, Issuance } from "@lockspire/core"
import type { SqlClient, Statement } from "effect/sql"
import { fromDetails } from "./tokenRows.ts"
import { toDate, toJson } from "./statement.ts"

/**
 * Inserts the events, as many as there are. They are one parameter, so that a statement has one text and is prepared
 * once; `per` names what has a row when they are to be stored.
 */
export const inserting = (
  sql: SqlClient.SqlClient,
  events: ReadonlyArray<AuditLog.AuditEvent>,
  per?: string
): Statement.Fragment => {
  const rows = events.map((event) => ({
    issuer: event.issuer,
    at: toDate(event.at),
    action: event.action,
    actor_type: event.actor.type,
    actor_id: event.actor.id,
    target_type: event.target.type,
    target_id: event.target.id,
    reason: event.reason
  }))
  const columns = sql.literal("issuer, at, action, actor_type, actor_id, target_type, target_id, reason")
  return sql`
    INSERT INTO audit_events (${columns})
    SELECT event.* FROM ${per === undefined ? sql.literal("") : sql.literal(`${per}, `)} json_to_recordset(${JSON.stringify(rows)}::json) AS event (
      issuer text, at timestamptz, action text, actor_type text, actor_id text, target_type text, target_id text,
      reason text
    )`
}

/**
 * Ends the statement that begins with `moved`, a `WITH` query whose one row has the `issuer` and `grant_id` of what
 * moved; answers a row when it did.
 *
 * Each insert takes its row from what the one before it returned: between the parts of a statement PostgreSQL promises
 * no other order. So nothing is issued unless the move happened, and a refresh token is added only after the one before
 * it has left the index of those that are live.
 */
export const issuing = (
  sql: SqlClient.SqlClient,
  { accessToken, events, refreshToken }: Issuance
): Statement.Fragment => {
  const refreshed =
    refreshToken === undefined
      ? sql`SELECT issuer, grant_id FROM moved`
      : sql`
          INSERT INTO refresh_tokens
            (issuer, grant_id, token_hash, client_id, scope, confirmation, issued_at, expires_at)
          SELECT issuer, grant_id, ${refreshToken.tokenHash}, ${refreshToken.clientId}, ${refreshToken.scope}::text[],
            ${toJson(refreshToken.confirmation)}::jsonb, ${toDate(refreshToken.issuedAt)}::timestamptz,
            ${toDate(refreshToken.expiresAt)}::timestamptz
          FROM moved
          RETURNING issuer, grant_id`
  return sql`
    refreshed AS (${refreshed}), issued AS (
      INSERT INTO access_tokens
        (issuer, grant_id, token_hash, client_id, subject, actor, authorization_details, scope, audience, confirmation,
         issued_at, expires_at)
      SELECT issuer, grant_id, ${accessToken.tokenHash}, ${accessToken.clientId}, ${accessToken.subject},
        ${toJson(accessToken.actor)}::json, ${fromDetails(accessToken.authorizationDetails)}::json,
        ${accessToken.scope}::text[], ${accessToken.audience}::text[], ${toJson(accessToken.confirmation)}::jsonb,
        ${toDate(accessToken.issuedAt)}::timestamptz, ${toDate(accessToken.expiresAt)}::timestamptz
      FROM refreshed
      RETURNING 1
    ), logged AS (${inserting(sql, events, "issued")})
    SELECT 1 FROM issued`
}
