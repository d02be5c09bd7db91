/**
 * Grants and their tokens. Revoking a grant writes one row, and every token of it is dead by the join that reads it.
 *
 * Issuing takes the grant's row `FOR SHARE` and revoking takes it for itself, so one waits for the other: a token that
 * races with a revocation is either refused or was there to be revoked.
 */
import { TokenStore } from "@lockspire/core"
import { type DateTime, Effect, Layer } from "effect"
import { inserting, issuing } from "./issuing.ts"
import { all, client, count, done, first, prune, toDate, toJson, wrote } from "./statement.ts"
import { together } from "./together.ts"
import {
  type AccessTokenRow,
  fromGrant,
  type GrantRow,
  type RefreshTokenRow,
  toAccessToken,
  toGrant,
  toLiveGrant,
  toRefreshToken
} from "./tokenRows.ts"

const refreshColumns = `
  grants.*, tokens.token_hash, tokens.client_id AS token_client_id, tokens.scope AS token_scope, tokens.confirmation, tokens.issued_at,
  tokens.expires_at AS token_expires_at, tokens.rotated_at, tokens.replay_until, tokens.request_hash,
  tokens.replays, tokens.sealed_response`

const accessColumns = `
  grants.*, tokens.issuer AS token_issuer, tokens.grant_id AS token_grant_id, tokens.subject AS token_subject,
  tokens.actor, tokens.authorization_details AS token_authorization_details, tokens.token_hash,
  tokens.client_id AS token_client_id, tokens.scope AS token_scope, tokens.audience, tokens.confirmation,
  tokens.issued_at, tokens.expires_at AS token_expires_at, tokens.revoked_at AS token_revoked_at,
  coalesce(clients.disabled, true) AS client_disabled, clients.metadata AS client_metadata`

