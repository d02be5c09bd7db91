import { assert, layer } from "@effect/vitest"
import { Effect, type Layer, Option } from "effect"
import { ConsentStore } from "../../consent/ConsentStore.ts"
import type { Transaction } from "../../storage/Transaction.ts"
import { exactlyOneWins, options, undone } from "./law.ts"
import { after, consent, issuer, longAgo, now, otherIssuer, unique } from "./records.ts"

/** Every layer that claims to be a `ConsentStore` runs this suite. */
export const suite = <E>(name: string, storage: Layer.Layer<ConsentStore | Transaction, E>) =>
  layer(storage, options)(`ConsentStore (${name})`, (it) => {
    const remembered = Effect.fnUntraced(function* (over: Parameters<typeof consent>[0] = {}) {
      const consents = yield* ConsentStore
      const record = consent(over)
      yield* consents.put(record)
      return { consents, record, find: consents.find(record.issuer, record.subject, record.clientId, now) }
    })

    it.effect("finds what was put, unchanged, of that issuer, subject and client only", () =>
      Effect.gen(function* () {
        const { consents, find, record } = yield* remembered()
        assert.deepStrictEqual(yield* find, Option.some(record))
        const bare = yield* remembered({ scope: [], claims: [], resources: [] })
        assert.deepStrictEqual(yield* bare.find, Option.some(bare.record))
        assert.deepStrictEqual(yield* consents.find(otherIssuer, record.subject, record.clientId, now), Option.none())
        assert.deepStrictEqual(yield* consents.find(issuer, "other", record.clientId, now), Option.none())
        assert.deepStrictEqual(yield* consents.find(issuer, record.subject, "other", now), Option.none())
      })
    )

    it.effect("a consent holds until it expires, and not at that moment", () =>
      Effect.gen(function* () {
        const { consents, record } = yield* remembered({ expiresAt: after(60) })
        const find = (seconds: number) => consents.find(issuer, record.subject, record.clientId, after(seconds))
        assert.isTrue(Option.isSome(yield* find(59.999)))
        assert.deepStrictEqual(yield* find(60), Option.none())
      })
    )

    it.effect("of one subject and client one consent is remembered, the last", () =>
      Effect.gen(function* () {
        const { consents, find, record } = yield* remembered()
        const wider = { ...record, scope: ["openid", "email"], claims: [], resources: [], grantedAt: after(1) }
        yield* consents.put(wider)
        assert.deepStrictEqual(yield* find, Option.some(wider))
        assert.deepStrictEqual(yield* consents.listOf(issuer, record.subject, now), [wider])
      })
    )

    it.effect("lists a subject's unexpired consents, newest first", () =>
      Effect.gen(function* () {
        const subject = unique("subject")
        const { record: first } = yield* remembered({ subject, clientId: "one" })
        const { consents, record: second } = yield* remembered({ subject, clientId: "two", grantedAt: after(1) })
        yield* remembered({ subject, clientId: "three", expiresAt: after(60) })
        yield* remembered({ subject, issuer: otherIssuer })
        assert.deepStrictEqual(yield* consents.listOf(issuer, subject, after(60)), [second, first])
      })
    )

    it.effect("a revoked consent is forgotten; of any number of concurrent revocations one did it", () =>
      Effect.gen(function* () {
        const { consents, find, record } = yield* remembered()
        assert.isFalse(yield* consents.revoke(otherIssuer, record.subject, record.clientId))
        assert.isFalse(yield* consents.revoke(issuer, record.subject, "other"))
        yield* exactlyOneWins(consents.revoke(issuer, record.subject, record.clientId))
        assert.deepStrictEqual(yield* find, Option.none())
      })
    )

    it.effect("a failure in the transaction leaves the consent as it was", () =>
      Effect.gen(function* () {
        const { consents, find, record } = yield* remembered()
        yield* undone(consents.revoke(issuer, record.subject, record.clientId))
        assert.deepStrictEqual(yield* find, Option.some(record))
      })
    )

    it.effect("prune deletes consents that expired before, in batches, and nothing else", () =>
      Effect.gen(function* () {
        const { consents, find } = yield* remembered()
        for (let times = 0; times < 3; times++) yield* remembered({ expiresAt: longAgo })
        assert.strictEqual(yield* consents.prune(longAgo, 10), 0)
        assert.strictEqual(yield* consents.prune(after(1, longAgo), 2), 2)
        assert.strictEqual(yield* consents.prune(after(1, longAgo), 10), 1)
        assert.isTrue(Option.isSome(yield* find))
      })
    )
  })
