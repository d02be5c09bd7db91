/** An authorization request that passed every check that needs no person: RFC 6749 §4.1.1, OpenID Connect Core §3.1.2.1. */
import { Schema } from "effect"
import { AuthorizationDetail } from "../oauth/AuthorizationDetails.ts"
import { ClaimsRequest } from "../oauth/Claims.ts"
import { Display, Prompt, ResponseMode } from "../oauth/Metadata.ts"
import { SafeRedirect } from "./SafeRedirect.ts"

/** Kept as it is from the request to the code: nothing of it is read from the browser a second time. */
export const AuthorizationRequest = Schema.Struct({
  clientId: Schema.String,
  redirectUri: SafeRedirect,
  /** Whether the request named it, so that the token request must name it again (RFC 6749 §4.1.3). */
  redirectUriSent: Schema.Boolean,
  responseMode: ResponseMode,
  scope: Schema.Array(Schema.String),
  state: Schema.UndefinedOr(Schema.String),
  nonce: Schema.UndefinedOr(Schema.String),
  codeChallenge: Schema.UndefinedOr(Schema.String),
  resources: Schema.Array(Schema.String),
  prompt: Schema.Array(Prompt),
  /** Seconds. */
  maxAge: Schema.UndefinedOr(Schema.Int),
  loginHint: Schema.UndefinedOr(Schema.String),
  /** The subject that alone will do: `id_token_hint`, or `sub` in `claims`. */
  subject: Schema.UndefinedOr(Schema.String),
  acrValues: Schema.Array(Schema.String),
  acrEssential: Schema.Boolean,
  uiLocales: Schema.Array(Schema.String),
  claimsLocales: Schema.Array(Schema.String),
  display: Schema.UndefinedOr(Display),
  claims: Schema.UndefinedOr(ClaimsRequest),
  /** RFC 9449 §10. */
  dpopJkt: Schema.optional(Schema.String),
  /** Hash of the `request_uri` by which it came (RFC 9126); used up when the authorization completes. */
  pushedAs: Schema.optional(Schema.String),
  /** Whether it was a request object (RFC 9101). */
  isSigned: Schema.optional(Schema.Boolean),
  /** What of its request object (RFC 9101) counts once: used up when the authorization completes. */
  requestObject: Schema.optional(Schema.Struct({ jtiHash: Schema.String, until: Schema.DateTimeUtc })),
  /** RFC 9396, as validated and enriched by the host, each with the digest that stands for it in the consent memory. */
  authorizationDetails: Schema.Array(Schema.Struct({ detail: AuthorizationDetail, digest: Schema.String }))
})
export type AuthorizationRequest = typeof AuthorizationRequest.Type
