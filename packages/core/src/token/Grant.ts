/** What a person approved: every code and token of it carries its id, so that one revocation reaches all. */
import { Schema } from "effect"
import type { Lifecycle } from "../oauth/Lifecycle.ts"
import { AuthorizationDetail } from "../oauth/AuthorizationDetails.ts"
import { ClaimsRequest } from "../oauth/Claims.ts"

const approved = {
  issuer: Schema.String,
  grantId: Schema.String,
  clientId: Schema.String,
  subject: Schema.String,
  /** The `sub` under which the client knows the subject: the same, or its pseudonym (OpenID Connect Core §8). */
  sub: Schema.String,
  /** Hash of the host's session: the `sid` claim. */
  sid: Schema.String,
  scope: Schema.Array(Schema.String),
  /** RFC 8707: the resources that tokens of this grant may be for. */
  resources: Schema.Array(Schema.String),
  /** RFC 9396 §7. */
  authorizationDetails: Schema.Array(AuthorizationDetail),
  claims: Schema.UndefinedOr(ClaimsRequest),
  claimsLocales: Schema.Array(Schema.String),
  authTime: Schema.DateTimeUtc,
  acr: Schema.UndefinedOr(Schema.String),
  amr: Schema.Array(Schema.String),
  createdAt: Schema.DateTimeUtc,
  /** The absolute end of every token of the grant. */
  expiresAt: Schema.DateTimeUtc
}

export const Grant = Schema.TaggedUnion({
  Live: approved,
  Revoked: { ...approved, revokedAt: Schema.DateTimeUtc, revokedBecause: Schema.String }
})
export type Grant = typeof Grant.Type
export type Live = Extract<Grant, { _tag: "Live" }>

export const lifecycle = { Live: ["Revoked"], Revoked: [] } as const satisfies Lifecycle<Grant>
