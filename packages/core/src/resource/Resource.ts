/** A protected resource that tokens can be for, RFC 8707. */
import { Schema } from "effect"

/** RFC 8707 §2: an absolute URI without a fragment. */
export const isResourceIdentifier = (text: string): boolean => URL.canParse(text) && !text.includes("#")

export const Resource = Schema.Struct({
  issuer: Schema.String,
  identifier: Schema.String,
  /** The scope values that mean something at this resource. */
  scopes: Schema.Array(Schema.String),
  accessTokenFormat: Schema.Literals(["opaque", "jwt"]),
  /** Clients that may introspect tokens for this resource, beside a client whose id is the identifier itself. */
  introspectionClients: Schema.Array(Schema.String)
})
export type Resource = typeof Resource.Type
