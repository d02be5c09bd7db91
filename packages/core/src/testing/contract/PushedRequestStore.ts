import { assert, layer } from "@effect/vitest"
import { Effect, type Layer, Option, Schema } from "effect"
import type { AuditLog } from "../../audit/AuditLog.ts"
import { lifecycle } from "../../par/PushedRequest.ts"
import { PushedRequestStore } from "../../par/PushedRequestStore.ts"
import type { Transaction } from "../../storage/Transaction.ts"
import { written } from "./granting.ts"
import { agrees, exactlyOneWins, options, together, undone } from "./law.ts"
import {
  after,
  auditEvent,
  authorizationRequest,
  issuer,
  longAgo,
  now,
  otherIssuer,
  pushedRequest,
  unique
} from "./records.ts"

/** Every layer that claims to be a `PushedRequestStore` runs this suite. */
export const suite = <E>(name: string, storage: Layer.Layer<PushedRequestStore | AuditLog | Transaction, E>) =>
  layer(storage, options)(`PushedRequestStore (${name})`, (it) => {
    const inserted = Effect.fnUntraced(function* (over: Parameters<typeof pushedRequest>[0] = {}) {
      const pushes = yield* PushedRequestStore
      const pushed = pushedRequest(over)
      yield* pushes.insert(pushed, [])
      return { pushed, pushes, use: pushes.use(issuer, pushed.requestUriHash, pushed.clientId, now, []) }
    })

    it.effect("finds what was inserted, unchanged, however old", () =>
      Effect.gen(function* () {
        const { pushed, pushes } = yield* inserted({ expiresAt: longAgo })
        assert.deepStrictEqual(yield* pushes.find(issuer, pushed.requestUriHash), Option.some(pushed))
        const { dpopJkt: _jkt, pushedAs: _hash, requestObject: _object, ...bare } = authorizationRequest()
        const second = yield* inserted({ request: bare })
        assert.deepStrictEqual(yield* pushes.find(issuer, second.pushed.requestUriHash), Option.some(second.pushed))
        assert.deepStrictEqual(yield* pushes.find(issuer, "unknown"), Option.none())
      })
    )

    it.effect("a used request says when", () =>
      Effect.gen(function* () {
        const { pushed, pushes, use } = yield* inserted()
        assert.isTrue(yield* use)
        assert.deepStrictEqual(
          yield* pushes.find(issuer, pushed.requestUriHash),
          Option.some({ ...pushed, _tag: "Used" as const, usedAt: now })
        )
      })
    )

    it.effect("RFC 9126 §2.2: only the client that pushed a request, at its issuer, uses it", () =>
      Effect.gen(function* () {
        const { pushed, pushes, use } = yield* inserted()
        assert.isFalse(yield* pushes.use(issuer, pushed.requestUriHash, "other client", now, []))
        assert.isFalse(yield* pushes.use(otherIssuer, pushed.requestUriHash, pushed.clientId, now, []))
        assert.deepStrictEqual(yield* pushes.find(otherIssuer, pushed.requestUriHash), Option.none())
        assert.isTrue(yield* use)
      })
    )

    it.effect("whoever came in time may take time: the end of an authorization uses an expired request", () =>
      Effect.gen(function* () {
        const { pushed, pushes } = yield* inserted()
        assert.isTrue(yield* pushes.use(issuer, pushed.requestUriHash, pushed.clientId, after(3600), []))
      })
    )

    it.effect("RFC 9126 §7.3: of any number of concurrent uses exactly one succeeds", () =>
      Effect.gen(function* () {
        const { use } = yield* inserted()
        yield* exactlyOneWins(use)
      })
    )

    it.effect("what happens to a request is stored with its events or not at all", () =>
      Effect.gen(function* () {
        const pushes = yield* PushedRequestStore
        const pushed = pushedRequest()
        const [pushing, using] = [[auditEvent(), auditEvent()], [auditEvent()]]
        yield* undone(pushes.insert(pushed, pushing))
        assert.strictEqual(yield* written(pushing), 0)
        yield* pushes.insert(pushed, pushing)
        assert.strictEqual(yield* written(pushing), 1)
        const use = (clientId = pushed.clientId) => pushes.use(issuer, pushed.requestUriHash, clientId, now, using)
        assert.isFalse(yield* use("another"))
        yield* undone(use())
        assert.strictEqual(yield* written(using), 0)
        yield* together(5, () => use())
        assert.strictEqual(yield* written(using), 1)
      })
    )

    it.effect("a failure in the transaction leaves the request as it was", () =>
      Effect.gen(function* () {
        const { pushed, pushes, use } = yield* inserted()
        yield* undone(use)
        assert.deepStrictEqual(yield* pushes.find(issuer, pushed.requestUriHash), Option.some(pushed))
      })
    )

    it.effect("prune deletes what expired before, in batches, and nothing else", () =>
      Effect.gen(function* () {
        const { pushed, pushes } = yield* inserted()
        yield* together(5, () => pushes.insert(pushedRequest({ expiresAt: longAgo }), []))
        yield* pushes.prune(longAgo, 100)
        assert.strictEqual(yield* pushes.prune(after(0.001, longAgo), 2), 2)
        assert.isAtLeast(yield* pushes.prune(after(0.001, longAgo), 10), 3)
        assert.isTrue(Option.isSome(yield* pushes.find(issuer, pushed.requestUriHash)))
      })
    )

    it.effect.prop(
      "any sequence of moves agrees with the lifecycle, and uses at most once",
      [Schema.Array(Schema.Literals(["use", "use as another"])).check(Schema.isMaxLength(5))],
      ([sequence]) =>
        Effect.gen(function* () {
          const { pushed, pushes, use } = yield* inserted({ requestUriHash: unique("request-uri") })
          const another = pushes.use(issuer, pushed.requestUriHash, "another", now, [])
          yield* agrees(
            lifecycle,
            pushes.find(issuer, pushed.requestUriHash),
            sequence.map((move) => (move === "use" ? use : another))
          )
        }),
      { arbitrary: { runs: 20 } }
    )
  })
