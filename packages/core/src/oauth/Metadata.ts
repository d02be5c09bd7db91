/** The registered values of the protocol that this server knows, and which of them it can do. */
import { Schema } from "effect"

/** `grant_type`, RFC 6749 §4 and its extensions. A client may register any; the token endpoint answers those of its table. */
export const GrantType = Schema.NonEmptyString

/** `response_type`, RFC 6749 §3.1.1. Only `code`: RFC 9700 §2.1.2 retires the implicit grant. */
export const supportedResponseTypes = ["code"] as const

/** How a response gets to the client: OAuth 2.0 Multiple Response Type Encoding Practices §2.1, Form Post Response Mode §2. */
export const PlainResponseMode = Schema.Literals(["query", "fragment", "form_post"])
export type PlainResponseMode = typeof PlainResponseMode.Type

/** The modes that send the response as one JWT: JARM §2.3. */
export const JwtResponseMode = Schema.Literals(["jwt", "query.jwt", "fragment.jwt", "form_post.jwt"])
export type JwtResponseMode = typeof JwtResponseMode.Type

/** `response_mode`. */
export const ResponseMode = Schema.Literals([...PlainResponseMode.literals, ...JwtResponseMode.literals])
export type ResponseMode = typeof ResponseMode.Type

/** In which way the JWT gets to the client; `jwt` is what the response type's default is, for `code` the query (§2.3.4). */
export const carrierOf: Readonly<Record<JwtResponseMode, PlainResponseMode>> = {
  jwt: "query",
  "query.jwt": "query",
  "fragment.jwt": "fragment",
  "form_post.jwt": "form_post"
}

export const isJwtResponseMode = Schema.is(JwtResponseMode)

/** `token_endpoint_auth_method`, RFC 7591 §2, RFC 8705 §2.1. */
export const supportedClientAuthenticationMethods = [
  "none",
  "client_secret_basic",
  "client_secret_post",
  "client_secret_jwt",
  "private_key_jwt",
  "tls_client_auth",
  "self_signed_tls_client_auth"
] as const

/** `prompt`, OpenID Connect Core §3.1.2.1; `create` from Initiating User Registration 1.0 §4. */
export const Prompt = Schema.Literals(["none", "login", "consent", "select_account", "create"])
export type Prompt = typeof Prompt.Type

/** `display`, OpenID Connect Core §3.1.2.1. */
export const Display = Schema.Literals(["page", "popup", "touch", "wap"])
export type Display = typeof Display.Type

/** JWS algorithms with which we sign: RFC 7518 §3.1, RFC 8037 §3.1 (`EdDSA`, always with Ed25519), RFC 9864 §2.2 (`Ed25519`). */
export const SigningAlgorithm = Schema.Literals(["RS256", "PS256", "ES256", "ES384", "EdDSA", "Ed25519"])
export type SigningAlgorithm = typeof SigningAlgorithm.Type

/**
 * JWE key management with which we encrypt and decrypt, RFC 7518 §4.1. RSA1_5 is open to Bleichenbacher's attack, PBES2 to whoever
 * chooses the iteration count: neither is here.
 */
export const EncryptionAlgorithm = Schema.Literals(["ECDH-ES", "ECDH-ES+A256KW", "RSA-OAEP-256"])
export type EncryptionAlgorithm = typeof EncryptionAlgorithm.Type

/** What an issuer can have keys for: to sign with, and for others to encrypt to. */
export const KeyAlgorithm = Schema.Literals([...SigningAlgorithm.literals, ...EncryptionAlgorithm.literals])
export type KeyAlgorithm = typeof KeyAlgorithm.Type

/** JWE content encryption, RFC 7518 §5.1. */
export const ContentEncryption = Schema.Literals(["A128GCM", "A256GCM", "A128CBC-HS256"])
export type ContentEncryption = typeof ContentEncryption.Type
