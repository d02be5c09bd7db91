/**
 * One class per OAuth error code. `reason` and what was expected and received are for the refusal
 * trace, audit and tests: they never reach the wire, which carries the code and a fixed sentence.
 */
import { Data } from "effect"

interface Detail<Reason extends string> {
  readonly reason: Reason
  readonly parameter?: string
  readonly expected?: string
  readonly received?: string
}

/** `invalid_request`: RFC 6749 §4.1.2.1, §5.2; RFC 6750 §3.1. */
export class InvalidRequest extends Data.TaggedError("InvalidRequest")<
  Detail<
    | "ParameterMissing"
    | "ParameterRepeated"
    | "ParameterMalformed"
    | "ParameterUnexpected"
    | "TokenTypeNotAccepted"
    | "TokenNotAcceptable"
    | "DelegationRequired"
    | "DelegationNotAllowed"
    | "TwoClientAuthenticationMethods"
    | "ClientIdConflict"
    | "CodeChallengeMissing"
    | "CodeChallengeMethodNotS256"
    | "ResponseModeUnknown"
    | "ContentTypeNotForm"
    | "BodyTooLarge"
    | "TokenSentTwice"
    | "InteractionUnknown"
    | "InteractionOfAnotherBrowser"
    | "InteractionExpired"
    | "InteractionFinished"
    | "AccountChanged"
    | "CsrfTokenMismatch"
    | "ForeignOrigin"
    | "RedirectUriMissing"
    | "RedirectUriNotRegistered"
    | "SigningKeyMissing"
    | "EncryptionKeyMissing"
    | "PushedRequestRequired"
    | "RequestObjectRequired"
    | "SignedResponseRequired"
    | "ResourceRequired"
    | "RequestUriInPush"
    | "KeyConflict"
    | "ProofMissing"
    | "CertificateMissing"
  >
> {}

/** `invalid_client`: RFC 6749 §5.2. */
export class InvalidClient extends Data.TaggedError("InvalidClient")<
  Detail<
    | "CredentialsMissing"
    | "CredentialsMalformed"
    | "ClientUnknown"
    | "ClientDisabled"
    | "MethodNotRegistered"
    | "SecretMismatch"
    | "SecretExpired"
    | "AssertionTypeUnknown"
    | "AssertionMalformed"
    | "AssertionAlgorithmNotAllowed"
    | "AssertionTypNotAllowed"
    | "AssertionIssuerMismatch"
    | "AssertionKeysUnavailable"
    | "AssertionKeyUnknown"
    | "AssertionSignatureMismatch"
    | "AssertionAudienceMismatch"
    | "AssertionExpired"
    | "AssertionLifetimeTooLong"
    | "AssertionNotYetValid"
    | "AssertionJtiMissing"
    | "AssertionReplayed"
    | "CertificateMissing"
    | "CertificateMalformed"
    | "CertificateExpired"
    | "CertificateNotTrusted"
    | "CertificateSubjectMismatch"
    | "CertificateNotRegistered"
    | "MethodNotAllowed"
  >
> {}

/** `invalid_grant`: RFC 6749 §5.2. */
export class InvalidGrant extends Data.TaggedError("InvalidGrant")<
  Detail<
    | "CodeUnknown"
    | "CodeExpired"
    | "CodeReplayed"
    | "IssuedToAnotherClient"
    | "RedirectUriMismatch"
    | "CodeVerifierMismatch"
    | "CodeVerifierUnexpected"
    | "GrantRevoked"
    | "RefreshTokenUnknown"
    | "RefreshTokenExpired"
    | "RefreshTokenReused"
    | "AccountGone"
    | "ClientRefusedForAccount"
    | "AssertionMalformed"
    | "AssertionIssuerUnknown"
    | "AssertionIssuerIsOurs"
    | "AssertionTypNotAllowed"
    | "AssertionAlgorithmNotAllowed"
    | "AssertionKeysUnavailable"
    | "AssertionSignatureMismatch"
    | "AssertionAudienceMismatch"
    | "AssertionExpired"
    | "AssertionLifetimeTooLong"
    | "AssertionNotYetValid"
    | "AssertionSubjectMissing"
    | "AssertionJtiMissing"
    | "AssertionReplayed"
    | "AssertionSubjectUnknown"
    | "KeyMismatch"
    | "CertificateMismatch"
  >
> {}

