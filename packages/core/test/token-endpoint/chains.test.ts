import { assert, layer } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { TestClock } from "effect/testing"
import type { Client } from "../../src/client/Client.ts"
import { isSubset } from "../../src/oauth/Scope.ts"
import { revoke } from "../../src/revocation/revoke.ts"
import { aClient, form, register } from "../../src/testing/fixtures.ts"
import * as Server from "../../src/testing/TestServer.ts"
import { linksOf } from "../../src/token-exchange/actors.ts"
import type { ExchangeRule } from "../../src/token-exchange/ExchangeRule.ts"
import { grant as tokenExchange } from "../../src/token-exchange/exchange.ts"
import {
  acting,
  anActorToken,
  aRule,
  billing,
  exchange,
  ledger,
  orders,
  resources,
  stateOf
} from "../token-exchange/exchanging.ts"

const scopes = ["openid", "offline_access", "read", "bill", "orders.write"]
const identifiers = resources.map((resource) => resource.identifier)
const some = (values: ReadonlyArray<string>) => Schema.Array(Schema.Literals(values)).check(Schema.isMaxLength(3))

const Move = Schema.TaggedUnion({
  Refresh: { scope: some(scopes), resource: some(identifiers) },
  Exchange: {
    by: Schema.Literals([0, 1, 2]),
    of: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 30 })),
    // Mostly what works, so that chains grow.
    scope: Schema.Literals(["", "", "", "read", "bill", "read bill", "orders.write", "openid"]),
    resource: Schema.Literals([...identifiers, ...identifiers, "", `${orders.identifier} ${billing.identifier}`]),
    acts: Schema.Boolean
  },
  Wait: { seconds: Schema.Literals([1, 60, 200]) }
})

const listed = (value: string | ReadonlyArray<string> | undefined): ReadonlyArray<string> =>
  value === undefined ? [] : typeof value === "string" ? [value] : value
const scopeOf = (state: { readonly scope?: string }) => state.scope?.split(" ") ?? []

const activeState = Effect.fnUntraced(function* (token: string) {
  const state = yield* stateOf(token)
  return state.active ? state : undefined
})

/** A web client with three services behind it, each allowed to exchange what the others hand on, within its own rule. */
const landscape = Effect.fnUntraced(function* (rotation: string) {
  const grantTypes = ["authorization_code", "refresh_token", "client_credentials", tokenExchange.grantType]
  const web = yield* register(aClient({ grantTypes, metadata: { refresh_token_rotation: rotation } }))
  const services = yield* Effect.forEach([0, 1, 2], () => register(aClient({ grantTypes })))
  const everyone = [web, ...services].map((client) => client.clientId)
  const limits: ReadonlyArray<Pick<ExchangeRule, "targets" | "scopes">> = [
    { targets: [billing.identifier, ledger.identifier], scopes: ["read", "bill"] },
    { targets: [orders.identifier], scopes: ["read"] },
    { targets: identifiers, scopes: ["bill", "orders.write"] }
  ]
  const rules = yield* Effect.forEach(services, ({ clientId }, at) =>
    aRule({ clientId, subjectClients: everyone, ...limits[at]! })
  )
  return { web, services, rules }
})

