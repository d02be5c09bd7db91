/** The parameters of an authorization request that this server knows; whatever else is sent is ignored (RFC 6749 §3.1). */

/** OpenID Connect Core §3.1.2.1 and the extensions we know: each may be sent once (RFC 6749 §3.1). */
export const singleParameters: ReadonlyArray<string> = [
  "response_type",
  "scope",
  "state",
  "nonce",
  "response_mode",
  "code_challenge",
  "code_challenge_method",
  "prompt",
  "max_age",
  "login_hint",
  "id_token_hint",
  "ui_locales",
  "claims_locales",
  "acr_values",
  "display",
  "claims",
  "request",
  "request_uri",
  "registration",
  "authorization_details",
  "dpop_jkt"
]
