/** A directory of people for hosts that have none of their own: `lockspire dev`, `lockspire serve`, and tests. */
import { Schema } from "effect"

/** One person. The password is kept only as a slow hash (see `client/Secret`, which hashes both). */
export const Account = Schema.Struct({
  issuer: Schema.String,
  subject: Schema.String,
  username: Schema.String,
  /** `pbkdf2-sha256$<iterations>$<salt>$<hash>`. */
  passwordHash: Schema.String,
  claims: Schema.Record(Schema.String, Schema.Json),
  /** Stated about a password sign-in of this account. */
  acr: Schema.UndefinedOr(Schema.String),
  amr: Schema.Array(Schema.String)
})
export type Account = typeof Account.Type

/** One signed-in browser session of one account. */
export const AccountSession = Schema.Struct({
  issuer: Schema.String,
  /** Hash of the value in the browser's cookie. */
  sessionHash: Schema.String,
  subject: Schema.String,
  authTime: Schema.DateTimeUtc,
  acr: Schema.UndefinedOr(Schema.String),
  amr: Schema.Array(Schema.String),
  expiresAt: Schema.DateTimeUtc
})
export type AccountSession = typeof AccountSession.Type
