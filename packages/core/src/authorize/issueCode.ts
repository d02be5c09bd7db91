/** From facts and a decision to a code, RFC 6749 §4.1.2. */
import { DateTime, Effect } from "effect"
import { eventsBy, subject as subjectActor } from "../audit/event.ts"
import type { AuthorizationRequest } from "../authorization-request/AuthorizationRequest.ts"
import type { Client } from "../client/Client.ts"
import type { Asked } from "../consent/cover.ts"
import { hashToken, randomToken } from "../crypto/Crypto.ts"
import type { Authentication } from "../host/Authentication.ts"
import { CurrentIssuer } from "../issuer/Issuer.ts"
import { currentPolicy } from "../issuer/Policy.ts"
import { subjectFor } from "../subject/subjectFor.ts"
import type { Live } from "../token/Grant.ts"
import type { Issued } from "./AuthorizationCode.ts"
import { AuthorizationCodeStore } from "./AuthorizationCodeStore.ts"

/** The claims request reduced to what was granted. */
const grantedClaims = (request: AuthorizationRequest, granted: Asked): Live["claims"] => {
  if (request.claims === undefined) return undefined
  const keep = <A>(claims: Readonly<Record<string, A>> | undefined) =>
    claims === undefined
      ? undefined
      : Object.fromEntries(Object.entries(claims).filter(([name]) => granted.claims.includes(name)))
  const userinfo = keep(request.claims.userinfo)
  const idToken = keep(request.claims.id_token)
  return { ...(userinfo === undefined ? {} : { userinfo }), ...(idToken === undefined ? {} : { id_token: idToken }) }
}

/** A code, and the move that stores it with its grant; where an interaction ends with it, in that transaction. */
export const prepareCode = Effect.fnUntraced(function* (
  client: Client,
  request: AuthorizationRequest,
  authentication: Authentication,
  granted: Asked
) {
  const issuer = (yield* CurrentIssuer).identifier
  const policy = yield* currentPolicy
  const now = yield* DateTime.now
  const code = yield* randomToken
  const grantId = yield* randomToken
  const grant: Live = {
    _tag: "Live",
    issuer,
    grantId,
    clientId: request.clientId,
    subject: authentication.subject,
    sub: yield* subjectFor(client, authentication.subject),
    sid: yield* hashToken(`sid\0${issuer}\0${authentication.sessionId}`),
    scope: granted.scope,
    resources: granted.resources,
    authorizationDetails: request.authorizationDetails.map(({ detail }) => detail),
    claims: grantedClaims(request, granted),
    claimsLocales: request.claimsLocales,
    authTime: authentication.authTime,
    acr: authentication.acr,
    amr: authentication.amr,
    createdAt: now,
    expiresAt: DateTime.add(now, {
      seconds: granted.scope.includes("offline_access")
        ? policy.refreshTokenAbsoluteLifetime
        : policy.authorizationCodeLifetime + policy.accessTokenLifetime
    })
  }
  const issued: Issued = {
    _tag: "Issued",
    issuer,
    codeHash: yield* hashToken(code),
    grantId,
    clientId: request.clientId,
    redirectUri: request.redirectUri,
    redirectUriSent: request.redirectUriSent,
    codeChallenge: request.codeChallenge,
    nonce: request.nonce,
    dpopJkt: request.dpopJkt,
    expiresAt: DateTime.add(now, { seconds: policy.authorizationCodeLifetime })
  }
  const event = eventsBy(issuer, now, subjectActor(authentication.subject))
  const store = AuthorizationCodeStore.use((codes) =>
    codes.issue(issued, grant, [event("authorization_code.issued", "grant", grantId, request.clientId)])
  )
  return { code, store }
})
