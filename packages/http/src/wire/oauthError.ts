/** What an OAuth error looks like on the wire: a code, a status and one fixed sentence. Nothing else ever gets out. */
import type { OAuthError } from "@lockspire/core"

interface Row {
  readonly error: string
  readonly status: number
  readonly description: string
}

/** Every class of error has one row; a new one without a row does not compile. */
const rows = {
  InvalidRequest: {
    error: "invalid_request",
    status: 400,
    description: "A parameter is missing, repeated or malformed."
  },
  InvalidClient: { error: "invalid_client", status: 401, description: "Client authentication failed." },
  InvalidGrant: {
    error: "invalid_grant",
    status: 400,
    description: "The grant is invalid, expired, revoked, or was issued to another client."
  },
  UnauthorizedClient: {
    error: "unauthorized_client",
    status: 400,
    description: "The client is not registered for this request."
  },
  UnsupportedGrantType: {
    error: "unsupported_grant_type",
    status: 400,
    description: "The grant type is not supported."
  },
  InvalidScope: {
    error: "invalid_scope",
    status: 400,
    description: "The scope is malformed, unknown, or exceeds what was granted."
  },
  InvalidTarget: {
    error: "invalid_target",
    status: 400,
    description: "The resource is malformed, unknown, or was not granted."
  },
  InvalidAuthorizationDetails: {
    error: "invalid_authorization_details",
    status: 400,
    description: "The authorization details are malformed, of an unknown type, or were not granted."
  },
  UnsupportedResponseType: {
    error: "unsupported_response_type",
    status: 400,
    description: "The response type is not supported."
  },
  AccessDenied: { error: "access_denied", status: 400, description: "The request was denied." },
  LoginRequired: { error: "login_required", status: 400, description: "The person has to sign in." },
  ConsentRequired: { error: "consent_required", status: 400, description: "The person has to consent." },
  RequestNotSupported: {
    error: "request_not_supported",
    status: 400,
    description: "Request objects have to be signed."
  },
  RequestUriNotSupported: {
    error: "request_uri_not_supported",
    status: 400,
    description: "Request objects by reference are not supported."
  },
  RegistrationNotSupported: {
    error: "registration_not_supported",
    status: 400,
    description: "The registration parameter is not supported."
  },
  UnmetAuthenticationRequirements: {
    error: "unmet_authentication_requirements",
    status: 400,
    description: "The required authentication could not be reached."
  },
  InvalidDpopProof: { error: "invalid_dpop_proof", status: 400, description: "The DPoP proof is missing or invalid." },
  UseDpopNonce: {
    error: "use_dpop_nonce",
    status: 400,
    description: "The DPoP proof has to carry the nonce of the DPoP-Nonce header."
  },
  InvalidRequestObject: {
    error: "invalid_request_object",
    status: 400,
    description: "The request object is malformed, expired, used, or not signed as registered."
  },
  InvalidRequestUri: {
    error: "invalid_request_uri",
    status: 400,
    description: "The request_uri is unknown, expired or used."
  },
  InvalidToken: {
    error: "invalid_token",
    status: 401,
    description: "The access token is unknown, expired or revoked."
  },
  InsufficientScope: {
    error: "insufficient_scope",
    status: 403,
    description: "The access token does not carry the scope."
  },
  InsufficientUserAuthentication: {
    error: "insufficient_user_authentication",
    status: 401,
    description: "The person has to authenticate again, or more strongly."
  },
  TokenMissing: { error: "invalid_token", status: 401, description: "An access token is required." }
} as const satisfies Record<OAuthError.OAuthError["_tag"], Row>

/** What an `invalid_request` is about, where a fixed sentence can say it. */
const requestSentences: Partial<Record<OAuthError.InvalidRequest["reason"], string>> = {
  CodeChallengeMissing: "PKCE is required: code_challenge is missing.",
  CodeChallengeMethodNotS256: "code_challenge_method must be S256.",
  ResponseModeUnknown: "The response mode is not supported.",
  TwoClientAuthenticationMethods: "More than one client authentication method was used.",
  ClientIdConflict: "client_id differs from the client that authenticated.",
  ContentTypeNotForm: "The body must be application/x-www-form-urlencoded.",
  BodyTooLarge: "The body is too large.",
  TokenSentTwice: "The access token was sent in more than one way.",
  InteractionUnknown: "This sign-in does not exist.",
  InteractionOfAnotherBrowser: "This sign-in was started in another browser.",
  InteractionExpired: "This sign-in has expired.",
  InteractionFinished: "This sign-in is already finished.",
  CsrfTokenMismatch: "The form did not come from the page that was shown.",
  ForeignOrigin: "The form did not come from this site.",
  DelegationRequired: "An actor token is required.",
  DelegationNotAllowed: "An actor token is not allowed.",
  RedirectUriMissing: "redirect_uri is missing.",
  RedirectUriNotRegistered: "redirect_uri is not registered for this client.",
  PushedRequestRequired: "Authorization requests have to be pushed (RFC 9126).",
  RequestObjectRequired: "Authorization requests have to be signed (RFC 9101).",
  SignedResponseRequired: "The response mode has to be a signed one (JARM).",
  ResourceRequired: "resource is missing.",
  RequestUriInPush: "A pushed request cannot contain request_uri.",
  ProofMissing: "A DPoP proof is required.",
  CertificateMissing: "A client certificate is required.",
  KeyConflict: "dpop_jkt and the DPoP proof name different keys.",
  SigningKeyMissing: "The server has no key for the signing algorithm that this client is registered with.",
  EncryptionKeyMissing: "This client has registered no key that the response could be encrypted to."
}

const parameterSentences: Partial<Record<OAuthError.InvalidRequest["reason"], (parameter: string) => string>> = {
  ParameterMissing: (parameter) => `The parameter ${parameter} is missing.`,
  ParameterRepeated: (parameter) => `The parameter ${parameter} is repeated.`,
  ParameterMalformed: (parameter) => `The parameter ${parameter} is malformed.`,
  ParameterUnexpected: (parameter) => `The parameter ${parameter} has no place in this request.`,
  TokenTypeNotAccepted: (parameter) => `The token type in ${parameter} is not accepted.`,
  TokenNotAcceptable: (parameter) => `The token in ${parameter} is not acceptable.`
}

const targetSentences: Partial<Record<OAuthError.InvalidTarget["reason"], string>> = {
  ResourcesDiffer: "No one token fits all of these resources: name fewer.",
  ResourceKeyMissing: "No token can be made for this resource: a key is missing."
}

/** The row of an error. Parameter names in it are ours, never the request's. */
export const toWire = (error: OAuthError.OAuthError): Row => {
  const row: Row = rows[error._tag]
  if (error._tag === "InvalidTarget") return { ...row, description: targetSentences[error.reason] ?? row.description }
  if (error._tag === "UnauthorizedClient" && error.reason === "ClientUnknown") {
    return { ...row, description: "The client is not registered here, or it is disabled." }
  }
  if (error._tag !== "InvalidRequest") return row
  const about = error.parameter === undefined ? undefined : parameterSentences[error.reason]?.(error.parameter)
  return {
    ...row,
    status: error.reason === "BodyTooLarge" ? 413 : row.status,
    description: requestSentences[error.reason] ?? about ?? row.description
  }
}
