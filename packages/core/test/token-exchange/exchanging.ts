/** What the tests of token exchange share: rules, a host that allows, and requests. */
import { Effect, Ref } from "effect"
import type { Client } from "../../src/client/Client.ts"
import { type TokenExchange, TokenExchangeValidator } from "../../src/host/TokenExchangeValidator.ts"
import { introspect } from "../../src/introspection/introspect.ts"
import { aClient, aResource, form, register, testIssuer } from "../../src/testing/fixtures.ts"
import * as Server from "../../src/testing/TestServer.ts"
import type { ExchangeRule } from "../../src/token-exchange/ExchangeRule.ts"
import { ExchangeRuleStore } from "../../src/token-exchange/ExchangeRuleStore.ts"
import { grant, type ExchangeResponse } from "../../src/token-exchange/exchange.ts"
import { tokenTypes } from "../../src/token-exchange/presentedToken.ts"

export const orders = aResource({ identifier: "https://orders.example", scopes: ["read", "orders.write"] })
export const billing = aResource({ identifier: "https://billing.example", scopes: ["read", "bill"] })
export const ledger = aResource({
  identifier: "https://ledger.example",
  scopes: ["read", "bill"],
  accessTokenFormat: "jwt"
})
export const resources = [orders, billing, ledger]

const every = ["authorization_code", "refresh_token", "client_credentials", grant.grantType]

/** A web client, a service that exchanges its tokens, and the rule for it; `over` changes the rule. */
export const aService = Effect.fnUntraced(function* (over: Partial<ExchangeRule> = {}) {
  const web = yield* register(aClient({ grantTypes: every }))
  const service = yield* register(aClient({ grantTypes: every }))
  const rule = yield* aRule({
    clientId: service.clientId,
    subjectClients: [web.clientId],
    targets: [billing.identifier, ledger.identifier],
    ...over
  })
  return { web, service, rule }
})

let serial = 0
export const aRule = Effect.fnUntraced(function* (over: Partial<ExchangeRule>) {
  const rule: ExchangeRule = {
    issuer: testIssuer,
    name: `rule-${String(++serial).padStart(4, "0")}`,
    clientId: "nobody",
    subjectClients: [],
    targets: [],
    scopes: ["read", "bill"],
    delegation: "allowed",
    ...over
  }
  yield* ExchangeRuleStore.use((rules) => rules.put(rule))
  return rule
})

/** A person's access token at the web client, for all scope values there are. */
export const aPersonsTokens = (client: Client, members: Record<string, string | ReadonlyArray<string>> = {}) =>
  Server.obtainTokens(client, { scope: "openid offline_access read bill orders.write", ...members })

type Members = Record<string, string | ReadonlyArray<string> | undefined>

/** The request, with a host that allows everything. */
export const exchange = (client: Client, subjectToken: string, members: Members = {}) =>
  Effect.provideService(
    Effect.map(
      Server.requestToken(client, {
        grant_type: grant.grantType,
        subject_token: subjectToken,
        subject_token_type: tokenTypes.accessToken,
        resource: billing.identifier,
        ...members
      }),
      (response) => response as ExchangeResponse
    ),
    TokenExchangeValidator,
    { mayExchange: () => Effect.succeed(true) }
  )

/** What the host is asked, and the answer it gives. */
export const judged = Effect.fnUntraced(function* (
  client: Client,
  subjectToken: string,
  answer: boolean,
  members: Members = {}
) {
  const asked = yield* Ref.make<ReadonlyArray<TokenExchange>>([])
  const outcome = yield* Effect.result(
    Effect.provideService(
      Server.requestToken(client, {
        grant_type: grant.grantType,
        subject_token: subjectToken,
        subject_token_type: tokenTypes.accessToken,
        resource: billing.identifier,
        ...members
      }),
      TokenExchangeValidator,
      {
        mayExchange: (one) =>
          Effect.as(
            Ref.update(asked, (before) => [...before, one]),
            answer
          )
      }
    )
  )
  return { asked: yield* Ref.get(asked), outcome }
})

/** A token of the client itself, to act with. */
export const anActorToken = (client: Client) =>
  Effect.map(Server.requestToken(client, { grant_type: "client_credentials" }), (response) => response.access_token)

export const acting = (actorToken: string) => ({
  actor_token: actorToken,
  actor_token_type: tokenTypes.accessToken
})

/** What a client that may see everything is told of the token. */
export const stateOf = Effect.fnUntraced(function* (token: string) {
  const observer = yield* register(aClient({ clientId: "observer", introspectAllTokens: true }))
  const { header, parameters } = Server.credentialsOf(observer)
  return yield* introspect(form({ ...parameters, token }), header)
})
