/** What a person allowed a client to have without being asked again. */
import { Schema } from "effect"

/** One remembered consent; of one subject and client at most one is remembered. It covers only what was granted. */
export const Consent = Schema.Struct({
  issuer: Schema.String,
  subject: Schema.String,
  clientId: Schema.String,
  scope: Schema.Array(Schema.String),
  /** Claim names asked for one by one. */
  claims: Schema.Array(Schema.String),
  resources: Schema.Array(Schema.String),
  /** Digests of authorization details, RFC 9396. */
  details: Schema.Array(Schema.String),
  grantedAt: Schema.DateTimeUtc,
  expiresAt: Schema.DateTimeUtc
})
export type Consent = typeof Consent.Type
