/** The `client_credentials` grant, RFC 6749 §4.4: a client acts for itself, and no person is involved. */
import { Effect } from "effect"
import { check, checking } from "../audit/Refusal.ts"
import type { AuthenticatedClient } from "../client/authenticate.ts"
import { isConfidential } from "../client/Client.ts"
import { UnauthorizedClient } from "../oauth/OAuthError.ts"
import { every, type Parameters } from "../oauth/Parameters.ts"
import { bindingOf, type Sender } from "../proof/sender.ts"
import { currentResources, requestedResources } from "../resource/registry.ts"
import { prepareAccessToken } from "../token/accessToken.ts"
import { accessTokenResponse } from "../token/issue.ts"
import { TokenStore } from "../token/TokenStore.ts"
import { unattendedScope } from "./unattendedScope.ts"

const exchange = Effect.fnUntraced(function* (client: AuthenticatedClient, parameters: Parameters, sender: Sender) {
  const tokens = yield* TokenStore
  const resources = yield* currentResources
  yield* check(
    "RFC 6749 §4.4: the client is confidential",
    isConfidential(client),
    () => new UnauthorizedClient({ reason: "PublicClient" })
  )
  const known = resources.map((resource) => resource.identifier)
  const audience = yield* checking(
    "RFC 8707 §2.2: registered resources",
    requestedResources(parameters, known, "ResourceUnknown")
  )
  const scope = yield* unattendedScope(client, parameters, resources)

  const prepared = yield* prepareAccessToken({
    client,
    subject: client.clientId,
    grant: undefined,
    actor: undefined,
    scope,
    scopeAsked: every(parameters, "scope")[0],
    audience,
    confirmation: yield* bindingOf(sender)
  })
  yield* tokens.issue(prepared)
  // RFC 6749 §4.4.3: no refresh token; the client can authenticate again at any time.
  return accessTokenResponse(prepared)
})

/** RFC 6749 §4.4.2. */
export const grant = { grantType: "client_credentials", parameters: ["scope"], exchange } as const
