/**
 * IANA "OAuth Parameters" and OpenID Connect: the values that a client's metadata may hold. A seed may use all of them,
 * also those that this server cannot do yet, so that one file serves several versions of it.
 */
import { subjectFields } from "@lockspire/core"

/** RFC 6749 §4 and its extensions. Any other absolute URI is an extension grant (RFC 6749 §4.5). */
export const grantTypes: ReadonlySet<string> = new Set([
  "authorization_code",
  "implicit",
  "password",
  "client_credentials",
  "refresh_token",
  "urn:ietf:params:oauth:grant-type:jwt-bearer",
  "urn:ietf:params:oauth:grant-type:saml2-bearer",
  "urn:ietf:params:oauth:grant-type:token-exchange",
  "urn:ietf:params:oauth:grant-type:device_code",
  "urn:openid:params:grant-type:ciba"
])

/** OAuth 2.0 Multiple Response Types §5. The words of one value may come in any order. */
export const responseTypes: ReadonlySet<string> = new Set([
  "code",
  "token",
  "id_token",
  "none",
  "code id_token",
  "code token",
  "id_token token",
  "code id_token token"
])

export const clientAuthenticationMethods: ReadonlySet<string> = new Set([
  "none",
  "client_secret_basic",
  "client_secret_post",
  "client_secret_jwt",
  "private_key_jwt",
  "tls_client_auth",
  "self_signed_tls_client_auth"
])

/** The methods that need a shared secret: OpenID Connect Core §9. */
export const secretMethods: ReadonlySet<string> = new Set([
  "client_secret_basic",
  "client_secret_post",
  "client_secret_jwt"
])

/** RFC 7591 §2, RFC 8705 §2.1.2: fields that say how the client authenticates. */
export const authenticating: ReadonlySet<string> = new Set([
  "jwks",
  "jwks_uri",
  "token_endpoint_auth_signing_alg",
  ...subjectFields
])

/** RFC 7518 §3.1, RFC 8037 §3.1. */
export const signingAlgorithms: ReadonlySet<string> = new Set([
  "none",
  "HS256",
  "HS384",
  "HS512",
  "RS256",
  "RS384",
  "RS512",
  "ES256",
  "ES384",
  "ES512",
  "PS256",
  "PS384",
  "PS512",
  "EdDSA",
  "Ed25519",
  "ES256K"
])

/** Fields that only inform, or that the consent page shows: nothing is missing when they are stored. */
export const informative: ReadonlySet<string> = new Set([
  "client_uri",
  "logo_uri",
  "policy_uri",
  "tos_uri",
  "contacts",
  "software_id",
  "software_version"
])

/** Fields whose text may also come per language, as `client_name#ja` (RFC 7591 §2.2). */
export const humanReadable: ReadonlySet<string> = new Set([
  "client_name",
  "client_uri",
  "logo_uri",
  "policy_uri",
  "tos_uri"
])

/** Fields that a registration answers with (RFC 7591 §3.2.1, RFC 7592 §3); in a seed they mean nothing. */
export const answered: ReadonlySet<string> = new Set([
  "client_id_issued_at",
  "client_secret_expires_at",
  "registration_access_token",
  "registration_client_uri",
  "software_statement"
])

/** Fields of RFC 9396 §10 and OpenID Connect Registration §2 on which the authorization endpoint acts; every ID token has `auth_time`. */
export const authorizing: ReadonlySet<string> = new Set([
  "authorization_details_types",
  "default_acr_values",
  "require_auth_time",
  "response_modes",
  "sector_identifier_uri",
  "subject_type"
])

/** IANA "OAuth Dynamic Client Registration Metadata": fields that are stored, and on which nothing acts yet. */
export const inert: ReadonlySet<string> = new Set([
  "initiate_login_uri",
  "request_uris",
  "claims_redirect_uris",
  "nfv_token_signed_response_alg",
  "nfv_token_encrypted_response_alg",
  "nfv_token_encrypted_response_enc",
  "frontchannel_logout_uri",
  "frontchannel_logout_session_required",
  "backchannel_logout_uri",
  "backchannel_logout_session_required",
  "post_logout_redirect_uris",
  "use_mtls_endpoint_aliases",
  "backchannel_token_delivery_mode",
  "backchannel_client_notification_endpoint",
  "backchannel_authentication_request_signing_alg",
  "backchannel_user_code_parameter",
  "client_registration_types",
  "organization_name",
  "signed_jwks_uri",
  "vp_formats_supported"
])

/** One spelling per response type, so that `token code` and `code token` are the same. */
export const canonicalResponseType = (value: string): string =>
  value
    .split(" ")
    .toSorted((a, b) => (a < b ? -1 : 1))
    .join(" ")