layer(Server.layer({ resources }))("any chain of refreshes and exchanges", (it) => {
  it.effect.prop(
    "RFC 6749 §6, RFC 8693 §2.1, RFC 8707 §2.2: scope, lifetime and audience never widen; actors are never lost; one revocation ends all",
    [
      Schema.Array(Move).check(Schema.isMinLength(4), Schema.isMaxLength(12)),
      Schema.Literals(["always", "never"]),
      Schema.Literals(["", "", ...identifiers]),
      some(scopes.slice(2)).check(Schema.isMinLength(1))
    ],
    ([moves, rotation, only, asked]) =>
      Effect.gen(function* () {
        const { rules, services, web } = yield* landscape(rotation)
        const granted = ["openid", "offline_access", ...asked]
        const resource = only === "" ? [] : [only]
        const { subject, tokens } = yield* Server.obtainTokens(web, { scope: granted.join(" "), resource })
        let refreshToken = tokens.refresh_token!
        const pool = [tokens.access_token]

        for (const move of moves) {
          if (move._tag === "Wait") {
            yield* TestClock.adjust(move.seconds * 1000)
            continue
          }
          if (move._tag === "Refresh") {
            const members = {
              scope: move.scope.length === 0 ? undefined : move.scope.join(" "),
              resource: [...new Set(move.resource)]
            }
            const refreshed = yield* Effect.result(Server.refresh(web, refreshToken, members))
            if (refreshed._tag === "Failure") continue
            refreshToken = refreshed.success.refresh_token ?? refreshToken
            const state = (yield* activeState(refreshed.success.access_token))!
            assert.isTrue(isSubset(scopeOf(state), granted))
            assert.isTrue(isSubset(listed(state.aud), resource))
            if (move.scope.length > 0) assert.isTrue(isSubset(scopeOf(state), move.scope))
            pool.push(refreshed.success.access_token)
            continue
          }
          const token = pool[move.of % pool.length]!
          const before = yield* activeState(token)
          const service = services[move.by]!
          const rule = rules[move.by]!
          const actor = move.acts ? acting(yield* anActorToken(service)) : {}
          const members = {
            scope: move.scope === "" ? undefined : move.scope,
            resource: move.resource.split(" ").filter((one) => one !== "")
          }
          const exchanged = yield* Effect.result(exchange(service, token, { ...members, ...actor }))
          if (before === undefined) assert.strictEqual(exchanged._tag, "Failure")
          if (exchanged._tag === "Failure" || before === undefined) continue
          const after = (yield* activeState(exchanged.success.access_token))!
          assert.isTrue(isSubset(scopeOf(after), scopeOf(before)))
          assert.isTrue(isSubset(scopeOf(after), rule.scopes))
          assert.isAbove(listed(after.aud).length, 0)
          assert.isTrue(isSubset(listed(after.aud), rule.targets))
          assert.isAtMost(after.exp, before.exp)
          assert.strictEqual(after.sub, subject)
          assert.strictEqual(after.client_id, service.clientId)
          const [was, is] = [linksOf(before.act), linksOf(after.act)]
          assert.deepStrictEqual(is, move.acts ? [{ sub: service.clientId }, ...was] : was)
          assert.isAtMost(is.length, 3)
          pool.push(exchanged.success.access_token)
        }

        const { header, parameters } = Server.credentialsOf(web)
        yield* revoke(form({ ...parameters, token: refreshToken }), header)
        for (const token of pool) assert.isUndefined(yield* activeState(token))
        for (const service of services) {
          const late = yield* Effect.result(exchange(service, pool[0]!, { resource: undefined }))
          assert.strictEqual(late._tag, "Failure")
        }
      }),
    { arbitrary: { runs: 120 } }
  )
})

const Tab = Schema.Struct({
  /** Which of the refresh tokens given so far this tab still holds. */
  holds: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 9 })),
  narrows: Schema.Boolean
})

layer(Server.layer())("refreshes from many tabs", (it) => {
  it.effect.prop(
    "RFC 9700 §4.14.2: at any moment one live token; every answer is new, the same again, or a refusal, and never a defect",
    [
      Schema.Array(Schema.Array(Tab).check(Schema.isMinLength(1), Schema.isMaxLength(6))).check(Schema.isMaxLength(5)),
      Schema.Array(Schema.Literals([0, 5, 29, 31])),
      Schema.Literals([0, 2, 100])
    ],
    ([rounds, pauses, count]) =>
      Effect.gen(function* () {
        const client: Client = yield* register(aClient({ metadata: { refresh_token_replay_count: count } }))
        const { tokens } = yield* Server.obtainTokens(client, { scope: "openid email offline_access" })
        const given = [tokens.refresh_token!]
        for (const [at, tabs] of rounds.entries()) {
          const answers = yield* Effect.all(
            tabs.map(({ holds, narrows }) => {
              const token = given[holds % given.length]!
              return Effect.map(
                Effect.result(Server.refresh(client, token, narrows ? { scope: "email" } : {})),
                (answer) => ({ token, narrows, answer })
              )
            }),
            { concurrency: "unbounded" }
          )
          const bodies = new Map<string, Set<string>>()
          for (const { answer, narrows, token } of answers) {
            if (answer._tag === "Failure") {
              assert.include(["RefreshTokenReused", "GrantRevoked"], answer.failure.reason)
              continue
            }
            const body = JSON.stringify(answer.success)
            const key = `${token} ${narrows}`
            bodies.set(key, (bodies.get(key) ?? new Set()).add(body))
            if (!given.includes(answer.success.refresh_token!)) given.push(answer.success.refresh_token!)
          }
          // One token and one request have one answer, however many tabs ask.
          for (const same of bodies.values()) assert.strictEqual(same.size, 1)
          const live = yield* Effect.filter(given, (token) =>
            Effect.map(activeState(token), (one) => one !== undefined)
          )
          const isRevoked = answers.some(({ answer }) => answer._tag === "Failure")
          assert.strictEqual(live.length, isRevoked ? 0 : 1)
          yield* TestClock.adjust((pauses[at] ?? 0) * 1000)
        }
      }),
    { arbitrary: { runs: 80 } }
  )
})
