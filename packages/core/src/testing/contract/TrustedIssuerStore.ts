import { assert, layer } from "@effect/vitest"
import { Effect, type Layer, Option } from "effect"
import { TrustedIssuerStore } from "../../jwt-bearer/TrustedIssuerStore.ts"
import type { Transaction } from "../../storage/Transaction.ts"
import { options, undone } from "./law.ts"
import { trustedIssuer, unique } from "./records.ts"

/** Every layer that claims to be a `TrustedIssuerStore` runs this suite. */
export const suite = <E>(name: string, storage: Layer.Layer<TrustedIssuerStore | Transaction, E>) =>
  layer(storage, options)(`TrustedIssuerStore (${name})`, (it) => {
    it.effect("a trusted issuer is found as it was put, and only by the issuer that trusts it", () =>
      Effect.gen(function* () {
        const trusted = yield* TrustedIssuerStore
        const full = trustedIssuer()
        const bare = trustedIssuer({
          issuer: full.issuer,
          identifier: unique("https://A.idp.example"),
          jwks: undefined,
          jwksUri: "https://idp.example/jwks",
          audience: undefined,
          identityAssertions: false,
          clients: undefined,
          scopes: undefined
        })
        for (const one of [full, bare]) yield* trusted.put(one)
        assert.deepStrictEqual(yield* trusted.list(full.issuer), [bare, full])
        assert.deepStrictEqual(yield* trusted.find(full.issuer, full.identifier), Option.some(full))
        assert.deepStrictEqual(yield* trusted.find(unique("https://other"), full.identifier), Option.none())
        assert.deepStrictEqual(yield* trusted.find(full.issuer, "https://idp.example\0"), Option.none())
      })
    )

    it.effect("put replaces the one of its identifier; remove ends the trust, once", () =>
      Effect.gen(function* () {
        const trusted = yield* TrustedIssuerStore
        const one = trustedIssuer()
        const other = trustedIssuer({ identifier: one.identifier })
        yield* trusted.put(one)
        yield* trusted.put(other)
        const changed = { ...one, clients: [], scopes: undefined, jwks: { keys: [] } }
        yield* trusted.put(changed)
        assert.deepStrictEqual(yield* trusted.list(one.issuer), [changed])
        assert.isFalse(yield* trusted.remove(one.issuer, "https://another.example"))
        assert.isTrue(yield* trusted.remove(one.issuer, one.identifier))
        assert.isFalse(yield* trusted.remove(one.issuer, one.identifier))
        assert.deepStrictEqual(yield* trusted.list(other.issuer), [other])
      })
    )

    it.effect("a failure in the transaction leaves the trust as it was", () =>
      Effect.gen(function* () {
        const trusted = yield* TrustedIssuerStore
        const one = trustedIssuer()
        yield* trusted.put(one)
        yield* undone(Effect.all([trusted.remove(one.issuer, one.identifier), trusted.put({ ...one, scopes: [] })]))
        assert.deepStrictEqual(yield* trusted.list(one.issuer), [one])
      })
    )
  })
