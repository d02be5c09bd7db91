/** What stands before a protected route: RFC 6750 §2.1, RFC 9068 §4, RFC 9449 §7, RFC 8705 §3, RFC 9470. */
import { DateTime, Effect } from "effect"
import { check } from "../audit/Refusal.ts"
import { InsufficientScope, InsufficientUserAuthentication, InvalidToken } from "../oauth/OAuthError.ts"
import { presentedToken, type ResourceRequest } from "../proof/resourceRequest.ts"
import { normalForm } from "../resource/Resource.ts"
import { AccessTokenReader } from "./AccessTokenReader.ts"
import { ProtectedResource, type SenderDemand } from "./ProtectedResource.ts"
import type { VerifiedAccessToken } from "./VerifiedAccessToken.ts"

/** What a route asks of a token beyond being good for the resource. */
export interface Requirement extends SenderDemand {
  /** Scope values that the token carries, all of them. */
  readonly scope?: ReadonlyArray<string>
  /** RFC 9470 §4: the person authenticated in one of these classes; in order of preference. */
  readonly acrValues?: ReadonlyArray<string>
  /** RFC 9470 §4: seconds since the person authenticated, at most. */
  readonly maxAge?: number
}

/** A request for a protected route. */
export interface ProtectedRequest extends ResourceRequest {
  /** As it was sent, without the query. Under which origin it may stand is what `ProtectedResource` says. */
  readonly path: string
}

const isNamed = (identifier: string, audience: ReadonlyArray<string>): boolean => {
  const normal = normalForm(identifier)
  return audience.some((one) => one === identifier || (normal !== undefined && normalForm(one) === normal))
}

/** Whether a verified token is enough for a request; for what only the handler can know, ask again there. */
export const isEnough = Effect.fnUntraced(function* (token: VerifiedAccessToken, requirement: Requirement) {
  const { acrValues, dpop, maxAge, scope = [], senderConstrained } = requirement
  const isBound = dpop === undefined ? token.cnf !== undefined : token.cnf?.jkt !== undefined
  yield* check(
    "RFC 9728 §2, RFC 9449 §7: the token is bound where it has to be",
    (dpop === undefined && senderConstrained === undefined) || isBound,
    () => new InvalidToken({ reason: "NotSenderConstrained" })
  )
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

/** The token of a request, when it is valid for the current resource, its sender's own, and enough for the request. */
export const verifyAccessToken = Effect.fnUntraced(function* (
  request: ProtectedRequest,
  requirement: Requirement = {}
) {
  const resource = yield* ProtectedResource
  const reader = yield* AccessTokenReader
  const presented = yield* presentedToken(request.authorization)
  const { client, facts } = yield* reader.read(resource.issuer, presented.token)
  const now = (yield* DateTime.now).epochMilliseconds
  const skew = reader.clockSkew * 1000

  yield* check(
    "RFC 9068 §4: aud names this resource",
    isNamed(resource.identifier, facts.audience) || (resource.takesTokensForNoResource && facts.audience.length === 0),
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
  yield* reader.confirm({
    issuer: resource.issuer,
    client,
    confirmation: facts.cnf,
    presented,
    request,
    algorithms: resource.proofAlgorithms,
    targets: resource.origins.map((origin) => `${origin}${request.path}`)
  })
  const verified = facts as VerifiedAccessToken
  yield* isEnough(verified, { ...requirement, ...(yield* resource.demand) })
  return verified
})
