import { assert, layer } from "@effect/vitest"
import { Effect, type Layer } from "effect"
import { PolicyStore } from "../../issuer/Policy.ts"
import type { Transaction } from "../../storage/Transaction.ts"
import { options, undone } from "./law.ts"
import { unique } from "./records.ts"

/** Every layer that claims to be a `PolicyStore` runs this suite. */
export const suite = <E>(name: string, storage: Layer.Layer<PolicyStore | Transaction, E>) =>
  layer(storage, options)(`PolicyStore (${name})`, (it) => {
    it.effect("an issuer without settings has none", () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* (yield* PolicyStore).find(unique("https://policy")), {})
      })
    )

    it.effect("put replaces all settings of that issuer, and of no other", () =>
      Effect.gen(function* () {
        const policies = yield* PolicyStore
        const [issuer, other] = [unique("https://policy"), unique("https://policy")]
        yield* policies.put(other, { accessTokenLifetime: 60 })
        yield* policies.put(issuer, { accessTokenLifetime: 120, firstPartySkipsConsent: false })
        yield* policies.put(issuer, { refreshReplayWindow: 0, firstPartySkipsConsent: true })
        assert.deepStrictEqual(yield* policies.find(issuer), { refreshReplayWindow: 0, firstPartySkipsConsent: true })
        assert.deepStrictEqual(yield* policies.find(other), { accessTokenLifetime: 60 })
      })
    )

    it.effect("change replaces what is named and takes away what is undefined; of changes at once none is lost", () =>
      Effect.gen(function* () {
        const policies = yield* PolicyStore
        const issuer = unique("https://policy")
        yield* policies.change(issuer, { accessTokenLifetime: 120, dpop: undefined })
        assert.deepStrictEqual(yield* policies.find(issuer), { accessTokenLifetime: 120 })
        const changes = [
          { securityProfile: "mcp" },
          { accessTokenLifetime: undefined },
          { refreshReplayWindow: 0 },
          { firstPartySkipsConsent: true }
        ] as const
        yield* Effect.forEach(changes, (one) => policies.change(issuer, one), { concurrency: "unbounded" })
        assert.deepStrictEqual(yield* policies.find(issuer), {
          securityProfile: "mcp",
          refreshReplayWindow: 0,
          firstPartySkipsConsent: true
        })
      })
    )

    it.effect("a failure in the transaction leaves the settings as they were", () =>
      Effect.gen(function* () {
        const policies = yield* PolicyStore
        const issuer = unique("https://policy")
        yield* policies.put(issuer, { accessTokenLifetime: 120 })
        yield* undone(policies.put(issuer, {}))
        assert.deepStrictEqual(yield* policies.find(issuer), { accessTokenLifetime: 120 })
      })
    )
  })
