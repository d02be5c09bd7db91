/** What stands before a protected route: RFC 6750 §2.1, RFC 9068 §4, RFC 9470. */
import { DateTime, Effect } from "effect"
import { check } from "../audit/Refusal.ts"
import {
  InsufficientScope,
  InsufficientUserAuthentication,
  InvalidRequest,
  InvalidToken,
  TokenMissing
} from "../oauth/OAuthError.ts"
import { normalForm } from "../resource/Resource.ts"
import { AccessTokenReader } from "./AccessTokenReader.ts"
import { ProtectedResource } from "./ProtectedResource.ts"
import type { VerifiedAccessToken } from "./VerifiedAccessToken.ts"

/** What a route asks of a token beyond being good for the resource. */
export interface Requirement {
  /** Scope values that the token carries, all of them. */
  readonly scope?: ReadonlyArray<string>
  /** RFC 9470 §4: the person authenticated in one of these classes; in order of preference. */
  readonly acrValues?: ReadonlyArray<string>
  /** RFC 9470 §4: seconds since the person authenticated, at most. */
  readonly maxAge?: number
}

/** RFC 6750 §2.1: the scheme in any case (RFC 9110 §11.1), then one b64token. */
const credentials = /^bearer(?: +(.*))?$/i
const b64token = /^[A-Za-z0-9._~+/-]+=*$/

/** The header alone: a token in a form or a query ends up in logs (RFC 6750 §5.3), and we need not take it. */
const presentedToken = Effect.fnUntraced(function* (authorization: string | undefined) {
  const presented = credentials.exec(authorization ?? "")
  yield* check("RFC 6750 §3: a token is sent", presented !== null, () => new TokenMissing({ reason: "TokenMissing" }))
  const token = presented![1]?.trim() ?? ""
  yield* check(
    "RFC 6750 §2.1: the header is well-formed",
    b64token.test(token),
    () => new InvalidRequest({ reason: "ParameterMalformed", parameter: "Authorization" })
  )
  return token
})

const isNamed = (identifier: string, audience: ReadonlyArray<string>): boolean => {
  const normal = normalForm(identifier)
  return audience.some((one) => one === identifier || (normal !== undefined && normalForm(one) === normal))
}

/** Whether a verified token is enough for a request; for what only the handler can know, ask again there. */
export const isEnough = Effect.fnUntraced(function* (token: VerifiedAccessToken, requirement: Requirement) {
  const { acrValues, maxAge, scope = [] } = requirement
  yield* check(
    "RFC 6750 §3.1: the token carries the scope",
    scope.every((value) => token.scope.includes(value)),
    () => new InsufficientScope({ reason: "ScopeMissing", expected: scope.join(" "), received: token.scope.join(" ") })
  )
  const insufficient = (reason: InsufficientUserAuthentication["reason"]) => () =>
    new InsufficientUserAuthentication({ reason, acrValues, maxAge, scope })
  yield* check(
    "RFC 9470 §3: the person authenticated in one of the classes",
    acrValues === undefined || (token.acr !== undefined && acrValues.includes(token.acr)),
    insufficient("AcrNotReached")
  )
  const now = yield* DateTime.now
  const age =
    token.authTime === undefined
      ? Number.POSITIVE_INFINITY
      : (now.epochMilliseconds - token.authTime.epochMilliseconds) / 1000
  yield* check(
    "RFC 9470 §3: the person authenticated recently enough",
    maxAge === undefined || age <= maxAge,
    insufficient("AuthenticationTooOld")
  )
})

/** The token of an `Authorization` header, when it is valid for the current resource and enough for the request. */
export const verifyAccessToken = Effect.fnUntraced(function* (
  authorization: string | undefined,
  requirement: Requirement = {}
) {
  const resource = yield* ProtectedResource
  const reader = yield* AccessTokenReader
  const token = yield* presentedToken(authorization)
  const facts = yield* reader.read(resource.issuer, token)
  const now = (yield* DateTime.now).epochMilliseconds
  const skew = reader.clockSkew * 1000

  yield* check(
    "RFC 9068 §4: aud names this resource",
    isNamed(resource.identifier, facts.audience),
    () =>
      new InvalidToken({
        reason: "AudienceMismatch",
        expected: resource.identifier,
        received: facts.audience.join(" ")
      })
  )
  yield* check(
    "RFC 9068 §4: before exp",
    now < facts.expiresAt.epochMilliseconds + skew,
    () => new InvalidToken({ reason: "TokenExpired" })
  )
  yield* check(
    "RFC 7519 §4.1.5: not before nbf",
    facts.notBefore === undefined || now >= facts.notBefore.epochMilliseconds - skew,
    () => new InvalidToken({ reason: "TokenNotYetValid" })
  )
  // Whoever stole a bound token would present it like this.
  yield* check(
    "RFC 8705 §3, RFC 9449 §7.2: a sender-constrained token is no bearer token",
    facts.cnf === undefined,
    () => new InvalidToken({ reason: "SenderConstrained" })
  )
  const verified = facts as VerifiedAccessToken
  yield* isEnough(verified, requirement)
  return verified
})
