import { assert, layer } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, type Layer } from "effect"
import type { Issued } from "../../authorize/AuthorizationCode.ts"
import { AuthorizationCodeStore } from "../../authorize/AuthorizationCodeStore.ts"
import { Transaction } from "../../storage/Transaction.ts"
import { options, together } from "./law.ts"
import { after, authorizationCode, grantOf, issuer, now } from "./records.ts"

const stored = (codeHash: string) =>
  Effect.flatMap(AuthorizationCodeStore, (codes) => codes.find(issuer, codeHash)).pipe(
    Effect.map((found) => found._tag === "Some")
  )

const issue = (code: Issued) => AuthorizationCodeStore.use((codes) => codes.issue(code, grantOf(code), []))

/** Every layer that claims to be a `Transaction` runs this suite; it is watched through a store of the same storage. */
export const suite = <E>(name: string, storage: Layer.Layer<Transaction | AuthorizationCodeStore, E>) =>
  layer(storage, options)(`Transaction (${name})`, (it) => {
    it.effect("keeps what succeeded, and answers its value", () =>
      Effect.gen(function* () {
        const { within } = yield* Transaction
        const [one, two] = [authorizationCode(), authorizationCode()]
        const answer = yield* within(Effect.as(Effect.andThen(issue(one), issue(two)), "answer"))
        assert.strictEqual(answer, "answer")
        assert.isTrue((yield* stored(one.codeHash)) && (yield* stored(two.codeHash)))
      })
    )

    it.effect("a failure undoes everything and comes out unchanged", () =>
      Effect.gen(function* () {
        const { within } = yield* Transaction
        const code = authorizationCode()
        const error = yield* Effect.flip(within(Effect.andThen(issue(code), Effect.fail({ _tag: "Refused" }))))
        assert.deepStrictEqual(error, { _tag: "Refused" })
        assert.isFalse(yield* stored(code.codeHash))
      })
    )

    it.effect("a defect undoes everything and comes out unchanged", () =>
      Effect.gen(function* () {
        const { within } = yield* Transaction
        const code = authorizationCode()
        const exit = yield* Effect.exit(within(Effect.andThen(issue(code), Effect.die("broken"))))
        assert.isTrue(Exit.isFailure(exit) && Cause.squash(exit.cause) === "broken")
        assert.isFalse(yield* stored(code.codeHash))
      })
    )

    it.effect("an interruption undoes everything", () =>
      Effect.gen(function* () {
        const { within } = yield* Transaction
        const code = authorizationCode()
        const fiber = yield* Effect.forkChild(within(Effect.andThen(issue(code), Effect.never)), {
          startImmediately: true
        })
        yield* Fiber.interrupt(fiber)
        assert.isFalse(yield* stored(code.codeHash))
      })
    )

    it.effect("a nested call joins the open one: a failure after it undoes it too", () =>
      Effect.gen(function* () {
        const { within } = yield* Transaction
        const [outer, inner] = [authorizationCode(), authorizationCode()]
        yield* Effect.flip(
          within(
            Effect.gen(function* () {
              yield* issue(outer)
              yield* within(issue(inner))
              return yield* Effect.fail("later")
            })
          )
        )
        assert.isFalse((yield* stored(outer.codeHash)) || (yield* stored(inner.codeHash)))
      })
    )

    it.effect("a failure in a nested call that nobody handles undoes what came before it", () =>
      Effect.gen(function* () {
        const { within } = yield* Transaction
        const code = authorizationCode()
        yield* Effect.flip(within(Effect.andThen(issue(code), within(Effect.fail("inner")))))
        assert.isFalse(yield* stored(code.codeHash))
      })
    )

    it.effect("sees its own writes", () =>
      Effect.gen(function* () {
        const { within } = yield* Transaction
        const code = authorizationCode()
        assert.isTrue(yield* within(Effect.andThen(issue(code), stored(code.codeHash))))
      })
    )

    it.effect("many at once do not disturb one another: those that fail leave nothing, the others everything", () =>
      Effect.gen(function* () {
        const { within } = yield* Transaction
        const all = Array.from({ length: 20 }, () => authorizationCode())
        yield* together(all.length, (index) =>
          within(Effect.andThen(issue(all[index]!), index % 2 === 0 ? Effect.fail("even") : Effect.void)).pipe(
            Effect.exit
          )
        )
        const kept = yield* Effect.forEach(all, (code) => stored(code.codeHash))
        assert.deepStrictEqual(
          kept,
          all.map((_, index) => index % 2 === 1)
        )
      })
    )

    it.effect("a winner that rolls back leaves the move to another", () =>
      Effect.gen(function* () {
        const { within } = yield* Transaction
        const codes = yield* AuthorizationCodeStore
        const code = authorizationCode()
        yield* issue(code)
        const spend = codes.spend(issuer, code.codeHash, code.clientId, after(1, now))
        yield* within(Effect.andThen(spend, Effect.fail("undo"))).pipe(Effect.flip)
        assert.isTrue(yield* spend)
        assert.isFalse(yield* spend)
      })
    )
  })
