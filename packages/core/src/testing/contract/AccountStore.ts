import { assert, layer } from "@effect/vitest"
import { Effect, type Layer, Option } from "effect"
import { AccountStore } from "../../account/AccountStore.ts"
import { Transaction } from "../../storage/Transaction.ts"
import { options, together, undone } from "./law.ts"
import { account, accountSession, after, issuer, longAgo, otherIssuer, unique } from "./records.ts"

/** Every layer that claims to be an `AccountStore` runs this suite. */
export const suite = <E>(name: string, storage: Layer.Layer<AccountStore | Transaction, E>) =>
  layer(storage, options)(`AccountStore (${name})`, (it) => {
    it.effect("finds an account by username and by subject, unchanged, and only at its issuer", () =>
      Effect.gen(function* () {
        const accounts = yield* AccountStore
        for (const record of [account(), account({ acr: undefined, amr: [], claims: {} })]) {
          assert.isTrue(yield* accounts.create(record))
          assert.deepStrictEqual(yield* accounts.findByUsername(issuer, record.username), Option.some(record))
          assert.deepStrictEqual(yield* accounts.findBySubject(issuer, record.subject), Option.some(record))
          assert.deepStrictEqual(yield* accounts.findByUsername(otherIssuer, record.username), Option.none())
          assert.deepStrictEqual(yield* accounts.findBySubject(otherIssuer, record.subject), Option.none())
        }
      })
    )

    it.effect("a username that no account can have finds none", () =>
      Effect.gen(function* () {
        const accounts = yield* AccountStore
        assert.deepStrictEqual(yield* accounts.findByUsername(issuer, "a\0b"), Option.none())
      })
    )

    it.effect("create refuses a subject or a username that is taken, and changes nothing", () =>
      Effect.gen(function* () {
        const accounts = yield* AccountStore
        const record = account()
        yield* accounts.create(record)
        assert.isFalse(yield* accounts.create(account({ subject: record.subject })))
        assert.isFalse(yield* accounts.create(account({ username: record.username })))
        assert.deepStrictEqual(yield* accounts.findBySubject(issuer, record.subject), Option.some(record))
        assert.isTrue(yield* accounts.create({ ...record, issuer: otherIssuer }))
      })
    )

    it.effect("of any number of concurrent registrations of one username one succeeds", () =>
      Effect.gen(function* () {
        const accounts = yield* AccountStore
        const username = unique("username")
        const outcomes = yield* together(10, () => accounts.create(account({ username })))
        assert.strictEqual(outcomes.filter((won) => won).length, 1)
        const taken = yield* together(10, () => accounts.put(account({ username })))
        assert.strictEqual(taken.filter((won) => won).length, 0)
      })
    )

    it.effect("put adds and replaces, and refuses another account's username", () =>
      Effect.gen(function* () {
        const accounts = yield* AccountStore
        const [record, other] = [account(), account()]
        assert.isTrue(yield* accounts.put(record))
        assert.isTrue(yield* accounts.put(other))
        const changed = account({ subject: record.subject, claims: { name: "New" } })
        assert.isTrue(yield* accounts.put(changed))
        assert.isTrue(yield* accounts.put(changed))
        assert.deepStrictEqual(yield* accounts.findBySubject(issuer, record.subject), Option.some(changed))
        assert.deepStrictEqual(yield* accounts.findByUsername(issuer, record.username), Option.none())
        assert.isFalse(yield* accounts.put({ ...changed, username: other.username }))
        assert.deepStrictEqual(yield* accounts.findBySubject(issuer, record.subject), Option.some(changed))
      })
    )

    it.effect("a refusal is a value: the transaction around it goes on", () =>
      Effect.gen(function* () {
        const accounts = yield* AccountStore
        const { within } = yield* Transaction
        const [record, added] = [account(), account()]
        yield* accounts.create(record)
        yield* within(
          Effect.gen(function* () {
            assert.isFalse(yield* accounts.create(account({ username: record.username })))
            assert.isFalse(yield* accounts.put(account({ username: record.username })))
            assert.isTrue(yield* accounts.put(added))
          })
        )
        assert.isTrue(Option.isSome(yield* accounts.findBySubject(issuer, added.subject)))
      })
    )

    it.effect("a failure in the transaction leaves accounts and sessions as they were", () =>
      Effect.gen(function* () {
        const accounts = yield* AccountStore
        const [record, session] = [account(), accountSession()]
        yield* accounts.startSession(session)
        yield* undone(Effect.andThen(accounts.put(record), accounts.endSession(issuer, session.sessionHash)))
        assert.deepStrictEqual(yield* accounts.findBySubject(issuer, record.subject), Option.none())
        assert.isTrue(Option.isSome(yield* accounts.findSession(issuer, session.sessionHash, longAgo)))
      })
    )

    it.effect("finds a session, unchanged, until it expires and not at that moment, and only at its issuer", () =>
      Effect.gen(function* () {
        const accounts = yield* AccountStore
        for (const session of [accountSession(), accountSession({ acr: undefined, amr: [] })]) {
          yield* accounts.startSession(session)
          const find = (at: string, seconds: number) => accounts.findSession(at, session.sessionHash, after(seconds))
          assert.deepStrictEqual(yield* find(issuer, 3599.999), Option.some(session))
          assert.deepStrictEqual(yield* find(issuer, 3600), Option.none())
          assert.deepStrictEqual(yield* find(otherIssuer, 0), Option.none())
        }
      })
    )

    it.effect("an ended session is gone; ending it again, or at another issuer, does nothing", () =>
      Effect.gen(function* () {
        const accounts = yield* AccountStore
        const session = accountSession()
        yield* accounts.startSession(session)
        yield* accounts.endSession(otherIssuer, session.sessionHash)
        assert.isTrue(Option.isSome(yield* accounts.findSession(issuer, session.sessionHash, longAgo)))
        yield* accounts.endSession(issuer, session.sessionHash)
        yield* accounts.endSession(issuer, session.sessionHash)
        assert.deepStrictEqual(yield* accounts.findSession(issuer, session.sessionHash, longAgo), Option.none())
      })
    )

    it.effect("prune deletes sessions that expired before, in batches, and nothing else", () =>
      Effect.gen(function* () {
        const accounts = yield* AccountStore
        const kept = accountSession()
        yield* accounts.startSession(kept)
        for (let times = 0; times < 3; times++) yield* accounts.startSession(accountSession({ expiresAt: longAgo }))
        assert.strictEqual(yield* accounts.pruneSessions(longAgo, 10), 0)
        assert.strictEqual(yield* accounts.pruneSessions(after(1, longAgo), 2), 2)
        assert.strictEqual(yield* accounts.pruneSessions(after(1, longAgo), 10), 1)
        assert.isTrue(Option.isSome(yield* accounts.findSession(issuer, kept.sessionHash, longAgo)))
      })
    )
  })
