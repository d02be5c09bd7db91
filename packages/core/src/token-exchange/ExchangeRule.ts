/** What an operator allows by token exchange, RFC 8693: who may exchange whose tokens, for what. */
import { Schema } from "effect"

/** Whether the rule is for requests without an actor token (impersonation), with one (delegation), or both. */
export const Delegation = Schema.Literals(["forbidden", "allowed", "required"])
export type Delegation = typeof Delegation.Type

/** There is no wildcard: what no rule names is refused. */
export const ExchangeRule = Schema.Struct({
  issuer: Schema.String,
  /** Unique within the issuer. */
  name: Schema.String,
  /** The confidential client that may exchange. */
  clientId: Schema.String,
  /** The clients whose tokens it may exchange; its own only when it is among them. */
  subjectClients: Schema.Array(Schema.String),
  /** The registered resources that new tokens may be for. */
  targets: Schema.Array(Schema.String),
  /** The scope values that new tokens may carry. */
  scopes: Schema.Array(Schema.String),
  delegation: Delegation
})
export type ExchangeRule = typeof ExchangeRule.Type