export const layer = Layer.effect(
  TokenStore,
  Effect.map(client, (sql) => {
    const refresh = sql.literal(refreshColumns)
    const access = sql.literal(accessColumns)

    // The token first and its grant only if the token is still live: whoever loses holds no lock on the grant, and can
    // go on to revoke it without waiting for another loser.
    const usable = (issuer: string, tokenHash: string, clientId: string, at: DateTime.Utc) => sql`
      token AS (
        SELECT issuer, token_hash, grant_id FROM refresh_tokens
        WHERE issuer = ${issuer} AND token_hash = ${tokenHash} AND client_id = ${clientId}
          AND rotated_at IS NULL AND expires_at > ${toDate(at)}
        FOR NO KEY UPDATE
      ), live AS (
        SELECT token.issuer, token.token_hash FROM grants
        JOIN token ON token.issuer = grants.issuer AND token.grant_id = grants.grant_id
        WHERE grants.revoked_at IS NULL
        FOR SHARE OF grants
      )`

    // A token that is used often is asked for by many requests at once.
    const findAccessToken = together(sql, (issuer, tokenHash) =>
      first(
        sql<AccessTokenRow>`
          SELECT ${access} FROM access_tokens tokens
          LEFT JOIN grants ON grants.issuer = tokens.issuer AND grants.grant_id = tokens.grant_id
          LEFT JOIN clients ON clients.issuer = tokens.issuer AND clients.client_id = tokens.client_id
          WHERE tokens.issuer = ${issuer} AND tokens.token_hash = ${tokenHash}
            AND (tokens.grant_id IS NULL OR grants.grant_id IS NOT NULL)`,
        (row) => ({
          token: toAccessToken(row),
          grant: row.token_grant_id === null ? undefined : toGrant(row),
          clientDisabled: row.client_disabled,
          clientMetadata: row.client_metadata ?? {}
        })
      )
    )

    return TokenStore.of({
      insertGrant: (grant) => done(sql`INSERT INTO grants ${sql.insert(fromGrant(grant))}`),
      findGrant: (issuer, grantId) =>
        first(sql<GrantRow>`SELECT * FROM grants WHERE issuer = ${issuer} AND grant_id = ${grantId}`, toGrant),
      grantsOf: (issuer, subject, now) =>
        all(
          sql<GrantRow>`
            SELECT * FROM grants
            WHERE issuer = ${issuer} AND subject = ${subject} AND revoked_at IS NULL AND expires_at > ${toDate(now)}
            ORDER BY created_at DESC, grant_id`,
          toLiveGrant
        ),
      revokeGrant: (issuer, grantId, at, because) =>
        wrote(sql`
          UPDATE grants SET revoked_at = ${toDate(at)}, revoked_because = ${because}
          WHERE issuer = ${issuer} AND grant_id = ${grantId} AND revoked_at IS NULL
          RETURNING 1`),
      // Locked in one order, so that two calls for one subject cannot hold what the other waits for.
      revokeGrantsOf: (issuer, subject, clientId, at, because) =>
        all(
          sql<{ grant_id: string }>`
            WITH live AS (
              SELECT grant_id FROM grants
              WHERE issuer = ${issuer} AND subject = ${subject} AND client_id = ${clientId} AND revoked_at IS NULL
              ORDER BY grant_id FOR NO KEY UPDATE
            )
            UPDATE grants SET revoked_at = ${toDate(at)}, revoked_because = ${because}
            FROM live WHERE grants.issuer = ${issuer} AND grants.grant_id = live.grant_id
            RETURNING grants.grant_id`,
          (row) => row.grant_id
        ),

      issue: (issuance) => {
        const { grantId, issuer } = issuance.accessToken
        const moved =
          grantId === undefined
            ? sql`SELECT ${issuer}::text AS issuer, NULL::text AS grant_id`
            : sql`
                SELECT issuer, grant_id FROM grants
                WHERE issuer = ${issuer} AND grant_id = ${grantId} AND revoked_at IS NULL
                FOR SHARE`
        return wrote(sql`WITH moved AS (${moved}), ${issuing(sql, issuance)}`)
      },
      findAccessToken,
      revokeAccessToken: (issuer, tokenHash, clientId, at) =>
        wrote(sql`
          UPDATE access_tokens SET revoked_at = ${toDate(at)}
          WHERE issuer = ${issuer} AND token_hash = ${tokenHash} AND client_id = ${clientId} AND revoked_at IS NULL
          RETURNING 1`),

      findRefreshToken: (issuer, tokenHash) =>
        first(
          sql<RefreshTokenRow>`
            SELECT ${refresh} FROM refresh_tokens tokens
            JOIN grants ON grants.issuer = tokens.issuer AND grants.grant_id = tokens.grant_id
            WHERE tokens.issuer = ${issuer} AND tokens.token_hash = ${tokenHash}`,
          (row) => ({ token: toRefreshToken(row), grant: toGrant(row) })
        ),
      rotate: (issuer, tokenHash, clientId, at, rotation, issuance) =>
        wrote(sql`
          WITH ${usable(issuer, tokenHash, clientId, at)}, moved AS (
            UPDATE refresh_tokens tokens SET
              rotated_at = ${toDate(at)}, replay_until = ${toDate(rotation.replayUntil)},
              request_hash = ${rotation.requestHash}, sealed_response = ${rotation.sealedResponse ?? null}
            FROM live WHERE tokens.issuer = live.issuer AND tokens.token_hash = live.token_hash
            RETURNING tokens.issuer, tokens.grant_id
          ), ${issuing(sql, issuance)}`),
      replay: (issuer, tokenHash, clientId, at, limit, events) =>
        wrote(sql`
          WITH moved AS (
            UPDATE refresh_tokens SET replays = replays + 1
            WHERE issuer = ${issuer} AND token_hash = ${tokenHash} AND client_id = ${clientId}
              AND rotated_at IS NOT NULL AND replay_until > ${toDate(at)} AND replays < ${limit}
            RETURNING 1
          ), logged AS (${inserting(sql, events, "moved")})
          SELECT 1 FROM moved`),
      prolong: (issuer, tokenHash, clientId, at, until, confirmation, issuance) =>
        wrote(sql`
          WITH ${usable(issuer, tokenHash, clientId, at)}, moved AS (
            UPDATE refresh_tokens tokens SET
              expires_at = ${toDate(until)}, confirmation = ${toJson(confirmation)}::jsonb
            FROM live WHERE tokens.issuer = live.issuer AND tokens.token_hash = live.token_hash
              AND (tokens.confirmation IS NULL OR tokens.confirmation = ${toJson(confirmation)}::jsonb)
            RETURNING tokens.issuer, tokens.grant_id
          ), ${issuing(sql, issuance)}`),
      forgetResponses: (before, limit) =>
        count(sql`
          UPDATE refresh_tokens SET sealed_response = NULL WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM refresh_tokens
            WHERE sealed_response IS NOT NULL AND replay_until < ${toDate(before)}
            LIMIT ${limit} FOR UPDATE SKIP LOCKED
          )) RETURNING 1`),

      pruneAccessTokens: (before, limit) => prune(sql, "access_tokens", sql`expires_at < ${toDate(before)}`, limit),
      pruneRefreshTokens: (before, limit) => prune(sql, "refresh_tokens", sql`expires_at < ${toDate(before)}`, limit),
      pruneGrants: (before, limit) =>
        prune(sql, "grants", sql`expires_at < ${toDate(before)} OR revoked_at < ${toDate(before)}`, limit)
    })
  })
)
