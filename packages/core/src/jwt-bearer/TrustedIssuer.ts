/** Another issuer whose assertions are accepted as grants, RFC 7523 §2.1: only those that an operator registered. */
import { Schema } from "effect"

export const TrustedIssuer = Schema.Struct({
  issuer: Schema.String,
  /** Their `iss`, compared as a string. */
  identifier: Schema.String,
  /** Their public keys, RFC 7517 §5; else they are at `jwksUri`. */
  jwks: Schema.UndefinedOr(Schema.Json),
  jwksUri: Schema.UndefinedOr(Schema.String),
  /** The `aud` that means us; our issuer identifier unless given. */
  audience: Schema.UndefinedOr(Schema.String),
  /**
   * Whether they issue identity assertions (draft-ietf-oauth-identity-assertion-authz-grant), each for one client and for
   * what it says. Then only those are accepted, else none of them.
   */
  identityAssertions: Schema.Boolean,
  /** The clients that may present their assertions; undefined for every client that is registered for the grant. */
  clients: Schema.UndefinedOr(Schema.Array(Schema.String)),
  /** The scope values that their assertions can bring; undefined for those that the client is registered for. */
  scopes: Schema.UndefinedOr(Schema.Array(Schema.String))
})
export type TrustedIssuer = typeof TrustedIssuer.Type
