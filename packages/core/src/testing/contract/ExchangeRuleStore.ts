import { assert, layer } from "@effect/vitest"
import { Effect, type Layer } from "effect"
import type { Transaction } from "../../storage/Transaction.ts"
import { ExchangeRuleStore } from "../../token-exchange/ExchangeRuleStore.ts"
import { options, undone } from "./law.ts"
import { exchangeRule, unique } from "./records.ts"

/** Every layer that claims to be an `ExchangeRuleStore` runs this suite. */
export const suite = <E>(name: string, storage: Layer.Layer<ExchangeRuleStore | Transaction, E>) =>
  layer(storage, options)(`ExchangeRuleStore (${name})`, (it) => {
    it.effect("lists an issuer's rules by name, unchanged, all of them or one client's", () =>
      Effect.gen(function* () {
        const rules = yield* ExchangeRuleStore
        const issuer = unique("https://rules")
        const upper = exchangeRule({ issuer, name: "B", subjectClients: [], targets: [], scopes: [] })
        const lower = exchangeRule({ issuer, name: "a", delegation: "required" })
        for (const rule of [lower, upper, exchangeRule({ clientId: lower.clientId })]) yield* rules.put(rule)
        assert.deepStrictEqual(yield* rules.list(issuer), [upper, lower])
        assert.deepStrictEqual(yield* rules.ofClient(issuer, lower.clientId), [lower])
        assert.deepStrictEqual(yield* rules.ofClient(issuer, "nobody"), [])
      })
    )

    it.effect("put replaces the rule of its name, at its issuer only; remove takes it away once", () =>
      Effect.gen(function* () {
        const rules = yield* ExchangeRuleStore
        const [issuer, other] = [unique("https://rules"), unique("https://rules")]
        const rule = exchangeRule({ issuer })
        yield* rules.put(rule)
        yield* rules.put({ ...rule, issuer: other })
        const changed = exchangeRule({ issuer, name: rule.name, scopes: ["other"], delegation: "forbidden" })
        yield* rules.put(changed)
        assert.deepStrictEqual(yield* rules.list(issuer), [changed])
        assert.isFalse(yield* rules.remove(issuer, "another"))
        assert.isTrue(yield* rules.remove(issuer, rule.name))
        assert.isFalse(yield* rules.remove(issuer, rule.name))
        assert.deepStrictEqual(yield* rules.list(issuer), [])
        assert.deepStrictEqual(yield* rules.list(other), [{ ...rule, issuer: other }])
      })
    )

    it.effect("a failure in the transaction leaves the rules as they were", () =>
      Effect.gen(function* () {
        const rules = yield* ExchangeRuleStore
        const rule = exchangeRule({ issuer: unique("https://rules") })
        yield* rules.put(rule)
        yield* undone(
          Effect.all([rules.remove(rule.issuer, rule.name), rules.put(exchangeRule({ issuer: rule.issuer }))])
        )
        assert.deepStrictEqual(yield* rules.list(rule.issuer), [rule])
      })
    )
  })
