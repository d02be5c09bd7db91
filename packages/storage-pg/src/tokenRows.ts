/** Grants and tokens as rows, and back. */
import { AuthorizationDetails, Claims, type Client, Confirmation, type Grant, type Token } from "@lockspire/core"
import { Schema } from "effect"
import { fromDate, orUndefined, toDate } from "./statement.ts"

export interface GrantRow {
  readonly issuer: string
  readonly grant_id: string
  readonly client_id: string
  readonly subject: string
  readonly sub: string
  readonly sid: string
  readonly scope: ReadonlyArray<string>
  readonly resources: ReadonlyArray<string>
  readonly authorization_details: unknown
  readonly claims: unknown
  readonly claims_locales: ReadonlyArray<string>
  readonly auth_time: Date
  readonly acr: string | null
  readonly amr: ReadonlyArray<string>
  readonly created_at: Date
  readonly expires_at: Date
  readonly revoked_at: Date | null
  readonly revoked_because: string | null
}

const decodeDetails = Schema.decodeUnknownSync(Schema.Array(AuthorizationDetails.AuthorizationDetail))
const toDetails = (column: unknown) => (column === null ? [] : decodeDetails(column))

/** None at all is the common case, and stored as nothing. */
export const fromDetails = (details: ReadonlyArray<AuthorizationDetails.AuthorizationDetail>): string | null =>
  details.length === 0 ? null : JSON.stringify(details)

const decodeClaims = Schema.decodeUnknownSync(Claims.ClaimsRequest)

export const toLiveGrant = (row: GrantRow): Grant.Live => ({
  _tag: "Live",
  issuer: row.issuer,
  grantId: row.grant_id,
  clientId: row.client_id,
  subject: row.subject,
  sub: row.sub,
  sid: row.sid,
  scope: row.scope,
  resources: row.resources,
  authorizationDetails: toDetails(row.authorization_details),
  claims: row.claims === null ? undefined : decodeClaims(row.claims),
  claimsLocales: row.claims_locales,
  authTime: fromDate(row.auth_time),
  acr: orUndefined(row.acr),
  amr: row.amr,
  createdAt: fromDate(row.created_at),
  expiresAt: fromDate(row.expires_at)
})

export const toGrant = (row: GrantRow): Grant.Grant =>
  row.revoked_at === null
    ? toLiveGrant(row)
    : {
        ...toLiveGrant(row),
        _tag: "Revoked",
        revokedAt: fromDate(row.revoked_at),
        revokedBecause: row.revoked_because ?? ""
      }

export const fromGrant = (grant: Grant.Live) => ({
  issuer: grant.issuer,
  grant_id: grant.grantId,
  client_id: grant.clientId,
  subject: grant.subject,
  sub: grant.sub,
  sid: grant.sid,
  scope: grant.scope,
  resources: grant.resources,
  authorization_details: fromDetails(grant.authorizationDetails),
  claims: grant.claims === undefined ? null : JSON.stringify(grant.claims),
  claims_locales: grant.claimsLocales,
  auth_time: toDate(grant.authTime),
  acr: grant.acr,
  amr: grant.amr,
  created_at: toDate(grant.createdAt),
  expires_at: toDate(grant.expiresAt)
})

/** The columns that a token read with its grant has beside the grant's. */
interface JoinedTokenRow extends GrantRow {
  readonly token_hash: string
  readonly token_client_id: string
  readonly token_scope: ReadonlyArray<string>
  readonly issued_at: Date
  readonly token_expires_at: Date
  readonly confirmation: unknown
}

/** The grant's columns are null for a token that has none. */
export interface AccessTokenRow extends JoinedTokenRow {
  readonly token_issuer: string
  readonly token_grant_id: string | null
  readonly token_subject: string
  readonly actor: Schema.Json
  readonly token_authorization_details: unknown
  readonly audience: ReadonlyArray<string>
  readonly token_revoked_at: Date | null
  readonly client_disabled: boolean
  readonly client_metadata: Client.Client["metadata"] | null
}

export interface RefreshTokenRow extends JoinedTokenRow {
  readonly rotated_at: Date | null
  readonly replay_until: Date | null
  readonly request_hash: string | null
  readonly replays: number
  readonly sealed_response: Uint8Array | null
}

const decodeConfirmation = Schema.decodeUnknownSync(Confirmation.Confirmation)

const toToken = (row: JoinedTokenRow) => ({
  issuer: row.issuer,
  tokenHash: row.token_hash,
  grantId: row.grant_id,
  clientId: row.token_client_id,
  scope: row.token_scope,
  confirmation: row.confirmation === null ? undefined : decodeConfirmation(row.confirmation),
  issuedAt: fromDate(row.issued_at),
  expiresAt: fromDate(row.token_expires_at)
})

export const toAccessToken = (row: AccessTokenRow): Token.AccessToken => {
  const token = {
    ...toToken(row),
    issuer: row.token_issuer,
    grantId: orUndefined(row.token_grant_id),
    subject: row.token_subject,
    actor: row.actor === null ? undefined : row.actor,
    authorizationDetails: toDetails(row.token_authorization_details),
    audience: row.audience
  }
  return row.token_revoked_at === null
    ? { _tag: "Live", ...token }
    : { _tag: "Revoked", ...token, revokedAt: fromDate(row.token_revoked_at) }
}

export const toRefreshToken = (row: RefreshTokenRow): Token.RefreshToken =>
  row.rotated_at === null || row.replay_until === null || row.request_hash === null
    ? { _tag: "Live", ...toToken(row) }
    : {
        _tag: "Rotated",
        ...toToken(row),
        rotatedAt: fromDate(row.rotated_at),
        replayUntil: fromDate(row.replay_until),
        requestHash: row.request_hash,
        replays: row.replays,
        sealedResponse: row.sealed_response === null ? undefined : new Uint8Array(row.sealed_response)
      }