/** `unauthorized_client`: RFC 6749 §4.1.2.1, §5.2. */
export class UnauthorizedClient extends Data.TaggedError("UnauthorizedClient")<
  Detail<
    "ClientUnknown" | "GrantTypeNotRegistered" | "ResponseTypeNotRegistered" | "PublicClient" | "ExchangeNotAllowed"
  >
> {}

/** `unsupported_grant_type`: RFC 6749 §5.2. */
export class UnsupportedGrantType extends Data.TaggedError("UnsupportedGrantType")<Detail<"GrantTypeUnknown">> {}

/** `invalid_scope`: RFC 6749 §4.1.2.1, §5.2. */
export class InvalidScope extends Data.TaggedError("InvalidScope")<
  Detail<"ScopeMalformed" | "ScopeNotAllowed" | "ScopeNotGranted">
> {}

/** `invalid_target`: RFC 8707 §2. */
export class InvalidTarget extends Data.TaggedError("InvalidTarget")<
  Detail<
    | "ResourceMalformed"
    | "ResourceUnknown"
    | "ResourceNotGranted"
    | "ResourcesDiffer"
    | "ResourceKeyMissing"
    | "TargetMissing"
    | "TargetNotAllowed"
  >
> {}

/** `invalid_authorization_details`: RFC 9396 §5. */
export class InvalidAuthorizationDetails extends Data.TaggedError("InvalidAuthorizationDetails")<
  Detail<"DetailsMalformed" | "DetailTypeUnknown" | "DetailTypeNotRegistered" | "DetailRefused" | "DetailNotGranted">
> {}

/** `unsupported_response_type`: RFC 6749 §4.1.2.1. */
export class UnsupportedResponseType extends Data.TaggedError("UnsupportedResponseType")<
  Detail<"ResponseTypeUnknown">
> {}

/** `access_denied`: RFC 6749 §4.1.2.1. */
export class AccessDenied extends Data.TaggedError("AccessDenied")<Detail<"PersonDenied" | "HostDenied">> {}

/** `login_required`: OpenID Connect Core §3.1.2.6. */
export class LoginRequired extends Data.TaggedError("LoginRequired")<
  Detail<"NotSignedIn" | "AuthenticationTooOld" | "AnotherSubjectSignedIn">
> {}

/** `consent_required`: OpenID Connect Core §3.1.2.6. */
export class ConsentRequired extends Data.TaggedError("ConsentRequired")<Detail<"ConsentMissing">> {}

/** `invalid_dpop_proof`: RFC 9449 §5, §7.1. */
export class InvalidDpopProof extends Data.TaggedError("InvalidDpopProof")<
  Detail<
    | "ProofMissing"
    | "ProofMalformed"
    | "ProofTypNotAllowed"
    | "ProofAlgorithmNotAllowed"
    | "ProofKeyNotAllowed"
    | "ProofSignatureMismatch"
    | "ProofMethodMismatch"
    | "ProofUriMismatch"
    | "ProofTooOld"
    | "ProofNotYetValid"
    | "ProofJtiMissing"
    | "ProofTokenMismatch"
    | "ProofReplayed"
  >
> {}

/** `use_dpop_nonce`: RFC 9449 §8, §9. The nonce to use stands in the `DPoP-Nonce` header of the answer. */
export class UseDpopNonce extends Data.TaggedError("UseDpopNonce")<Detail<"NonceMissing" | "NonceNotOurs">> {}

/** `invalid_request_object`: RFC 9101 §7. */
export class InvalidRequestObject extends Data.TaggedError("InvalidRequestObject")<
  Detail<
    | "ObjectMalformed"
    | "ObjectNotDecryptable"
    | "ObjectNotEncrypted"
    | "ObjectAlgorithmNotAllowed"
    | "ObjectTypNotAllowed"
    | "ObjectKeysUnavailable"
    | "ObjectKeyUnknown"
    | "ObjectSignatureMismatch"
    | "ObjectIssuerMismatch"
    | "ObjectAudienceMismatch"
    | "ObjectClientIdMismatch"
    | "ObjectSubjectIsClient"
    | "ObjectNested"
    | "ObjectExpired"
    | "ObjectNotYetValid"
    | "ObjectNotBeforeMissing"
    | "ObjectLifetimeTooLong"
    | "ObjectTooOld"
    | "ObjectMemberMalformed"
    | "ObjectReplayed"
  >
