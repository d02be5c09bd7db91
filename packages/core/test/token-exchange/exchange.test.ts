import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { AuditLog } from "../../src/audit/AuditLog.ts"
import { ClientStore } from "../../src/client/ClientStore.ts"
import { revoke } from "../../src/revocation/revoke.ts"
import { aClient, aPublicClient, form, register, testIssuer } from "../../src/testing/fixtures.ts"
import { TestHost } from "../../src/testing/TestHost.ts"
import * as Server from "../../src/testing/TestServer.ts"
import { ExchangeRuleStore } from "../../src/token-exchange/ExchangeRuleStore.ts"
import { grant } from "../../src/token-exchange/exchange.ts"
import { tokenTypes } from "../../src/token-exchange/presentedToken.ts"
import { payloadOf, refusalOf, refuses } from "../support.ts"
import {
  acting,
  anActorToken,
  aPersonsTokens,
  aRule,
  aService,
  billing,
  exchange,
  judged,
  ledger,
  orders,
  resources,
  stateOf
} from "./exchanging.ts"

const noSubject = "InvalidRequest TokenNotAcceptable subject_token"
const noActor = "InvalidRequest TokenNotAcceptable actor_token"

layer(Server.layer({ resources }))("the token exchange grant", (it) => {
  it.effect("RFC 8693 §2.2.1: a token for the subject at the target, owned by the client that asked", () =>
    Effect.gen(function* () {
      const { service, web } = yield* aService()
      const { subject, tokens } = yield* aPersonsTokens(web)
      const response = yield* exchange(service, tokens.access_token)
      assert.deepStrictEqual(Object.keys(response), [
        "access_token",
        "issued_token_type",
        "token_type",
        "expires_in",
        "scope"
      ])
      assert.strictEqual(response.issued_token_type, tokenTypes.accessToken)
      assert.strictEqual(response.scope, "read bill")
      assert.deepInclude(yield* stateOf(response.access_token), {
        active: true,
        sub: subject,
        client_id: service.clientId,
        aud: billing.identifier
      })
    })
  )

  it.effect("without a rule, or without the host's word, nothing is exchanged", () =>
    Effect.gen(function* () {
      const { rule, service, web } = yield* aService()
      const { tokens } = yield* aPersonsTokens(web)
      const subject_token = tokens.access_token
      const request = {
        grant_type: grant.grantType,
        subject_token,
        subject_token_type: tokenTypes.accessToken,
        resource: billing.identifier
      }
      yield* refuses(Server.requestToken(service, request), noSubject)
      const no = yield* judged(service, subject_token, false)
      assert.isTrue(no.outcome._tag === "Failure")
      yield* refuses(exchange(web, subject_token), "UnauthorizedClient ExchangeNotAllowed")
      yield* exchange(service, subject_token)
      yield* ExchangeRuleStore.use((rules) => rules.remove(testIssuer, rule.name))
      yield* refuses(exchange(service, subject_token), "UnauthorizedClient ExchangeNotAllowed")
    })
  )

  it.effect("the host is asked about exactly what would be issued", () =>
    Effect.gen(function* () {
      const { rule, service, web } = yield* aService()
      const { subject, tokens } = yield* aPersonsTokens(web)
      const { asked } = yield* judged(service, tokens.access_token, true, {
        scope: "read",
        ...acting(yield* anActorToken(service))
      })
      assert.deepStrictEqual(asked, [
        {
          issuer: testIssuer,
          clientId: service.clientId,
          rule: rule.name,
          subject,
          subjectClientId: web.clientId,
          actors: [service.clientId],
          targets: [billing.identifier],
          scope: ["read"]
        }
      ])
    })
  )

  it.effect("a public client exchanges nothing, nor one that is not registered for the grant", () =>
    Effect.gen(function* () {
      const { web } = yield* aService()
      const { tokens } = yield* aPersonsTokens(web)
      const open = yield* register(aPublicClient({ grantTypes: [grant.grantType] }))
      yield* aRule({ clientId: open.clientId, subjectClients: [web.clientId], targets: [billing.identifier] })
      yield* refuses(exchange(open, tokens.access_token), "UnauthorizedClient PublicClient")
      const unregistered = yield* register(aClient())
      yield* refuses(exchange(unregistered, tokens.access_token), "UnauthorizedClient GrantTypeNotRegistered")
    })
  )

  it.effect("RFC 8693 §2.1: of several errors in the request the first in this order is the answer", () =>
    Effect.gen(function* () {
      const { service, web } = yield* aService()
      const { tokens } = yield* aPersonsTokens(web)
      const token = tokens.access_token
      const type = "InvalidRequest TokenTypeNotAccepted"
      const rows: ReadonlyArray<readonly [members: Record<string, string | undefined>, refusal: string]> = [
        [{ subject_token: undefined }, "InvalidRequest ParameterMissing subject_token"],
        [{ subject_token_type: undefined }, "InvalidRequest ParameterMissing subject_token_type"],
        [{ subject_token_type: "urn:ietf:params:oauth:token-type:refresh_token" }, `${type} subject_token_type`],
        [{ subject_token_type: "urn:ietf:params:oauth:token-type:saml2" }, `${type} subject_token_type`],
        [{ subject_token_type: "access_token" }, `${type} subject_token_type`],
        [{ actor_token_type: tokenTypes.accessToken }, "InvalidRequest ParameterUnexpected actor_token_type"],
        [{ actor_token: token }, "InvalidRequest ParameterMissing actor_token_type"],
        [{ actor_token: token, actor_token_type: "x" }, `${type} actor_token_type`],
        [{ requested_token_type: tokenTypes.idToken }, `${type} requested_token_type`],
        [{ requested_token_type: "urn:ietf:params:oauth:token-type:refresh_token" }, `${type} requested_token_type`],
        [{ subject_token: "unknown" }, noSubject],
        [{ subject_token: tokens.refresh_token }, noSubject],
        [{ subject_token_type: tokenTypes.idToken }, noSubject],
        [{ subject_token_type: tokenTypes.jwt }, noSubject],
        [{ subject_token: tokens.id_token }, noSubject],
        [{ actor_token: "unknown", actor_token_type: tokenTypes.accessToken }, noActor],
        [{ actor_token: token, actor_token_type: tokenTypes.accessToken }, noActor],
        [{ resource: undefined, audience: undefined }, "InvalidTarget TargetMissing resource"],
        [{ resource: "https://unknown.example" }, "InvalidTarget ResourceUnknown resource"],
        [{ audience: "unknown" }, "InvalidTarget ResourceUnknown audience"],
        [{ resource: orders.identifier }, "InvalidTarget TargetNotAllowed"],
        [{ audience: orders.identifier }, "InvalidTarget TargetNotAllowed"],
        [{ scope: "orders.write" }, "InvalidScope ScopeNotGranted"],
        [{ scope: 'a"b' }, "InvalidScope ScopeMalformed"],
        [{ requested_token_type: tokenTypes.jwt }, `${type} requested_token_type`]
      ]
      for (const [members, refusal] of rows) yield* refuses(exchange(service, token, members), refusal)
      yield* exchange(service, token)
    })
  )

  it.effect("RFC 8693 §3: the subject token may be opaque, a JWT or an ID token, and is what it is said to be", () =>
    Effect.gen(function* () {
      const { service, web } = yield* aService()
      const { subject, tokens } = yield* aPersonsTokens(web)
      const byIdToken = yield* exchange(service, tokens.id_token!, { subject_token_type: tokenTypes.idToken })
      assert.deepInclude(yield* stateOf(byIdToken.access_token), { sub: subject, scope: "read bill" })

      const forJwt = yield* aPersonsTokens(web, { resource: ledger.identifier })
      for (const subject_token_type of [tokenTypes.jwt, tokenTypes.accessToken]) {
        const response = yield* exchange(service, forJwt.tokens.access_token, { subject_token_type })
        assert.deepInclude(yield* stateOf(response.access_token), { sub: forJwt.subject })
      }
      yield* refuses(
        exchange(service, forJwt.tokens.access_token, { subject_token_type: tokenTypes.idToken }),
        noSubject
      )
    })
  )

  it.effect("RFC 8693 §2.1: a JWT is issued when one is asked for, by targets that take one", () =>
    Effect.gen(function* () {
      const { service, web } = yield* aService()
      const { subject, tokens } = yield* aPersonsTokens(web)
      const response = yield* exchange(service, tokens.access_token, {
        resource: undefined,
        audience: ledger.identifier,
        requested_token_type: tokenTypes.jwt,
        ...acting(yield* anActorToken(service))
      })
      assert.strictEqual(response.issued_token_type, tokenTypes.jwt)
      assert.deepInclude(payloadOf(response.access_token), {
        sub: subject,
        aud: ledger.identifier,
        client_id: service.clientId,
        act: { sub: service.clientId }
      })
    })
  )

  it.effect("a rule with one target needs no resource in the request", () =>
    Effect.gen(function* () {
      const { service, web } = yield* aService({ targets: [`${billing.identifier}/`] })
      const { tokens } = yield* aPersonsTokens(web)
      const response = yield* exchange(service, tokens.access_token, { resource: undefined })
      assert.deepInclude(yield* stateOf(response.access_token), { aud: billing.identifier })
    })
  )

  it.effect("a rule says whether a token may be exchanged without an actor, with one, or both", () =>
    Effect.gen(function* () {
      for (const [delegation, without, withActor] of [
        ["allowed", true, true],
        ["forbidden", true, false],
        ["required", false, true]
      ] as const) {
        const { service, web } = yield* aService({ delegation })
        const { tokens } = yield* aPersonsTokens(web)
        const actor = acting(yield* anActorToken(service))
        for (const [works, members, refusal] of [
          [without, {}, "InvalidRequest DelegationRequired actor_token"],
          [withActor, actor, "InvalidRequest DelegationNotAllowed actor_token"]
        ] as const) {
          if (works) yield* exchange(service, tokens.access_token, members)
          else yield* refuses(exchange(service, tokens.access_token, members), refusal)
        }
      }
    })
  )

  it.effect("an actor token makes only the client it was issued to an actor", () =>
    Effect.gen(function* () {
      const { service, web } = yield* aService()
      const { tokens } = yield* aPersonsTokens(web)
      const thief = yield* aService()
      yield* refuses(exchange(service, tokens.access_token, acting(yield* anActorToken(thief.service))), noActor)
    })
  )

  it.effect("RFC 8693 §4.1: the chain keeps every actor, the newest outermost, and has a limit", () =>
    Effect.gen(function* () {
      const { subject, tokens } = yield* Effect.flatMap(aService(), ({ web }) => aPersonsTokens(web))
      const clients: Array<string> = []
      let token = tokens.access_token
      let owner = (yield* stateOf(token)) as { readonly client_id: string }
      for (let depth = 1; depth <= 4; depth++) {
        const { service } = yield* aService({ subjectClients: [owner.client_id] })
        const request = exchange(service, token, {
          resource: ledger.identifier,
          ...acting(yield* anActorToken(service))
        })
        if (depth === 4) {
          yield* refuses(request, noActor)
          break
        }
        token = (yield* request).access_token
        clients.unshift(service.clientId)
        owner = { client_id: service.clientId }
        const act = clients.reduceRight<object | undefined>(
          (before, sub) => (before === undefined ? { sub } : { sub, act: before }),
          undefined
        )
        assert.deepStrictEqual(payloadOf(token)["act"], act)
        assert.strictEqual(payloadOf(token)["sub"], subject)
      }
      // Impersonation hides nobody who acted before.
      const { service } = yield* aService({ subjectClients: [owner.client_id] })
      const impersonated = yield* exchange(service, token, { resource: ledger.identifier })
      assert.deepStrictEqual(payloadOf(impersonated.access_token)["act"], payloadOf(token)["act"])
    })
  )

  it.effect("the limit counts the chains of both tokens together", () =>
    Effect.gen(function* () {
      const { service: first, web } = yield* aService()
      const { tokens } = yield* aPersonsTokens(web)
      const step = yield* exchange(first, tokens.access_token, acting(yield* anActorToken(first)))
      // An actor token that was itself obtained by an actor: two links of its own.
      const { service: second } = yield* aService({ subjectClients: [first.clientId] })
      const another = yield* exchange(second, step.access_token, acting(yield* anActorToken(second)))
      yield* aRule({
        clientId: second.clientId,
        subjectClients: [web.clientId, second.clientId, first.clientId],
        targets: [billing.identifier]
      })
      yield* exchange(second, tokens.access_token, acting(another.access_token))
      yield* refuses(exchange(second, step.access_token, acting(another.access_token)), noActor)
    })
  )

  it.effect("RFC 8693 §4.4: where the host says who may act for the subject, nobody else does", () =>
    Effect.gen(function* () {
      const { service, web } = yield* aService()
      const { subject, tokens } = yield* aPersonsTokens(web)
      const actor = acting(yield* anActorToken(service))
      const { clientId } = service
      for (const [may_act, works] of [
        [{ sub: clientId }, true],
        [{ sub: clientId, iss: testIssuer, client_id: clientId }, true],
        [{ client_id: clientId }, true],
        [{ sub: "somebody else" }, false],
        [{ sub: clientId, iss: "https://elsewhere.example" }, false],
        [{ sub: clientId, email: "a@b.example" }, false],
        [{}, false],
        [{ iss: testIssuer }, false],
        ["text", false],
        [[], false]
      ] as const) {
        yield* TestHost.use((host) => host.setClaims(subject, { may_act }))
        for (const members of [{}, actor]) {
          const request = exchange(service, tokens.access_token, members)
          if (works) yield* request
          else yield* refuses(request, noSubject)
        }
      }
    })
  )

  it.effect("RFC 8693 §4.4: an ID token's own may_act holds too", () =>
    Effect.gen(function* () {
      const { service, web } = yield* aService()
      const { browser, subject } = yield* Server.aSignedInBrowser()
      yield* TestHost.use((host) => host.setClaims(subject, { may_act: { sub: "somebody else" } }))
      const claims = JSON.stringify({ id_token: { may_act: null } })
      const request = yield* Server.authorizationRequest(web, { claims, scope: "openid read" })
      const tokens = yield* Server.exchangeCode(web, yield* Server.obtainCode(browser, request))
      assert.deepStrictEqual(payloadOf(tokens.id_token!)["may_act"], { sub: "somebody else" })
      yield* TestHost.use((host) => host.setClaims(subject, {}))
      const asIdToken = { subject_token_type: tokenTypes.idToken }
      yield* refuses(exchange(service, tokens.id_token!, asIdToken), noSubject)
      yield* exchange(service, tokens.access_token)
    })
  )

  it.effect("the token never outlives the subject token or the actor token", () =>
    Effect.gen(function* () {
      const { service, web } = yield* aService()
      const actor = acting(yield* anActorToken(service))
      yield* TestClock.adjust("100 seconds")
      const { tokens } = yield* aPersonsTokens(web)
      assert.strictEqual((yield* exchange(service, tokens.access_token, actor)).expires_in, 500)
      yield* TestClock.adjust("250 seconds")
      const response = yield* exchange(service, tokens.access_token)
      assert.strictEqual(response.expires_in, 350)
      yield* TestClock.adjust("350 seconds")
      assert.isFalse((yield* stateOf(response.access_token)).active)
      yield* refuses(exchange(service, tokens.access_token), noSubject)
    })
  )

  it.effect("revoking the grant kills what was exchanged, however many steps away", () =>
    Effect.gen(function* () {
      const { service, web } = yield* aService()
      const { tokens } = yield* aPersonsTokens(web)
      const first = yield* exchange(service, tokens.access_token)
      const { service: next } = yield* aService({ subjectClients: [service.clientId] })
      const second = yield* exchange(next, first.access_token)
      const { header, parameters } = Server.credentialsOf(web)
      yield* revoke(form({ ...parameters, token: tokens.refresh_token! }), header)
      for (const { access_token } of [first, second]) assert.isFalse((yield* stateOf(access_token)).active)
      yield* refuses(exchange(service, tokens.access_token), noSubject)
      yield* refuses(exchange(service, tokens.id_token!, { subject_token_type: tokenTypes.idToken }), noSubject)
    })
  )

  it.effect("nothing is exchanged for an account that is gone, or that may not use the client", () =>
    Effect.gen(function* () {
      const { service, web } = yield* aService()
      const { subject, tokens } = yield* aPersonsTokens(web)
      yield* TestHost.use((host) => host.forbid(subject, service.clientId))
      yield* refuses(exchange(service, tokens.access_token), noSubject)
      const other = yield* aPersonsTokens(web)
      yield* TestHost.use((host) => host.removeAccount(other.subject))
      yield* refuses(exchange(service, other.tokens.access_token), noSubject)
    })
  )

  it.effect("a token of a client that was disabled is worth nothing", () =>
    Effect.gen(function* () {
      const { service, web } = yield* aService()
      const { tokens } = yield* aPersonsTokens(web)
      yield* ClientStore.use((clients) => clients.put({ ...web, disabled: true }))
      yield* refuses(exchange(service, tokens.access_token), noSubject)
      yield* refuses(exchange(service, tokens.id_token!, { subject_token_type: tokenTypes.idToken }), noSubject)
    })
  )

  it.effect("a client's own token, about no person, is exchanged without asking for one", () =>
    Effect.gen(function* () {
      const { service, web } = yield* aService()
      const machine = yield* Server.requestToken(web, { grant_type: "client_credentials", scope: "read" })
      const response = yield* exchange(service, machine.access_token)
      assert.deepInclude(yield* stateOf(response.access_token), { sub: web.clientId, scope: "read" })
    })
  )

  it.effect("an exchange is audited with its rule; a refusal stores nothing", () =>
    Effect.gen(function* () {
      const { rule, service, web } = yield* aService()
      const { tokens } = yield* aPersonsTokens(web)
      yield* exchange(service, tokens.access_token)
      const events = yield* AuditLog.use((log) => log.latest(testIssuer, 2))
      assert.deepStrictEqual(
        events.map((event) => event.action),
        ["access_token.issued", "token.exchanged"]
      )
      assert.isTrue(events[1]!.reason!.startsWith(rule.name))
      yield* refusalOf(exchange(service, tokens.access_token, { scope: "orders.write" }))
      assert.deepStrictEqual(yield* AuditLog.use((log) => log.latest(testIssuer, 2)), events)
    })
  )
})
