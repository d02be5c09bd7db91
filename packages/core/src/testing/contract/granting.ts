/** What the suites of grants, codes and tokens begin with, and how they see what a move issued. */
import { assert } from "@effect/vitest"
import { Deferred, Effect, Fiber, Option } from "effect"
import { type AuditEvent, AuditLog } from "../../audit/AuditLog.ts"
import { Transaction } from "../../storage/Transaction.ts"
import type { Live } from "../../token/Grant.ts"
import type { Issuance } from "../../token/Issuance.ts"
import { type Rotation, TokenStore } from "../../token/TokenStore.ts"
import { together, undone } from "./law.ts"
import { accessToken, after, grant, issuance, now, refreshToken } from "./records.ts"

export const rotation: Rotation = {
  replayUntil: after(30),
  requestHash: "request hash",
  sealedResponse: new Uint8Array([0, 128, 255])
}

export const revokedOf = (record: Live) => ({
  ...record,
  _tag: "Revoked" as const,
  revokedAt: now,
  revokedBecause: "because"
})

export const granted = Effect.fnUntraced(function* (over: Partial<Live> = {}) {
  const tokens = yield* TokenStore
  const record = grant(over)
  yield* tokens.insertGrant(record)
  return {
    tokens,
    grant: record,
    find: tokens.findGrant(record.issuer, record.grantId),
    revoke: tokens.revokeGrant(record.issuer, record.grantId, now, "because")
  }
})

export const withAccess = Effect.fnUntraced(function* (over: Partial<Live> = {}) {
  const base = yield* granted(over)
  const token = accessToken(base.grant)
  assert.isTrue(yield* base.tokens.issue(issuance(token)))
  return { ...base, token, findToken: base.tokens.findAccessToken(token.issuer, token.tokenHash) }
})

export const withRefresh = Effect.fnUntraced(function* (over: Parameters<typeof refreshToken>[1] = {}) {
  const base = yield* granted()
  const token = refreshToken(base.grant, over)
  assert.isTrue(yield* base.tokens.issue(issuance(accessToken(base.grant), token)))
  const rotateTo = (next: Issuance) =>
    base.tokens.rotate(token.issuer, token.tokenHash, token.clientId, now, rotation, next)
  const next = issuance(accessToken(base.grant), refreshToken(base.grant))
  return {
    ...base,
    token,
    next,
    rotateTo,
    findToken: base.tokens.findRefreshToken(token.issuer, token.tokenHash),
    rotate: rotateTo(next)
  }
})

/** How often these events were written. */
export const written = Effect.fnUntraced(function* (events: ReadonlyArray<AuditEvent>) {
  const audit = yield* AuditLog
  const targets = new Set(events.map(({ target }) => target.id))
  const log = yield* audit.latest(events[0]!.issuer, 100_000)
  return log.filter(({ target }) => targets.has(target.id)).length / events.length
})

/** Whether all of the issuance is stored; some of it alone never is. */
export const isIssued = Effect.fnUntraced(function* ({ accessToken: access, events, refreshToken: refresh }: Issuance) {
  const tokens = yield* TokenStore
  const isThere = Option.isSome(yield* tokens.findAccessToken(access.issuer, access.tokenHash))
  assert.strictEqual(yield* written(events), isThere ? 1 : 0)
  if (refresh !== undefined) {
    assert.strictEqual(Option.isSome(yield* tokens.findRefreshToken(refresh.issuer, refresh.tokenHash)), isThere)
  }
  return isThere
})

/**
 * Of ten concurrent calls of the move as many succeed as can, and exactly theirs is issued; one whose transaction fails
 * issues nothing. `next` makes what each call would issue.
 */
export const issuesWhatSucceeds = Effect.fnUntraced(function* <E, R>(
  next: () => Issuance,
  move: (issuance: Issuance) => Effect.Effect<boolean, E, R>,
  winners: number
) {
  const undoing = next()
  yield* undone(Effect.map(move(undoing), (moved) => assert.isTrue(moved)))
  assert.isFalse(yield* isIssued(undoing))
  const attempts = yield* together(10, () => {
    const issuing = next()
    return Effect.map(move(issuing), (moved) => ({ issuing, moved }))
  })
  assert.strictEqual(attempts.filter(({ moved }) => moved).length, winners)
  for (const { issuing, moved } of attempts) assert.strictEqual(yield* isIssued(issuing), moved)
})

/** Issuing cannot outrun revoking: what finds a revocation in progress waits for it, and then refuses. */
export const waitsForRevocation = Effect.fnUntraced(function* <E, R>(
  revoke: Effect.Effect<boolean>,
  issuing: Issuance,
  move: (issuance: Issuance) => Effect.Effect<boolean, E, R>
) {
  const { within } = yield* Transaction
  const tokens = yield* TokenStore
  const { grantId, issuer } = issuing.accessToken
  const revoked = yield* Deferred.make<void>()
  const revoking = yield* Effect.forkChild(
    within(
      Effect.gen(function* () {
        assert.isTrue(yield* revoke)
        yield* Deferred.succeed(revoked, undefined)
        // Round trips, for the other to arrive while this transaction is open.
        for (let times = 0; times < 20; times++) yield* tokens.findGrant(issuer, grantId!)
      })
    )
  )
  yield* Deferred.await(revoked)
  assert.isFalse(yield* move(issuing))
  assert.isFalse(yield* isIssued(issuing))
  yield* Fiber.join(revoking)
})

/** Revoking cannot overtake issuing: it waits for what is being issued, and then reaches it. */
export const isWaitedForByRevocation = Effect.fnUntraced(function* <E, R>(
  revoke: Effect.Effect<boolean>,
  issuing: Issuance,
  move: (issuance: Issuance) => Effect.Effect<boolean, E, R>
) {
  const { within } = yield* Transaction
  const tokens = yield* TokenStore
  const { grantId, issuer } = issuing.accessToken
  const order: Array<string> = []
  const moved = yield* Deferred.make<void>()
  const moving = yield* Effect.forkChild(
    within(
      Effect.gen(function* () {
        assert.isTrue(yield* move(issuing))
        yield* Deferred.succeed(moved, undefined)
        for (let times = 0; times < 20; times++) yield* tokens.findGrant(issuer, grantId!)
        order.push("issued")
      })
    )
  )
  yield* Deferred.await(moved)
  assert.isTrue(yield* revoke)
  order.push("revoked")
  yield* Fiber.join(moving)
  assert.deepStrictEqual(order, ["issued", "revoked"])
})

/** Moves that lose and revoke the grant in the same transaction all come to an end, and one of them won. */
export const losersMayRevoke = Effect.fnUntraced(function* <E, R>(
  revoke: Effect.Effect<boolean>,
  next: () => Issuance,
  move: (issuance: Issuance) => Effect.Effect<boolean, E, R>
) {
  const { within } = yield* Transaction
  const outcomes = yield* together(8, () =>
    within(
      Effect.gen(function* () {
        const won = yield* move(next())
        if (!won) yield* revoke
        return won
      })
    )
  )
  assert.strictEqual(outcomes.filter((won) => won).length, 1)
})
