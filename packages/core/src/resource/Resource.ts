/** A protected resource that tokens can be for, RFC 8707, and what its tokens look like. */
import { Schema } from "effect"
import { DpopUse } from "../issuer/Policy.ts"
import { ContentEncryption, EncryptionAlgorithm, SigningAlgorithm } from "../oauth/Metadata.ts"

/** Unreserved characters need no escape, and hexadecimal digits have one case: RFC 3986 §6.2.2. */
const oneSpelling = (text: string): string =>
  text.replaceAll(/%[0-9a-f]{2}/gi, (escape) => {
    const character = String.fromCharCode(Number.parseInt(escape.slice(1), 16))
    return /[A-Za-z0-9._~-]/.test(character) ? character : escape.toUpperCase()
  })

/**
 * The normal form of an identifier (RFC 3986 §6.2.2, §6.2.3): scheme and host in lower case, no default port, no dot
 * segments, no escape that is not needed, and no slash that stands for an empty path. Undefined for what is no
 * identifier: RFC 8707 §2 asks for an absolute URI without a fragment, and credentials in it would end up in tokens.
 */
export const normalForm = (text: string): string | undefined => {
  if (!/^[A-Za-z][A-Za-z0-9+.-]*:[\x21-\x7e]+$/.test(text) || text.includes("#") || !URL.canParse(text))
    return undefined
  const url = new URL(oneSpelling(text))
  if (url.username !== "" || url.password !== "") return undefined
  return url.pathname === "/" && url.search === "" && url.host !== ""
    ? url.href.replace(/\/$/, "")
    : oneSpelling(url.href)
}

export const isResourceIdentifier = (text: string): boolean => normalForm(text) !== undefined

/** To whom a resource's tokens are encrypted, RFC 9068 §6: only the resource can read them. */
export const AccessTokenEncryption = Schema.Struct({
  alg: EncryptionAlgorithm,
  enc: ContentEncryption,
  /** The resource's public keys, RFC 7517 §5. */
  jwks: Schema.Json
})
export type AccessTokenEncryption = typeof AccessTokenEncryption.Type

export const Resource = Schema.Struct({
  issuer: Schema.String,
  /** As it was registered, which is how tokens name it; a request may spell it in any way of the same normal form. */
  identifier: Schema.String,
  /** The scope values that mean something at this resource. */
  scopes: Schema.Array(Schema.String),
  /** `encrypted` is a signed JWT inside a JWE. */
  accessTokenFormat: Schema.Literals(["opaque", "jwt", "encrypted"]),
  /** Of its JWT access tokens; RS256 unless given, which RFC 9068 §2.1 has every resource server support. */
  signingAlgorithm: Schema.optionalKey(SigningAlgorithm),
  /** Seconds; the policy's and the client's apply too, and the shortest wins. */
  accessTokenLifetime: Schema.optionalKey(Schema.Int),
  /** Whether its tokens have to be bound by DPoP (RFC 9449); `optional` unless given. */
  dpop: Schema.optionalKey(DpopUse),
  /** For the format `encrypted`. */
  encryption: Schema.optionalKey(AccessTokenEncryption),
  /** Clients that may introspect tokens for this resource, beside a client whose id is the identifier itself. */
  introspectionClients: Schema.Array(Schema.String)
})
export type Resource = typeof Resource.Type
