import { type AuthorizationCode, AuthorizationCodeStore } from "@lockspire/core"
import { Effect, Layer } from "effect"
import { inserting, issuing } from "./issuing.ts"
import { client, done, first, fromDate, orUndefined, prune, toDate, wrote } from "./statement.ts"
import { fromGrant, type GrantRow, toGrant } from "./tokenRows.ts"

/** The grant's columns are null where it was deleted. */
interface Row extends GrantRow {
  readonly code_issuer: string
  readonly code_hash: string
  readonly code_grant_id: string
  readonly code_client_id: string
  readonly redirect_uri: string
  readonly redirect_uri_sent: boolean
  readonly code_challenge: string | null
  readonly nonce: string | null
  readonly dpop_jkt: string | null
  readonly code_expires_at: Date
  readonly redeemed_at: Date | null
}

const columns = `
  grants.*, codes.issuer AS code_issuer, codes.code_hash, codes.grant_id AS code_grant_id,
  codes.client_id AS code_client_id, codes.redirect_uri, codes.redirect_uri_sent, codes.code_challenge, codes.nonce,
  codes.dpop_jkt, codes.expires_at AS code_expires_at, codes.redeemed_at`

const toCode = (row: Row): AuthorizationCode.AuthorizationCode => {
  const binding = {
    issuer: row.code_issuer,
    codeHash: row.code_hash,
    grantId: row.code_grant_id,
    clientId: row.code_client_id,
    redirectUri: row.redirect_uri,
    redirectUriSent: row.redirect_uri_sent,
    codeChallenge: orUndefined(row.code_challenge),
    nonce: orUndefined(row.nonce),
    dpopJkt: orUndefined(row.dpop_jkt),
    expiresAt: fromDate(row.code_expires_at)
  }
  return row.redeemed_at === null
    ? { _tag: "Issued", ...binding }
    : { _tag: "Redeemed", ...binding, redeemedAt: fromDate(row.redeemed_at) }
}

export const layer = Layer.effect(
  AuthorizationCodeStore,
  Effect.map(client, (sql) =>
    AuthorizationCodeStore.of({
      issue: (code, grant, events) => {
        const row = {
          issuer: code.issuer,
          code_hash: code.codeHash,
          grant_id: code.grantId,
          client_id: code.clientId,
          redirect_uri: code.redirectUri,
          redirect_uri_sent: code.redirectUriSent,
          code_challenge: code.codeChallenge,
          nonce: code.nonce,
          dpop_jkt: code.dpopJkt,
          expires_at: toDate(code.expiresAt)
        }
        return done(sql`
          WITH approved AS (INSERT INTO grants ${sql.insert(fromGrant(grant))}),
          issued AS (INSERT INTO authorization_codes ${sql.insert(row)})
          ${inserting(sql, events)}`)
      },
      find: (issuer, codeHash) =>
        first(
          sql<Row>`
            SELECT ${sql.literal(columns)} FROM authorization_codes codes
            LEFT JOIN grants ON grants.issuer = codes.issuer AND grants.grant_id = codes.grant_id
            WHERE codes.issuer = ${issuer} AND codes.code_hash = ${codeHash}`,
          (row) => ({ code: toCode(row), grant: row.grant_id === null ? undefined : toGrant(row) })
        ),
      // The single-use gate, RFC 6749 §4.1.2: the row moves only if nobody moved it first. It is locked first and its
      // grant only if it can move: whoever loses holds no lock on the grant, and can go on to revoke it.
      redeem: (issuer, codeHash, clientId, at, issuance) =>
        wrote(sql`
          WITH code AS (
            SELECT issuer, code_hash, grant_id FROM authorization_codes
            WHERE issuer = ${issuer} AND code_hash = ${codeHash} AND client_id = ${clientId}
              AND redeemed_at IS NULL AND expires_at > ${toDate(at)}
            FOR NO KEY UPDATE
          ), live AS (
            SELECT code.issuer, code.code_hash FROM grants
            JOIN code ON code.issuer = grants.issuer AND code.grant_id = grants.grant_id
            WHERE grants.revoked_at IS NULL
            FOR SHARE OF grants
          ), moved AS (
            UPDATE authorization_codes codes SET redeemed_at = ${toDate(at)}
            FROM live WHERE codes.issuer = live.issuer AND codes.code_hash = live.code_hash
            RETURNING codes.issuer, codes.grant_id
          ), ${issuing(sql, issuance)}`),
      spend: (issuer, codeHash, clientId, at) =>
        wrote(sql`
          UPDATE authorization_codes SET redeemed_at = ${toDate(at)}
          WHERE issuer = ${issuer} AND code_hash = ${codeHash} AND client_id = ${clientId}
            AND redeemed_at IS NULL AND expires_at > ${toDate(at)}
          RETURNING 1`),
      prune: (before, limit) => prune(sql, "authorization_codes", sql`expires_at < ${toDate(before)}`, limit)
    })
  )
)
