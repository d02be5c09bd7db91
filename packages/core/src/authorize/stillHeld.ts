/**
 * A request that was good when it was pushed, or when its interaction began, under the rules that are in force by now:
 * RFC 9126 §4 has checks made again where a policy changed in between, and §7.4 where a registration did.
 */
import type { AuthorizationRequest } from "../authorization-request/AuthorizationRequest.ts"
import type { Client } from "../client/Client.ts"
import type { Policy } from "../issuer/Policy.ts"
import { InvalidRequest } from "../oauth/OAuthError.ts"
import { isHttpsOrNative } from "../profile/fapi2.ts"
import { rulesInForce } from "../profile/inForce.ts"
import { demanding, type Rule, titleOf } from "../profile/Rule.ts"

/** The first rule that the request breaks, and how it is refused for that; undefined when it breaks none. */
export const brokenRule = (
  client: Client,
  request: AuthorizationRequest,
  policy: Policy
): { readonly rule: string; readonly error: InvalidRequest } | undefined => {
  const rules = rulesInForce(policy, client)
  const broken = (rule: Rule | undefined, isKept: boolean, reason: InvalidRequest["reason"]) =>
    rule === undefined || isKept ? undefined : { rule: titleOf(rule), error: new InvalidRequest({ reason }) }
  return (
    broken(demanding(rules, "pushedRequest"), request.pushedAs !== undefined, "PushedRequestRequired") ??
    broken(demanding(rules, "signedRequest"), request.isSigned === true, "RequestObjectRequired") ??
    broken(demanding(rules, "codeChallenge"), request.codeChallenge !== undefined, "CodeChallengeMissing") ??
    broken(demanding(rules, "redirectUriSent"), request.redirectUriSent, "RedirectUriMissing") ??
    broken(
      demanding(rules, "httpsRedirect"),
      isHttpsOrNative(client, request.redirectUri),
      "RedirectUriNotRegistered"
    ) ??
    broken(demanding(rules, "resource"), request.resources.length > 0, "ResourceRequired")
  )
}
