/** Access and refresh tokens as they are stored: by hash, bound to their grant. */
import { Schema } from "effect"
import { AuthorizationDetail } from "../oauth/AuthorizationDetails.ts"
import { Confirmation } from "../oauth/Confirmation.ts"
import type { Lifecycle } from "../oauth/Lifecycle.ts"

const access = {
  issuer: Schema.String,
  tokenHash: Schema.String,
  /** The grant it was issued from; undefined when no person approved anything (client credentials, assertions). */
  grantId: Schema.UndefinedOr(Schema.String),
  clientId: Schema.String,
  /** Its `sub`: the grant's, or the client itself (RFC 9068 §2.2). */
  subject: Schema.String,
  /** RFC 8693 §4.1: who acts for the subject. */
  actor: Schema.UndefinedOr(Schema.Json),
  /** RFC 9396 §9: what it may be used for in detail. */
  authorizationDetails: Schema.Array(AuthorizationDetail),
  scope: Schema.Array(Schema.String),
  /** RFC 8707: the resources the token is for; none for the issuer's own endpoints alone. */
  audience: Schema.Array(Schema.String),
  /** RFC 7800: the key without whose proof it is worth nothing. */
  confirmation: Schema.UndefinedOr(Confirmation),
  issuedAt: Schema.DateTimeUtc,
  expiresAt: Schema.DateTimeUtc
}

/** An opaque access token, RFC 6749 §1.4. A grant that is revoked takes all of its tokens with it. */
export const AccessToken = Schema.TaggedUnion({
  Live: access,
  Revoked: { ...access, revokedAt: Schema.DateTimeUtc }
})
export type AccessToken = typeof AccessToken.Type
export type LiveAccessToken = Extract<AccessToken, { _tag: "Live" }>

export const accessTokenLifecycle = { Live: ["Revoked"], Revoked: [] } as const satisfies Lifecycle<AccessToken>

const refresh = {
  issuer: Schema.String,
  tokenHash: Schema.String,
  grantId: Schema.String,
  clientId: Schema.String,
  scope: Schema.Array(Schema.String),
  /** What whoever uses it has to prove to hold, beside being the client. */
  confirmation: Schema.UndefinedOr(Confirmation),
  issuedAt: Schema.DateTimeUtc,
  /** The end of its idle time, and never after the end of its grant. */
  expiresAt: Schema.DateTimeUtc
}

/**
 * A refresh token, RFC 6749 §1.5. Where policy says so it is rotated at every use (RFC 9700 §4.14.2); else a use moves
 * its `expiresAt`. `Rotated` keeps, until the replay window
 * ends, the one response that its use produced, sealed under a key that only the token itself yields.
 */
export const RefreshToken = Schema.TaggedUnion({
  Live: refresh,
  Rotated: {
    ...refresh,
    rotatedAt: Schema.DateTimeUtc,
    replayUntil: Schema.DateTimeUtc,
    /** Hash of the parameters of the request that rotated it: another request does not get its response. */
    requestHash: Schema.String,
    /** How often the response was given again. */
    replays: Schema.Int,
    sealedResponse: Schema.UndefinedOr(Schema.Uint8Array)
  }
})
export type RefreshToken = typeof RefreshToken.Type
export type LiveRefreshToken = Extract<RefreshToken, { _tag: "Live" }>
export type RotatedRefreshToken = Extract<RefreshToken, { _tag: "Rotated" }>

export const refreshTokenLifecycle = { Live: ["Rotated"], Rotated: [] } as const satisfies Lifecycle<RefreshToken>
