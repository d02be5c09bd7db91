/**
 * What the issuer says about itself: RFC 8414 §2 and OpenID Connect Discovery §3. Derived from what is switched on,
 * never written by hand; a member whose default would be untrue is stated, and no list is empty.
 */
import { Effect } from "effect"
import { assertionAlgorithms } from "../client/assertion.ts"
import { clientAuthenticationMethods, MutualTls, type MutualTlsOptions } from "../client/mutualTls.ts"
import { AuthorizationDetailsTypes } from "../host/AuthorizationDetailsTypes.ts"
import { CurrentIssuer, type Issuer, url } from "../issuer/Issuer.ts"
import { currentPolicy } from "../issuer/Policy.ts"
import { TrustedIssuerStore } from "../jwt-bearer/TrustedIssuerStore.ts"
import { SigningKeys } from "../key/SigningKeys.ts"
import { claimsOfScope } from "../oauth/Claims.ts"
import {
  ContentEncryption,
  EncryptionAlgorithm,
  isJwtResponseMode,
  Prompt,
  ResponseMode,
  supportedResponseTypes
} from "../oauth/Metadata.ts"
import { rulesInForce } from "../profile/inForce.ts"
import { demanding, excluding } from "../profile/Rule.ts"
import { currentResources, knownScopes } from "../resource/registry.ts"
import type { Answer } from "../token/SecuredResponse.ts"
import { supportedGrantTypes } from "../token-endpoint/grants.ts"

/** The protocol's own claims, beside those of the standard scopes. */
const protocolClaims = ["sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "sid"]

/** OpenID Connect Discovery §3, RFC 9701 §7, JARM §4: to what answers of this kind can be encrypted. */
const encryptionOf = (answer: Answer) => ({
  [`${answer}_encryption_alg_values_supported`]: EncryptionAlgorithm.literals,
  [`${answer}_encryption_enc_values_supported`]: ContentEncryption.literals
})

/** draft-ietf-oauth-identity-assertion-authz-grant: what says that a resource's server takes identity assertions. */
const identityAssertionProfile = "urn:ietf:params:oauth:grant-profile:id-jag"

export const metadata = Effect.gen(function* () {
  const issuer = yield* CurrentIssuer
  const keys = yield* SigningKeys
  const rules = rulesInForce(yield* currentPolicy, undefined)
  const algorithms = (yield* keys.algorithms(issuer.identifier)).filter(
    (one) => excluding(rules, "signingAlgorithms", one) === undefined
  )
  const isSigned = demanding(rules, "signedResponse") !== undefined
  const resources = yield* currentResources
  const methods = yield* clientAuthenticationMethods
  const detailTypes = [...(yield* AuthorizationDetailsTypes).keys()]
  const trusted = yield* (yield* TrustedIssuerStore).list(issuer.identifier)
  const takesIdentityAssertions = trusted.some((one) => one.identityAssertions)
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
    response_modes_supported: ResponseMode.literals.filter((one) => !isSigned || isJwtResponseMode(one)),
    grant_types_supported: supportedGrantTypes,
    ...(takesIdentityAssertions ? { authorization_grant_profiles_supported: [identityAssertionProfile] } : {}),
    subject_types_supported: ["public", "pairwise"],
    id_token_signing_alg_values_supported: algorithms,
    userinfo_signing_alg_values_supported: algorithms,
    introspection_signing_alg_values_supported: algorithms,
    authorization_signing_alg_values_supported: algorithms,
    ...encryptionOf("id_token"),
    ...encryptionOf("userinfo"),
    ...encryptionOf("introspection"),
    ...encryptionOf("authorization"),
    token_endpoint_auth_methods_supported: methods,
    token_endpoint_auth_signing_alg_values_supported: assertionAlgorithms,
    revocation_endpoint_auth_methods_supported: methods,
    revocation_endpoint_auth_signing_alg_values_supported: assertionAlgorithms,
    introspection_endpoint_auth_methods_supported: methods,
    introspection_endpoint_auth_signing_alg_values_supported: assertionAlgorithms,
    ...aliasesOf(issuer, yield* MutualTls),
    code_challenge_methods_supported: ["S256"],
    prompt_values_supported: Prompt.literals,
    claims_supported: [...protocolClaims, ...Object.values(claimsOfScope).flat()],
    ...(detailTypes.length === 0 ? {} : { authorization_details_types_supported: detailTypes }),
    claims_parameter_supported: true,
    request_parameter_supported: false,
    request_uri_parameter_supported: false,
    authorization_response_iss_parameter_supported: true
  }
})

/** RFC 8705 §5: where the endpoints that clients call ask for a certificate, if that is elsewhere. */
const aliasesOf = (issuer: Issuer, mutualTls: MutualTlsOptions | undefined) => {
  const origin = mutualTls?.aliases?.[issuer.identifier]
  if (origin === undefined) return {}
  return {
    mtls_endpoint_aliases: {
      token_endpoint: `${origin}${issuer.path}/token`,
      revocation_endpoint: `${origin}${issuer.path}/revoke`,
      introspection_endpoint: `${origin}${issuer.path}/introspect`
    }
  }
}
