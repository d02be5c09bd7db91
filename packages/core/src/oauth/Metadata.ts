/** The registered values of the protocol that this server knows, and which of them it can do. */
import { Schema } from "effect"

/** `grant_type`, RFC 6749 §4 and its extensions. A client may register any; the token endpoint answers those of its table. */
export const GrantType = Schema.NonEmptyString

/** `response_type`, RFC 6749 §3.1.1. Only `code`: RFC 9700 §2.1.2 retires the implicit grant. */
export const supportedResponseTypes = ["code"] as const

/** `response_mode`, OAuth 2.0 Multiple Response Type Encoding Practices §2.1, Form Post Response Mode §2. */
export const ResponseMode = Schema.Literals(["query", "fragment", "form_post"])
export type ResponseMode = typeof ResponseMode.Type

/** `token_endpoint_auth_method`, RFC 7591 §2, RFC 8705 §2.1. */
export const supportedClientAuthenticationMethods = ["none", "client_secret_basic", "client_secret_post"] as const

/** `prompt`, OpenID Connect Core §3.1.2.1; `create` from Initiating User Registration 1.0 §4. */
export const Prompt = Schema.Literals(["none", "login", "consent", "select_account", "create"])
export type Prompt = typeof Prompt.Type

/** `display`, OpenID Connect Core §3.1.2.1. */
export const Display = Schema.Literals(["page", "popup", "touch", "wap"])
export type Display = typeof Display.Type

/** JWS algorithms of RFC 7518 §3.1 with which tokens are signed. */
export const SigningAlgorithm = Schema.Literals(["RS256", "ES256"])
export type SigningAlgorithm = typeof SigningAlgorithm.Type
