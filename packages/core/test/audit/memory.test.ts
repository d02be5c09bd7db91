import { assert, it } from "@effect/vitest"
import { DateTime, Effect, Exit } from "effect"
import { AuditLog, keptInMemory } from "../../src/audit/AuditLog.ts"
import { eventsBy, system } from "../../src/audit/event.ts"
import * as MemoryStorage from "../../src/MemoryStorage.ts"
import { Transaction } from "../../src/storage/Transaction.ts"

const issuer = "https://issuer.example"

it.effect("in memory the audit log keeps the newest events, and gives back what a transaction that failed took", () =>
  Effect.gen(function* () {
    const { append, latest } = yield* AuditLog
    const { within } = yield* Transaction
    const event = eventsBy(issuer, yield* DateTime.now, system)
    const numbered = (from: number, to: number) =>
      Array.from({ length: to - from }, (_, at) => event("client.updated", "client", String(from + at)))
    const ids = Effect.map(latest(issuer, 2 * keptInMemory), (events) => events.map(({ target }) => target.id))
    yield* append(numbered(0, keptInMemory + 50))
    const kept = yield* ids
    assert.deepStrictEqual([kept.length, kept[0], kept.at(-1)], [keptInMemory, String(keptInMemory + 49), "50"])
    const failed = within(Effect.andThen(append(numbered(0, 10)), Effect.fail("no")))
    assert.isTrue(Exit.isFailure(yield* Effect.exit(failed)))
    assert.sameMembers([...(yield* ids)], [...kept])
  }).pipe(Effect.provide(MemoryStorage.layer))
)
