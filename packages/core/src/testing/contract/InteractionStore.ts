import { assert, layer } from "@effect/vitest"
import { Effect, type Layer, Option, Schema } from "effect"
import { lifecycle } from "../../authorize/Interaction.ts"
import { InteractionStore } from "../../authorize/InteractionStore.ts"
import type { Transaction } from "../../storage/Transaction.ts"
import { agrees, exactlyOneWins, options, together, undone } from "./law.ts"
import { after, authorizationRequest, interaction, issuer, longAgo, now, otherIssuer } from "./records.ts"

/** Every layer that claims to be an `InteractionStore` runs this suite. */
export const suite = <E>(name: string, storage: Layer.Layer<InteractionStore | Transaction, E>) =>
  layer(storage, options)(`InteractionStore (${name})`, (it) => {
    const inserted = Effect.fnUntraced(function* (over: Parameters<typeof interaction>[0] = {}) {
      const interactions = yield* InteractionStore
      const record = interaction({ browserHash: "browser", ...over })
      yield* interactions.insert(record)
      const { handleHash } = record
      return {
        interactions,
        record,
        find: interactions.find(issuer, handleHash),
        prompted: (prompt: "login" | "select_account" | "create", browser = "browser") =>
          interactions.prompted(issuer, handleHash, browser, prompt),
        deciding: (subject: string, browser = "browser") => interactions.deciding(issuer, handleHash, browser, subject),
        finish: (decidedBy?: string, browser = "browser", at = now) =>
          interactions.finish(issuer, handleHash, browser, at, decidedBy)
      }
    })

    it.effect("finds what was inserted, unchanged and however old", () =>
      Effect.gen(function* () {
        const { find, interactions, record } = yield* inserted({ expiresAt: longAgo })
        assert.deepStrictEqual(yield* find, Option.some(record))
        const bare = interaction({
          request: authorizationRequest({
            state: undefined,
            nonce: "nonce",
            codeChallenge: undefined,
            maxAge: undefined,
            loginHint: "zoë@client.example",
            subject: undefined,
            display: undefined,
            claims: undefined
          }),
          prompted: ["login", "create"]
        })
        yield* interactions.insert(bare)
        assert.deepStrictEqual(yield* interactions.find(issuer, bare.handleHash), Option.some(bare))
        assert.deepStrictEqual(yield* interactions.find(otherIssuer, bare.handleHash), Option.none())
      })
    )

    it.effect("is claimed by one browser of any number that ask at the same time, and stays that one's", () =>
      Effect.gen(function* () {
        const { find, interactions, record } = yield* inserted({ browserHash: undefined })
        const claims = yield* together(10, (index) => interactions.claim(issuer, record.handleHash, `browser ${index}`))
        assert.strictEqual(claims.filter((won) => won).length, 1)
        const owner = `browser ${claims.indexOf(true)}`
        assert.deepStrictEqual(yield* find, Option.some({ ...record, browserHash: owner }))
        assert.isFalse(yield* interactions.claim(issuer, record.handleHash, owner))
        assert.isFalse(yield* interactions.claim(otherIssuer, record.handleHash, owner))
      })
    )

    it.effect("belongs to its browser: no other one moves it, and nor does anyone before it is claimed", () =>
      Effect.gen(function* () {
        const { deciding, find, finish, prompted, record } = yield* inserted()
        assert.isFalse(yield* prompted("login", "thief"))
        assert.isFalse(yield* deciding("subject", "thief"))
        assert.isFalse(yield* finish(undefined, "thief"))
        assert.deepStrictEqual(yield* find, Option.some(record))
        const unclaimed = yield* inserted({ browserHash: undefined })
        assert.isFalse(yield* unclaimed.prompted("login"))
        assert.isFalse(yield* unclaimed.deciding("subject"))
        assert.isFalse(yield* unclaimed.finish())
      })
    )

    it.effect("notes each prompt once, and a prompt takes it back to Pending", () =>
      Effect.gen(function* () {
        const { deciding, find, prompted, record } = yield* inserted()
        assert.isTrue(yield* prompted("login"))
        assert.isTrue(yield* prompted("login"))
        assert.deepStrictEqual(yield* find, Option.some({ ...record, prompted: ["login" as const] }))
        assert.isTrue(yield* deciding("subject"))
        assert.deepStrictEqual(
          yield* find,
          Option.some({ ...record, _tag: "Deciding" as const, subject: "subject", prompted: ["login" as const] })
        )
        assert.isTrue(yield* prompted("select_account"))
        const { prompted: noted, _tag } = Option.getOrThrow(yield* find)
        assert.strictEqual(_tag, "Pending")
        assert.sameMembers([...noted], ["login", "select_account"])
      })
    )

    it.effect("only the subject that the consent page was shown to decides", () =>
      Effect.gen(function* () {
        const { deciding, find, finish, record } = yield* inserted()
        assert.isFalse(yield* finish("subject"))
        assert.isTrue(yield* deciding("somebody"))
        assert.isTrue(yield* deciding("subject"))
        assert.isFalse(yield* finish("somebody"))
        assert.isTrue(yield* finish("subject"))
        assert.deepStrictEqual(yield* find, Option.some({ ...record, _tag: "Finished" as const, finishedAt: now }))
      })
    )

    it.effect("can be finished without a decision, until it expires and not at that moment", () =>
      Effect.gen(function* () {
        const { deciding, finish } = yield* inserted({ expiresAt: after(60) })
        assert.isFalse(yield* finish(undefined, "browser", after(60)))
        assert.isTrue(yield* deciding("subject"))
        assert.isTrue(yield* finish(undefined, "browser", after(59.999)))
      })
    )

    it.effect("of any number of concurrent decisions exactly one is taken", () =>
      Effect.gen(function* () {
        const { deciding, finish } = yield* inserted()
        yield* deciding("subject")
        yield* exactlyOneWins(finish("subject"))
      })
    )

    it.effect("a finished one stays finished", () =>
      Effect.gen(function* () {
        const { deciding, find, finish, interactions, prompted, record } = yield* inserted()
        yield* finish()
        assert.isFalse(yield* prompted("login"))
        assert.isFalse(yield* deciding("subject"))
        assert.isFalse(yield* finish())
        assert.isFalse(yield* interactions.claim(issuer, record.handleHash, "other"))
        assert.strictEqual(Option.getOrThrow(yield* find)._tag, "Finished")
      })
    )

    it.effect("a failure in the transaction leaves it as it was", () =>
      Effect.gen(function* () {
        const { find, finish, record } = yield* inserted()
        yield* undone(finish())
        assert.deepStrictEqual(yield* find, Option.some(record))
      })
    )

    it.effect("prune deletes what expired before, in batches, and nothing else", () =>
      Effect.gen(function* () {
        const { find, interactions } = yield* inserted()
        const before = after(-1, longAgo)
        yield* together(5, () => interactions.insert(interaction({ expiresAt: after(-2, longAgo) })))
        assert.strictEqual(yield* interactions.prune(after(-2, longAgo), 10), 0)
        assert.strictEqual(yield* interactions.prune(before, 2), 2)
        assert.strictEqual(yield* interactions.prune(before, 10), 3)
        assert.isTrue(Option.isSome(yield* find))
      })
    )

    it.effect.prop(
      "any sequence of moves agrees with the lifecycle",
      [
        Schema.Array(Schema.Literals(["prompted", "deciding", "deciding as another", "decide", "finish"])).check(
          Schema.isMaxLength(8)
        )
      ],
      ([sequence]) =>
        Effect.gen(function* () {
          const { deciding, find, finish, prompted } = yield* inserted()
          const moves = {
            prompted: prompted("login"),
            deciding: deciding("subject"),
            "deciding as another": deciding("another"),
            decide: finish("subject"),
            finish: finish()
          }
          yield* agrees(
            lifecycle,
            find,
            sequence.map((move) => moves[move])
          )
        }),
      { arbitrary: { runs: 25 } }
    )
  })
