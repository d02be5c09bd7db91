/**
 * What the issuer says about itself: RFC 8414 §2 and OpenID Connect Discovery §3. Derived from what is switched on,
 * never written by hand; a member whose default would be untrue is stated, and no list is empty.
 */
import { Effect } from "effect"
import { CurrentIssuer, url } from "../issuer/Issuer.ts"
import { SigningKeys } from "../key/SigningKeys.ts"
import { claimsOfScope } from "../oauth/Claims.ts"
import {
  Prompt,
  ResponseMode,
  supportedClientAuthenticationMethods,
  supportedResponseTypes
} from "../oauth/Metadata.ts"
import { currentResources, knownScopes } from "../resource/registry.ts"
import { supportedGrantTypes } from "../token-endpoint/grants.ts"

/** The protocol's own claims, beside those of the standard scopes. */
const protocolClaims = ["sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "sid"]

export const metadata = Effect.gen(function* () {
  const issuer = yield* CurrentIssuer
  const keys = yield* SigningKeys
  const resources = yield* currentResources
  return {
    issuer: issuer.identifier,
    authorization_endpoint: url(issuer, "/authorize"),
    token_endpoint: url(issuer, "/token"),
    userinfo_endpoint: url(issuer, "/userinfo"),
    jwks_uri: url(issuer, "/jwks"),
    revocation_endpoint: url(issuer, "/revoke"),
    introspection_endpoint: url(issuer, "/introspect"),
    scopes_supported: knownScopes(resources),
    response_types_supported: supportedResponseTypes,
    response_modes_supported: ResponseMode.literals,
    grant_types_supported: supportedGrantTypes,
    subject_types_supported: ["public"],
    id_token_signing_alg_values_supported: yield* keys.algorithms(issuer.identifier),
    token_endpoint_auth_methods_supported: supportedClientAuthenticationMethods,
    revocation_endpoint_auth_methods_supported: supportedClientAuthenticationMethods,
    introspection_endpoint_auth_methods_supported: supportedClientAuthenticationMethods,
    code_challenge_methods_supported: ["S256"],
    prompt_values_supported: Prompt.literals,
    claims_supported: [...protocolClaims, ...Object.values(claimsOfScope).flat()],
    claims_parameter_supported: true,
    request_parameter_supported: false,
    request_uri_parameter_supported: false,
    authorization_response_iss_parameter_supported: true
  }
})
