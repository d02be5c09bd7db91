/** The public surface: ports by their name, other modules as namespaces, in the order of the rooms. */
export * as AuthorizationDetails from "./oauth/AuthorizationDetails.ts"
export * as Claims from "./oauth/Claims.ts"
export * as Confirmation from "./oauth/Confirmation.ts"
export * as Metadata from "./oauth/Metadata.ts"
export * as OAuthError from "./oauth/OAuthError.ts"
export * as Parameters from "./oauth/Parameters.ts"
export * as Scope from "./oauth/Scope.ts"
export type { Lifecycle } from "./oauth/Lifecycle.ts"
export * as Crypto from "./crypto/Crypto.ts"
export * as SecretHash from "./crypto/SecretHash.ts"
export { SecretVerifier } from "./crypto/SecretHash.ts"
export * as Compact from "./jose/Compact.ts"
export * as Jwe from "./jose/Jwe.ts"
export { SignatureVerifier, type SignatureVerifierPort } from "./jose/SignatureVerifier.ts"
export { type Sign, Signer, type SignerPort } from "./jose/Signer.ts"
export { Invalidations, type InvalidationsPort, type Kept, makeListeners } from "./storage/Invalidations.ts"
export { Transaction } from "./storage/Transaction.ts"
export { StorageUnavailable } from "./storage/StorageUnavailable.ts"
export * as Sealed from "./storage/Sealed.ts"
export { KeyEncryptionKey } from "./storage/Sealed.ts"
export * as Egress from "./egress/Egress.ts"
export type { Authentication } from "./host/Authentication.ts"
export { type AuthorizationDetailsType, AuthorizationDetailsTypes } from "./host/AuthorizationDetailsTypes.ts"
export { type BrowserRequest, type ClaimsQuery, HostResolver, type SignInDemand } from "./host/HostResolver.ts"
export { type AssertedSubject, AssertionSubjects, type AssertionSubjectsPort } from "./host/AssertionSubjects.ts"
export {
  type TokenExchange,
  TokenExchangeValidator,
  type TokenExchangeValidatorPort
} from "./host/TokenExchangeValidator.ts"
export * as Account from "./account/Account.ts"
export { AccountStore } from "./account/AccountStore.ts"
export * as AuditLog from "./audit/AuditLog.ts"
export * as AuditEvents from "./audit/event.ts"
export * as Refusal from "./audit/Refusal.ts"
export { RecordedRefusals, type Refusal as RefusalRecord, Refusals } from "./audit/Refusals.ts"
export * as Issuer from "./issuer/Issuer.ts"
export * as Policy from "./issuer/Policy.ts"
export * as Profile from "./profile/inForce.ts"
export * as ProfileAssessment from "./profile/assess.ts"
export * as ProfileRule from "./profile/Rule.ts"
export * as SigningKey from "./key/SigningKey.ts"
export { ReplayStore } from "./replay/ReplayStore.ts"
export * as ManageKeys from "./key/manage.ts"
export * as KeyRotation from "./key/rotation.ts"
export { KeyProvider, type KeyProviderPort, type ProvidedKey } from "./key/KeyProvider.ts"
export { SigningKeyMissing, SigningKeys } from "./key/SigningKeys.ts"
export { SigningKeyStore } from "./key/SigningKeyStore.ts"
export * as Resource from "./resource/Resource.ts"
export { Resources } from "./resource/Resources.ts"
export { ResourceStore } from "./resource/ResourceStore.ts"
export * as Client from "./client/Client.ts"
export { ClientStore } from "./client/ClientStore.ts"
export * as ManageClients from "./client/manage.ts"
export * as Jwks from "./client/Jwks.ts"
export { RemoteJwks, type RemoteJwksUnavailable } from "./client/RemoteJwks.ts"
export { clientKeys } from "./client/clientKeys.ts"
export { assertionAlgorithms } from "./client/assertion.ts"
export { type ClientCertificate, MutualTls, type MutualTlsOptions, subjectFields } from "./client/mutualTls.ts"
export { AnswerNonce } from "./proof/AnswerNonce.ts"
export * as DpopProof from "./proof/dpop.ts"
export { Nonces } from "./proof/Nonces.ts"
export * as ResourceRequest from "./proof/resourceRequest.ts"
export * as Sender from "./proof/sender.ts"
export { PairwiseSubjectStore } from "./subject/PairwiseSubjectStore.ts"
export * as SubjectType from "./subject/subjectFor.ts"
export * as Grant from "./token/Grant.ts"
export * as Token from "./token/Token.ts"
export * as RefreshPolicy from "./token/refreshPolicy.ts"
export type { Issuance } from "./token/Issuance.ts"
export { type Rotation, TokenStore } from "./token/TokenStore.ts"
export * as Consent from "./consent/Consent.ts"
export { ConsentStore } from "./consent/ConsentStore.ts"
export * as AuthorizationRequest from "./authorization-request/AuthorizationRequest.ts"
export * as PushedRequest from "./par/PushedRequest.ts"
export { PushedRequestStore } from "./par/PushedRequestStore.ts"
export { push, type PushResponse } from "./par/push.ts"
export * as Interaction from "./authorize/Interaction.ts"
export { InteractionStore } from "./authorize/InteractionStore.ts"
export * as AuthorizationCode from "./authorize/AuthorizationCode.ts"
export { AuthorizationCodeStore } from "./authorize/AuthorizationCodeStore.ts"
export { authenticate, type AuthenticatedClient, type PresentedCredentials } from "./client/authenticate.ts"
export { applicationsOf, type Application, revokeApplication } from "./consent/applications.ts"
export * as Establish from "./authorization-request/establish.ts"
export * as RequestObject from "./authorization-request/requestObject.ts"
export * as SafeRedirect from "./authorization-request/SafeRedirect.ts"
export * as Interact from "./authorize/interact.ts"
export * as AuthorizationResponse from "./authorize/respond.ts"
export * as Lifetime from "./token/Lifetime.ts"
export * as SecuredResponse from "./token/SecuredResponse.ts"
export * as VerifyOwn from "./token/verify.ts"
export { type TokenResponse } from "./token/issue.ts"
export * as ExchangeRule from "./token-exchange/ExchangeRule.ts"
export { ExchangeRuleStore } from "./token-exchange/ExchangeRuleStore.ts"
export * as TrustedIssuer from "./jwt-bearer/TrustedIssuer.ts"
export { TrustedIssuerStore } from "./jwt-bearer/TrustedIssuerStore.ts"
export { supportedGrantTypes } from "./token-endpoint/grants.ts"
export { token } from "./token-endpoint/token.ts"
export {
  introspect,
  introspectionResponse,
  type Introspection,
  type IntrospectionResponse
} from "./introspection/introspect.ts"
export { revoke } from "./revocation/revoke.ts"
export { userinfo, userinfoResponse, type UserinfoResponse } from "./userinfo/userinfo.ts"
export { metadata } from "./discovery/metadata.ts"
export { AccessTokenReader, type AccessTokenReaderPort, IssuerUnavailable } from "./protect/AccessTokenReader.ts"
export { confirmElsewhere, type DpopOptions, type PresentedProof } from "./protect/confirm.ts"
export { ProtectedResource, type ProtectedResourcePort, type SenderDemand } from "./protect/ProtectedResource.ts"
export { CurrentAccessToken, type ReadAccessToken, type VerifiedAccessToken } from "./protect/VerifiedAccessToken.ts"
export { isEnough, type ProtectedRequest, type Requirement, verifyAccessToken } from "./protect/verifyAccessToken.ts"
export * as ReadJwt from "./protect/readJwt.ts"
export * as ResourceMetadata from "./protect/resourceMetadata.ts"
export * as Retention from "./retention/records.ts"
export * as Prune from "./retention/prune.ts"
export * as MemoryStorage from "./MemoryStorage.ts"
export * as AuthorizationServer from "./AuthorizationServer.ts"

