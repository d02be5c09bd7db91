import { assert, layer } from "@effect/vitest"
import { Effect, type Layer } from "effect"
import { AuditLog } from "../../audit/AuditLog.ts"
import type { Transaction } from "../../storage/Transaction.ts"
import { options, undone } from "./law.ts"
import { after, auditEvent, longAgo, unique } from "./records.ts"

/** Every layer that claims to be an `AuditLog` runs this suite. Each test has an issuer of its own. */
export const suite = <E>(name: string, storage: Layer.Layer<AuditLog | Transaction, E>) =>
  layer(storage, options)(`AuditLog (${name})`, (it) => {
    it.effect("answers an issuer's newest events first, unchanged", () =>
      Effect.gen(function* () {
        const log = yield* AuditLog
        const [issuer, other] = [unique("https://audit"), unique("https://audit")]
        const first = auditEvent({ issuer })
        const second = auditEvent({ issuer, reason: undefined, actor: { type: "system", id: "rotation" } })
        const third = auditEvent({ issuer, action: "signing_key.activated", at: after(-60) })
        yield* log.append([first, second])
        yield* log.append([])
        yield* log.append([third, auditEvent({ issuer: other })])
        assert.deepStrictEqual(yield* log.latest(issuer, 10), [third, second, first])
        assert.deepStrictEqual(yield* log.latest(issuer, 2), [third, second])
      })
    )

    it.effect("an event is stored exactly when its transition is", () =>
      Effect.gen(function* () {
        const log = yield* AuditLog
        const issuer = unique("https://audit")
        yield* undone(log.append([auditEvent({ issuer })]))
        assert.deepStrictEqual(yield* log.latest(issuer, 10), [])
      })
    )

    it.effect("prune deletes events older than its limit, in batches, and nothing else", () =>
      Effect.gen(function* () {
        const log = yield* AuditLog
        const issuer = unique("https://audit")
        const kept = auditEvent({ issuer })
        const old = () => auditEvent({ issuer, at: longAgo })
        yield* log.append([old(), kept, old(), old()])
        assert.strictEqual(yield* log.prune(longAgo, 10), 0)
        assert.strictEqual(yield* log.prune(after(1, longAgo), 2), 2)
        assert.strictEqual(yield* log.prune(after(1, longAgo), 10), 1)
        assert.deepStrictEqual(yield* log.latest(issuer, 10), [kept])
      })
    )
  })
