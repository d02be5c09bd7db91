import { assert, layer } from "@effect/vitest"
import { Effect, type Layer, Option } from "effect"
import type { Transaction } from "../../storage/Transaction.ts"
import { PairwiseSubjectStore } from "../../subject/PairwiseSubjectStore.ts"
import { options, together, undone } from "./law.ts"
import { issuer, otherIssuer, unique } from "./records.ts"

/** Every layer that claims to be a `PairwiseSubjectStore` runs this suite. */
export const suite = <E>(name: string, storage: Layer.Layer<PairwiseSubjectStore | Transaction, E>) =>
  layer(storage, options)(`PairwiseSubjectStore (${name})`, (it) => {
    it.effect("however many assign at the same time, all receive one value, and it stays", () =>
      Effect.gen(function* () {
        const pseudonyms = yield* PairwiseSubjectStore
        const sector = unique("sector")
        const values = yield* together(10, (index) => pseudonyms.assign(issuer, sector, "alice", `candidate ${index}`))
        assert.strictEqual(new Set(values).size, 1)
        assert.deepStrictEqual(yield* pseudonyms.find(issuer, sector, "alice"), Option.some(values[0]!))
        assert.strictEqual(yield* pseudonyms.assign(issuer, sector, "alice", "late"), values[0]!)
      })
    )

    it.effect("issuers, sectors and subjects have values of their own", () =>
      Effect.gen(function* () {
        const pseudonyms = yield* PairwiseSubjectStore
        const sector = unique("sector")
        yield* pseudonyms.assign(issuer, sector, "alice", "a")
        assert.deepStrictEqual(yield* pseudonyms.find(otherIssuer, sector, "alice"), Option.none())
        assert.deepStrictEqual(yield* pseudonyms.find(issuer, unique("sector"), "alice"), Option.none())
        assert.deepStrictEqual(yield* pseudonyms.find(issuer, sector, "bob"), Option.none())
        assert.strictEqual(yield* pseudonyms.assign(otherIssuer, sector, "alice", "b"), "b")
        assert.deepStrictEqual(yield* pseudonyms.find(issuer, sector, "alice"), Option.some("a"))
      })
    )

    it.effect("what a failed transaction assigned is not assigned", () =>
      Effect.gen(function* () {
        const pseudonyms = yield* PairwiseSubjectStore
        const sector = unique("sector")
        yield* undone(pseudonyms.assign(issuer, sector, "alice", "undone"))
        assert.deepStrictEqual(yield* pseudonyms.find(issuer, sector, "alice"), Option.none())
      })
    )
  })