// Services and errors inside the namespaces above, by a name of their own: the types that TypeScript infers for a host's
// layers must be able to name them.
export type { Crypto as CryptoService } from "./crypto/Crypto.ts"
export type { Egress as EgressService, EgressRefused } from "./egress/Egress.ts"
export type { AuditLog as AuditLogService } from "./audit/AuditLog.ts"
export type { CurrentIssuer, IssuerInvalid, Issuers } from "./issuer/Issuer.ts"
export type { Policies, PolicyStore } from "./issuer/Policy.ts"
export type {
  AccessDenied,
  ConsentRequired,
  InsufficientScope,
  InsufficientUserAuthentication,
  InvalidClient,
  InvalidDpopProof,
  InvalidGrant,
  InvalidRequest,
  InvalidRequestObject,
  InvalidRequestUri,
  InvalidScope,
  InvalidTarget,
  InvalidToken,
  LoginRequired,
  RegistrationNotSupported,
  RequestNotSupported,
  RequestUriNotSupported,
  TokenMissing,
  UnauthorizedClient,
  UnmetAuthenticationRequirements,
  UnsupportedGrantType,
  UnsupportedResponseType,
  UseDpopNonce
} from "./oauth/OAuthError.ts"
export type { PageRefusal, RedirectRefusal } from "./authorization-request/establish.ts"
export type { Ports as StoragePorts } from "./MemoryStorage.ts"
export type { Ports } from "./MemoryStorage.ts"
