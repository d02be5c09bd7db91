/** The scope of tokens for which no person is asked: client credentials and assertions. */
import { Effect } from "effect"
import { check, checking } from "../audit/Refusal.ts"
import type { Client } from "../client/Client.ts"
import { standardScopes } from "../oauth/Claims.ts"
import { InvalidScope } from "../oauth/OAuthError.ts"
import { optional, type Parameters } from "../oauth/Parameters.ts"
import * as Scope from "../oauth/Scope.ts"
import type { Resource } from "../resource/Resource.ts"

/**
 * What the client may have: scope values of registered resources, of those the ones it is registered for. Never one of
 * OpenID Connect's own, which are about a person who signed in (`openid`) or a refresh token (`offline_access`).
 */
const allowedScope = (client: Client, resources: ReadonlyArray<Resource>): ReadonlyArray<string> => {
  const personal = new Set<string>(standardScopes)
  const defined = [...new Set(resources.flatMap((resource) => resource.scopes))].filter((one) => !personal.has(one))
  return client.scope === undefined ? defined : defined.filter((one) => client.scope!.includes(one))
}

/**
 * RFC 6749 §3.3: the scope asked for, all of it allowed; without one, what the client is registered for, and nothing
 * when it is registered for nothing in particular. `within` is what an assertion allows, and then also what it brings.
 */
export const unattendedScope = Effect.fnUntracedEager(function* (
  client: Client,
  parameters: Parameters,
  resources: ReadonlyArray<Resource>,
  within?: ReadonlyArray<string>
) {
  const text = yield* checking("RFC 6749 §3.2: scope at most once", optional(parameters, "scope"))
  const allowed = allowedScope(client, resources).filter((one) => within === undefined || within.includes(one))
  if (text === undefined) return client.scope === undefined && within === undefined ? [] : allowed
  const scope = yield* checking("RFC 6749 §3.3: scope syntax", Scope.parse(text))
  yield* check(
    "RFC 6749 §3.3: scope values of registered resources, for which the client is registered",
    Scope.isSubset(scope, allowed),
    () =>
      new InvalidScope({
        reason: "ScopeNotAllowed",
        expected: Scope.format(allowed),
        received: Scope.format(scope)
      })
  )
  return scope
})
