import { type AuthorizationCode, AuthorizationCodeStore } from "@lockspire/core"
import { Effect, Layer } from "effect"
import { client, done, first, fromDate, orUndefined, prune, toDate, wrote } from "./statement.ts"

interface Row {
  readonly issuer: string
  readonly code_hash: string
  readonly grant_id: string
  readonly client_id: string
  readonly redirect_uri: string
  readonly redirect_uri_sent: boolean
  readonly code_challenge: string | null
  readonly nonce: string | null
  readonly dpop_jkt: string | null
  readonly expires_at: Date
  readonly redeemed_at: Date | null
}

const fromRow = (row: Row): AuthorizationCode.AuthorizationCode => {
  const binding = {
    issuer: row.issuer,
    codeHash: row.code_hash,
    grantId: row.grant_id,
    clientId: row.client_id,
    redirectUri: row.redirect_uri,
    redirectUriSent: row.redirect_uri_sent,
    codeChallenge: orUndefined(row.code_challenge),
    nonce: orUndefined(row.nonce),
    dpopJkt: orUndefined(row.dpop_jkt),
    expiresAt: fromDate(row.expires_at)
  }
  return row.redeemed_at === null
    ? { _tag: "Issued", ...binding }
    : { _tag: "Redeemed", ...binding, redeemedAt: fromDate(row.redeemed_at) }
}

export const layer = Layer.effect(
  AuthorizationCodeStore,
  Effect.map(client, (sql) =>
    AuthorizationCodeStore.of({
      insert: (code) =>
        done(
          sql`INSERT INTO authorization_codes ${sql.insert({
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
          })}`
        ),
      find: (issuer, codeHash) =>
        first(
          sql<Row>`SELECT * FROM authorization_codes WHERE issuer = ${issuer} AND code_hash = ${codeHash}`,
          fromRow
        ),
      // The single-use gate, RFC 6749 §4.1.2: the row moves only if nobody moved it first.
      redeem: (issuer, codeHash, clientId, at) =>
        wrote(sql`
          UPDATE authorization_codes SET redeemed_at = ${toDate(at)}
          WHERE issuer = ${issuer} AND code_hash = ${codeHash} AND client_id = ${clientId}
            AND redeemed_at IS NULL AND expires_at > ${toDate(at)}
          RETURNING 1`),
      prune: (before, limit) => prune(sql, "authorization_codes", sql`expires_at < ${toDate(before)}`, limit)
    })
  )
)