> {}

/** `invalid_request_uri`: RFC 9101 §7, RFC 9126 §4. */
export class InvalidRequestUri extends Data.TaggedError("InvalidRequestUri")<
  Detail<"RequestUriUnknown" | "RequestUriOfAnotherClient" | "RequestUriExpired" | "RequestUriUsed">
> {}

/** `request_not_supported`: OpenID Connect Core §3.1.2.6. */
export class RequestNotSupported extends Data.TaggedError("RequestNotSupported")<Detail<"RequestObjectUnsigned">> {}

/** `request_uri_not_supported`: OpenID Connect Core §3.1.2.6. */
export class RequestUriNotSupported extends Data.TaggedError("RequestUriNotSupported")<Detail<"RequestUriSent">> {}

/** `registration_not_supported`: OpenID Connect Core §3.1.2.6. */
export class RegistrationNotSupported extends Data.TaggedError("RegistrationNotSupported")<
  Detail<"RegistrationSent">
> {}

/** `unmet_authentication_requirements`: OpenID Connect Core Error Code unmet_authentication_requirements 1.0 §2. */
export class UnmetAuthenticationRequirements extends Data.TaggedError("UnmetAuthenticationRequirements")<
  Detail<"AcrNotReached">
> {}

/** `invalid_token`: RFC 6750 §3.1. */
export class InvalidToken extends Data.TaggedError("InvalidToken")<
  Detail<
    | "TokenUnknown"
    | "TokenExpired"
    | "TokenRevoked"
    | "ClientDisabled"
    | "AccountGone"
    | "TokenMalformed"
    | "TokenNotYetValid"
    | "TokenTypeMismatch"
    | "IssuerMismatch"
    | "SignatureMismatch"
    | "AudienceMismatch"
    | "SenderConstrained"
    | "CertificateMismatch"
    | "KeyMismatch"
    | "NotSenderConstrained"
    | "ConfirmationUnknown"
  >
> {}

/** `insufficient_scope`: RFC 6750 §3.1. */
export class InsufficientScope extends Data.TaggedError("InsufficientScope")<
  Detail<"OpenidMissing" | "ScopeMissing">
> {}

/** `insufficient_user_authentication`: RFC 9470 §3. What it asks for is what the challenge says. */
export class InsufficientUserAuthentication extends Data.TaggedError("InsufficientUserAuthentication")<
  Detail<"AcrNotReached" | "AuthenticationTooOld"> & {
    readonly acrValues: ReadonlyArray<string> | undefined
    readonly maxAge: number | undefined
    readonly scope: ReadonlyArray<string>
  }
> {}

/** A protected request without any token: RFC 6750 §3.1 forbids an error code in the challenge. */
export class TokenMissing extends Data.TaggedError("TokenMissing")<Detail<"TokenMissing">> {}

/** What the token endpoint answers, RFC 6749 §5.2. */
export type TokenError =
  | InvalidRequest
  | InvalidClient
  | InvalidGrant
  | UnauthorizedClient
  | UnsupportedGrantType
  | InvalidScope
  | InvalidAuthorizationDetails
  | InvalidTarget
  | InvalidDpopProof
  | UseDpopNonce

/** What the authorization endpoint answers, RFC 6749 §4.1.2.1 and OpenID Connect Core §3.1.2.6. */
export type AuthorizationError =
  | InvalidRequest
  | UnauthorizedClient
  | AccessDenied
  | UnsupportedResponseType
  | InvalidScope
  | InvalidAuthorizationDetails
  | InvalidTarget
  | LoginRequired
  | ConsentRequired
  | RequestNotSupported
  | RequestUriNotSupported
  | RegistrationNotSupported
  | UnmetAuthenticationRequirements
  | InvalidRequestObject
  | InvalidRequestUri

/** What the pushed authorization request endpoint answers, RFC 9126 §2.3: both of the others' errors. */
export type PushError = TokenError | AuthorizationError

/** What a protected resource answers, RFC 6750 §3.1, RFC 9449 §7.1, RFC 9470 §3. */
export type ResourceError =
  | InvalidRequest
  | InvalidDpopProof
  | UseDpopNonce
  | InvalidToken
  | InsufficientScope
  | InsufficientUserAuthentication
  | TokenMissing

export type OAuthError = TokenError | AuthorizationError | ResourceError
