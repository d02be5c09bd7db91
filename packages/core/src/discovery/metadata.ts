/**
 * What the issuer says about itself: RFC 8414 §2 and OpenID Connect Discovery §3. Derived from what is switched on,
 * never written by hand; a member whose default would be untrue is stated, and no list is empty.
 */
import { Effect } from "effect"
import { requestObjectAlgorithms } from "../authorization-request/requestObject.ts"
import { assertionAlgorithms } from "../client/assertion.ts"
import { clientAuthenticationMethods, MutualTls, type MutualTlsOptions } from "../client/mutualTls.ts"
import { AuthorizationDetailsTypes } from "../host/AuthorizationDetailsTypes.ts"
import { HostResolver } from "../host/HostResolver.ts"
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
import { proofAlgorithms } from "../proof/dpop.ts"
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

/** OpenID Connect Discovery §3: how request objects may be signed, and to what encrypted where there is a key for it. */
const requestObjectsOf = (
  signingAlgorithms: ReadonlyArray<string>,
  encryptionAlgorithms: ReadonlyArray<EncryptionAlgorithm>
) => ({
  request_object_signing_alg_values_supported: signingAlgorithms,
  ...(encryptionAlgorithms.length === 0
    ? {}
    : {
        request_object_encryption_alg_values_supported: encryptionAlgorithms,
        request_object_encryption_enc_values_supported: ContentEncryption.literals
      })
})

/** draft-ietf-oauth-identity-assertion-authz-grant: what says that a resource's server takes identity assertions. */
const identityAssertionProfile = "urn:ietf:params:oauth:grant-profile:id-jag"

export const metadata = Effect.gen(function* () {
  const issuer = yield* CurrentIssuer
  const keys = yield* SigningKeys
  const resources = yield* currentResources
  const mutualTls = yield* MutualTls
  const { signsUp = true } = yield* HostResolver
  // What holds for every client; what one of them is held to beyond it is told to nobody else.
  const rules = rulesInForce(yield* currentPolicy, undefined)
  const allowed = <A extends string>(values: ReadonlyArray<A>) =>
    values.filter((value) => excluding(rules, "signingAlgorithms", value) === undefined)
  const algorithms = allowed(yield* keys.algorithms(issuer.identifier))
  const methods = (yield* clientAuthenticationMethods).filter(
    (method) => excluding(rules, "clientAuthentication", method) === undefined
  )
  const isHeld = demanding(rules, "signedResponse") !== undefined
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
    pushed_authorization_request_endpoint: url(issuer, "/par"),
    ...(demanding(rules, "pushedRequest") === undefined ? {} : { require_pushed_authorization_requests: true }),
    ...(demanding(rules, "signedRequest") === undefined ? {} : { require_signed_request_object: true }),
    scopes_supported: knownScopes(resources),
    response_types_supported: supportedResponseTypes,
    response_modes_supported: ResponseMode.literals.filter((one) => !isHeld || isJwtResponseMode(one)),
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
    ...requestObjectsOf(allowed(requestObjectAlgorithms), yield* keys.encryptionAlgorithms(issuer.identifier)),
    token_endpoint_auth_methods_supported: methods,
    token_endpoint_auth_signing_alg_values_supported: allowed(assertionAlgorithms),
    revocation_endpoint_auth_methods_supported: methods,
    revocation_endpoint_auth_signing_alg_values_supported: allowed(assertionAlgorithms),
    introspection_endpoint_auth_methods_supported: methods,
    introspection_endpoint_auth_signing_alg_values_supported: allowed(assertionAlgorithms),
    ...aliasesOf(issuer, mutualTls),
    dpop_signing_alg_values_supported: allowed(proofAlgorithms),
    tls_client_certificate_bound_access_tokens: mutualTls !== undefined,
    code_challenge_methods_supported: ["S256"],
    prompt_values_supported: Prompt.literals.filter((one) => one !== "create" || signsUp),
    claims_supported: [...protocolClaims, ...Object.values(claimsOfScope).flat()],
    ...(detailTypes.length === 0 ? {} : { authorization_details_types_supported: detailTypes }),
    claims_parameter_supported: true,
    request_parameter_supported: true,
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
      introspection_endpoint: `${origin}${issuer.path}/introspect`,
      pushed_authorization_request_endpoint: `${origin}${issuer.path}/par`,
      userinfo_endpoint: `${origin}${issuer.path}/userinfo`
    }
  }
}
