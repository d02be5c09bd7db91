/** An authorization code, RFC 6749 §1.3.1, and the states of its life. */
import { type DateTime, Schema } from "effect"
import type { Lifecycle } from "../oauth/Lifecycle.ts"

/** What the authorization response promised; fixed when the code is issued. */
const binding = {
  issuer: Schema.String,
  codeHash: Schema.String,
  grantId: Schema.String,
  clientId: Schema.String,
  redirectUri: Schema.String,
  redirectUriSent: Schema.Boolean,
  codeChallenge: Schema.UndefinedOr(Schema.String),
  nonce: Schema.UndefinedOr(Schema.String),
  /** RFC 9449 §10: the thumbprint of the key that has to sign the proof of the code's exchange. */
  dpopJkt: Schema.UndefinedOr(Schema.String),
  expiresAt: Schema.DateTimeUtc
}

/** RFC 6749 §4.1.2: single use. `Issued` may become `Redeemed` once; nothing leaves `Redeemed`. */
export const AuthorizationCode = Schema.TaggedUnion({
  Issued: binding,
  Redeemed: { ...binding, redeemedAt: Schema.DateTimeUtc }
})
export type AuthorizationCode = typeof AuthorizationCode.Type
export type Issued = Extract<AuthorizationCode, { _tag: "Issued" }>
export type Redeemed = Extract<AuthorizationCode, { _tag: "Redeemed" }>

export const lifecycle = { Issued: ["Redeemed"], Redeemed: [] } as const satisfies Lifecycle<AuthorizationCode>

/** A redeemed code never expires: it stays as the evidence that a second use is a replay. */
export const isExpired = (code: AuthorizationCode, now: DateTime.Utc): boolean =>
  code._tag === "Issued" && now.epochMilliseconds >= code.expiresAt.epochMilliseconds
