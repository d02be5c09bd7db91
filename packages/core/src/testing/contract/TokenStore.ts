import { assert, layer } from "@effect/vitest"
import { Deferred, Effect, Fiber, type Layer, Option, Schema } from "effect"
import { ClientStore } from "../../client/ClientStore.ts"
import { Transaction } from "../../storage/Transaction.ts"
import { type Live, lifecycle } from "../../token/Grant.ts"
import { accessTokenLifecycle, refreshTokenLifecycle } from "../../token/Token.ts"
import { type Rotation, TokenStore } from "../../token/TokenStore.ts"
import { agrees, exactlyOneWins, options, together, undone } from "./law.ts"
import {
  accessToken,
  after,
  client,
  grant,
  issuer,
  longAgo,
  now,
  otherIssuer,
  refreshToken,
  unique
} from "./records.ts"

const rotation: Rotation = {
  replayUntil: after(30),
  requestHash: "request hash",
  sealedResponse: new Uint8Array([0, 128, 255])
}

const revokedOf = (record: Live) => ({
  ...record,
  _tag: "Revoked" as const,
  revokedAt: now,
  revokedBecause: "because"
})

/** Every layer that claims to be a `TokenStore` runs this suite. */
export const suite = <E>(name: string, storage: Layer.Layer<TokenStore | ClientStore | Transaction, E>) =>
  layer(storage, options)(`TokenStore (${name})`, (it) => {
    const granted = Effect.fnUntraced(function* (over: Partial<Live> = {}) {
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
    const withAccess = Effect.fnUntraced(function* (over: Partial<Live> = {}) {
      const base = yield* granted(over)
      const token = accessToken(base.grant)
      assert.isTrue(yield* base.tokens.insertAccessToken(token))
      return { ...base, token, findToken: base.tokens.findAccessToken(token.issuer, token.tokenHash) }
    })
    const withRefresh = Effect.fnUntraced(function* (over: Parameters<typeof refreshToken>[1] = {}) {
      const base = yield* granted()
      const token = refreshToken(base.grant, over)
      assert.isTrue(yield* base.tokens.insertRefreshToken(token))
      return {
        ...base,
        token,
        findToken: base.tokens.findRefreshToken(token.issuer, token.tokenHash),
        rotate: base.tokens.rotate(token.issuer, token.tokenHash, token.clientId, now, rotation)
      }
    })
    it.effect("a grant is found as it was inserted, and only at its issuer", () =>
      Effect.gen(function* () {
        const { find, grant: record, tokens } = yield* granted()
        assert.deepStrictEqual(yield* find, Option.some(record))
        assert.deepStrictEqual(yield* tokens.findGrant(otherIssuer, record.grantId), Option.none())
        const bare = yield* granted({ claims: undefined, acr: undefined, amr: [], resources: [], claimsLocales: [] })
        assert.deepStrictEqual(yield* bare.find, Option.some(bare.grant))
      })
    )

    it.effect("grantsOf answers a subject's live, unexpired grants, newest first", () =>
      Effect.gen(function* () {
        const subject = unique("subject")
        const { grant: first, tokens } = yield* granted({ subject, createdAt: now })
        const { grant: second } = yield* granted({ subject, createdAt: after(1) })
        yield* granted({ subject, expiresAt: after(10) })
        yield* granted({ subject, issuer: otherIssuer })
        yield* granted()
        const { revoke } = yield* granted({ subject })
        yield* revoke
        assert.deepStrictEqual(yield* tokens.grantsOf(issuer, subject, after(10)), [second, first])
      })
    )

    it.effect("of any number of concurrent revocations exactly one is the one, and keeps its reason", () =>
      Effect.gen(function* () {
        const { find, grant: record, revoke, tokens } = yield* granted()
        assert.isFalse(yield* tokens.revokeGrant(otherIssuer, record.grantId, now, "because"))
        yield* exactlyOneWins(revoke)
        assert.isFalse(yield* tokens.revokeGrant(issuer, record.grantId, after(1), "again"))
        assert.deepStrictEqual(yield* find, Option.some(revokedOf(record)))
      })
    )

    it.effect("revokeGrantsOf revokes the live grants that the subject gave that client, and no other", () =>
      Effect.gen(function* () {
        const [subject, clientId] = [unique("subject"), unique("client")]
        const { find, grant: first, tokens } = yield* granted({ subject, clientId })
        const { grant: second } = yield* granted({ subject, clientId })
        const others = [
          yield* granted({ subject }),
          yield* granted({ clientId }),
          yield* granted({ subject, clientId, issuer: otherIssuer })
        ]
        yield* (yield* granted({ subject, clientId })).revoke
        const answers = yield* together(4, () => tokens.revokeGrantsOf(issuer, subject, clientId, now, "because"))
        assert.deepStrictEqual(answers.flat().toSorted(), [first.grantId, second.grantId].toSorted())
        assert.deepStrictEqual(yield* find, Option.some(revokedOf(first)))
        for (const other of others) assert.deepStrictEqual(yield* other.find, Option.some(other.grant))
      })
    )

    it.effect("an access token is found with its grant, as they were inserted, and only at its issuer", () =>
      Effect.gen(function* () {
        const clientId = unique("client")
        const clients = yield* ClientStore
        yield* clients.put(client({ clientId }))
        const { findToken, grant: record, token, tokens } = yield* withAccess({ clientId })
        assert.deepStrictEqual(yield* findToken, Option.some({ token, grant: record, clientDisabled: false }))
        assert.deepStrictEqual(yield* tokens.findAccessToken(otherIssuer, token.tokenHash), Option.none())
        assert.deepStrictEqual(yield* tokens.findAccessToken(issuer, "unknown"), Option.none())
      })
    )

    it.effect("an access token without a grant is found without one, and revoked by its client only", () =>
      Effect.gen(function* () {
        const tokens = yield* TokenStore
        const record = client({ clientId: unique("client") })
        yield* (yield* ClientStore).put(record)
        const bare = { grantId: undefined, clientId: record.clientId, actor: undefined }
        const token = accessToken(grant(), bare)
        assert.isTrue(yield* tokens.insertAccessToken(token))
        const find = tokens.findAccessToken(issuer, token.tokenHash)
        assert.deepStrictEqual(yield* find, Option.some({ token, grant: undefined, clientDisabled: false }))
        assert.deepStrictEqual(yield* tokens.findAccessToken(otherIssuer, token.tokenHash), Option.none())
        assert.isFalse(yield* tokens.revokeAccessToken(issuer, token.tokenHash, "other client", now))
        yield* exactlyOneWins(tokens.revokeAccessToken(issuer, token.tokenHash, token.clientId, now))
      })
    )

    it.effect("an access token says whether its client is disabled now; one without a client is", () =>
      Effect.gen(function* () {
        const record = client({ clientId: unique("client") })
        const clients = yield* ClientStore
        const { findToken } = yield* withAccess({ clientId: record.clientId })
        const disabled = Effect.map(findToken, (found) => Option.getOrThrow(found).clientDisabled)
        assert.isTrue(yield* disabled)
        yield* clients.put(record)
        assert.isFalse(yield* disabled)
        yield* clients.put({ ...record, disabled: true })
        assert.isTrue(yield* disabled)
      })
    )

    it.effect("RFC 7009 §2.1: an access token is revoked by its client only, and once", () =>
      Effect.gen(function* () {
        const { findToken, token, tokens } = yield* withAccess()
        assert.isFalse(yield* tokens.revokeAccessToken(issuer, token.tokenHash, "other client", now))
        assert.isFalse(yield* tokens.revokeAccessToken(otherIssuer, token.tokenHash, token.clientId, now))
        yield* exactlyOneWins(tokens.revokeAccessToken(issuer, token.tokenHash, token.clientId, now))
        assert.deepStrictEqual(Option.getOrThrow(yield* findToken).token, {
          ...token,
          _tag: "Revoked",
          revokedAt: now
        })
      })
    )

    it.effect("a revoked grant takes its tokens with it, and receives no more", () =>
      Effect.gen(function* () {
        const { findToken, grant: record, revoke, rotate, token, tokens } = yield* withRefresh()
        const access = accessToken(record)
        yield* tokens.insertAccessToken(access)
        yield* revoke
        const revoked = revokedOf(record)
        assert.deepStrictEqual(yield* findToken, Option.some({ token, grant: revoked }))
        const found = Option.getOrThrow(yield* tokens.findAccessToken(issuer, access.tokenHash))
        assert.deepStrictEqual(found.grant, revoked)
        assert.isFalse(yield* rotate)
        assert.isFalse(yield* tokens.insertAccessToken(accessToken(record)))
        assert.isFalse(yield* tokens.insertRefreshToken(refreshToken(record)))
        assert.isFalse(yield* tokens.insertAccessToken(accessToken(grant())))
        assert.isFalse(yield* tokens.insertRefreshToken(refreshToken(grant())))
      })
    )

    it.effect("issuing cannot outrun revoking: it waits for a revocation in progress, and then refuses", () =>
      Effect.gen(function* () {
        const { within } = yield* Transaction
        const live = yield* withRefresh()
        const bare = yield* granted()
        const attempts = [
          live.tokens.insertAccessToken(accessToken(live.grant)),
          live.rotate,
          bare.tokens.insertAccessToken(accessToken(bare.grant)),
          bare.tokens.insertRefreshToken(refreshToken(bare.grant))
        ]
        const revoked = yield* Deferred.make<void>()
        const revoking = yield* Effect.forkChild(
          within(
            Effect.gen(function* () {
              yield* live.revoke
              yield* bare.revoke
              yield* Deferred.succeed(revoked, undefined)
              // Round trips, for the others to arrive while this transaction is open.
              for (let times = 0; times < 20; times++) yield* live.find
            })
          )
        )
        yield* Deferred.await(revoked)
        assert.deepStrictEqual(
          yield* Effect.all(attempts, { concurrency: "unbounded" }),
          attempts.map(() => false)
        )
        yield* Fiber.join(revoking)
      })
    )

    it.effect("revoking cannot overtake issuing: it waits for the token that is being issued", () =>
      Effect.gen(function* () {
        const { within } = yield* Transaction
        const { find, grant: record, revoke, tokens } = yield* granted()
        const order: Array<string> = []
        const inserted = yield* Deferred.make<void>()
        const issuing = yield* Effect.forkChild(
          within(
            Effect.gen(function* () {
              assert.isTrue(yield* tokens.insertAccessToken(accessToken(record)))
              yield* Deferred.succeed(inserted, undefined)
              for (let times = 0; times < 20; times++) yield* find
              order.push("issued")
            })
          )
        )
        yield* Deferred.await(inserted)
        assert.isTrue(yield* revoke)
        order.push("revoked")
        yield* Fiber.join(issuing)
        assert.deepStrictEqual(order, ["issued", "revoked"])
      })
    )

    it.effect("a grant has at most one live refresh token, however many are inserted at the same time", () =>
      Effect.gen(function* () {
        const { within } = yield* Transaction
        const { grant: record, tokens } = yield* granted()
        const outcomes = yield* together(10, () => tokens.insertRefreshToken(refreshToken(record)))
        assert.strictEqual(outcomes.filter((won) => won).length, 1)
        // The refusal is a value: the transaction around it goes on.
        const access = accessToken(record)
        yield* within(
          Effect.gen(function* () {
            assert.isFalse(yield* tokens.insertRefreshToken(refreshToken(record)))
            assert.isTrue(yield* tokens.insertAccessToken(access))
          })
        )
        assert.isTrue(Option.isSome(yield* tokens.findAccessToken(issuer, access.tokenHash)))
      })
    )

    it.effect("a rotated refresh token keeps how it was rotated, and its grant may have the next one", () =>
      Effect.gen(function* () {
        const { within } = yield* Transaction
        const { findToken, grant: record, rotate, token, tokens } = yield* withRefresh()
        assert.deepStrictEqual(yield* findToken, Option.some({ token, grant: record }))
        assert.deepStrictEqual(yield* tokens.findRefreshToken(otherIssuer, token.tokenHash), Option.none())
        const next = refreshToken(record)
        yield* within(
          Effect.gen(function* () {
            assert.isTrue(yield* rotate)
            assert.isTrue(yield* tokens.insertRefreshToken(next))
          })
        )
        assert.deepStrictEqual(
          yield* findToken,
          Option.some({
            token: { ...token, _tag: "Rotated" as const, rotatedAt: now, replays: 0, ...rotation },
            grant: record
          })
        )
        const second = { ...rotation, sealedResponse: undefined }
        assert.isTrue(yield* tokens.rotate(issuer, next.tokenHash, next.clientId, now, second))
        const found = Option.getOrThrow(yield* tokens.findRefreshToken(issuer, next.tokenHash))
        assert.deepStrictEqual(found.token, { ...next, _tag: "Rotated", rotatedAt: now, replays: 0, ...second })
      })
    )

    it.effect("RFC 6749 §10.4: a refresh token is rotated by its client only", () =>
      Effect.gen(function* () {
        const { rotate, token, tokens } = yield* withRefresh()
        assert.isFalse(yield* tokens.rotate(issuer, token.tokenHash, "other client", now, rotation))
        assert.isFalse(yield* tokens.rotate(otherIssuer, token.tokenHash, token.clientId, now, rotation))
        assert.isTrue(yield* rotate)
      })
    )

    it.effect("a refresh token can be rotated until it expires, and not at that moment", () =>
      Effect.gen(function* () {
        const { token, tokens } = yield* withRefresh({ expiresAt: after(60) })
        const rotateAt = (seconds: number) =>
          tokens.rotate(issuer, token.tokenHash, token.clientId, after(seconds), rotation)
        assert.isFalse(yield* rotateAt(61))
        assert.isFalse(yield* rotateAt(60))
        assert.isTrue(yield* rotateAt(59.999))
      })
    )

    it.effect("RFC 9700 §4.14.2: of any number of concurrent rotations exactly one succeeds", () =>
      Effect.gen(function* () {
        const { rotate } = yield* withRefresh()
        yield* exactlyOneWins(rotate)
      })
    )

    it.effect(
      "a rotated token counts the answers to retries, up to the limit, for its client, while its window is open",
      () =>
        Effect.gen(function* () {
          const { findToken, rotate, token, tokens } = yield* withRefresh()
          const replay = (at = now, clientId = token.clientId, at_ = token.issuer) =>
            tokens.replay(at_, token.tokenHash, clientId, at, 3)
          assert.isFalse(yield* replay())
          yield* rotate
          assert.isFalse(yield* replay(now, "other client"))
          assert.isFalse(yield* replay(now, token.clientId, otherIssuer))
          assert.isFalse(yield* replay(rotation.replayUntil))
          const answers = yield* together(8, () => replay())
          assert.strictEqual(answers.filter((given) => given).length, 3)
          const found = Option.getOrThrow(yield* findToken).token
          assert.strictEqual(found._tag === "Rotated" && found.replays, 3)
        })
    )

    it.effect("a token that is prolonged stays live until then, for its client, while its grant lives", () =>
      Effect.gen(function* () {
        const { findToken, grant: record, revoke, rotate, token, tokens } = yield* withRefresh({ expiresAt: after(60) })
        const prolong = (at: number, until: number, clientId = token.clientId) =>
          tokens.prolong(issuer, token.tokenHash, clientId, after(at), after(until))
        assert.isFalse(yield* prolong(1, 100, "other client"))
        assert.isFalse(yield* prolong(60, 100))
        assert.deepStrictEqual(yield* together(5, () => prolong(1, 100)), [true, true, true, true, true])
        assert.isTrue(yield* prolong(99, 200))
        assert.deepStrictEqual(
          yield* findToken,
          Option.some({ token: { ...token, expiresAt: after(200) }, grant: record })
        )
        yield* undone(prolong(99, 300))
        assert.isTrue(yield* rotate)
        assert.isFalse(yield* prolong(1, 100))
        const other = yield* withRefresh()
        yield* other.revoke
        assert.isFalse(yield* tokens.prolong(issuer, other.token.tokenHash, other.token.clientId, now, after(100)))
        yield* revoke
      })
    )

    it.effect("rotations that lose and revoke the grant in the same transaction all come to an end", () =>
      Effect.gen(function* () {
        const { within } = yield* Transaction
        const { find, grant: record, revoke, rotate, tokens } = yield* withRefresh()
        const outcomes = yield* together(8, () =>
          within(
            Effect.gen(function* () {
              if (!(yield* rotate)) return yield* Effect.as(revoke, false)
              return (
                (yield* tokens.insertAccessToken(accessToken(record))) &&
                (yield* tokens.insertRefreshToken(refreshToken(record)))
              )
            })
          )
        )
        assert.strictEqual(outcomes.filter((won) => won).length, 1)
        assert.strictEqual(Option.getOrThrow(yield* find)._tag, "Revoked")
      })
    )

    it.effect("a failure in the transaction leaves grant and tokens as they were", () =>
      Effect.gen(function* () {
        const { find, findToken, grant: record, revoke, rotate, token, tokens } = yield* withRefresh()
        const access = accessToken(record)
        yield* undone(
          Effect.all([
            rotate,
            tokens.insertAccessToken(access),
            tokens.insertRefreshToken(refreshToken(record)),
            revoke
          ])
        )
        assert.deepStrictEqual(yield* find, Option.some(record))
        assert.deepStrictEqual(yield* findToken, Option.some({ token, grant: record }))
        assert.deepStrictEqual(yield* tokens.findAccessToken(issuer, access.tokenHash), Option.none())
      })
    )

    it.effect("a sealed response is forgotten when its replay window has ended, in batches; the rotation is not", () =>
      Effect.gen(function* () {
        const kept = yield* withRefresh()
        yield* kept.rotate
        const old = { ...rotation, replayUntil: longAgo }
        const rotated = yield* Effect.forEach([1, 2, 3], () =>
          Effect.gen(function* () {
            const { findToken, token, tokens } = yield* withRefresh()
            yield* tokens.rotate(issuer, token.tokenHash, token.clientId, now, old)
            return { token, findToken }
          })
        )
        const { tokens } = kept
        assert.strictEqual(yield* tokens.forgetResponses(longAgo, 10), 0)
        assert.strictEqual(yield* tokens.forgetResponses(after(1, longAgo), 2), 2)
        assert.strictEqual(yield* tokens.forgetResponses(after(1, longAgo), 10), 1)
        for (const { findToken, token } of rotated) {
          assert.deepStrictEqual(Option.getOrThrow(yield* findToken).token, {
            ...token,
            _tag: "Rotated",
            rotatedAt: now,
            replays: 0,
            ...old,
            sealedResponse: undefined
          })
        }
        const found = Option.getOrThrow(yield* kept.findToken).token
        assert.deepStrictEqual(found._tag === "Rotated" && found.sealedResponse, rotation.sealedResponse)
      })
    )

    it.effect("pruning deletes tokens that expired before, in batches, and nothing else", () =>
      Effect.gen(function* () {
        const { findToken, grant: record, tokens } = yield* withAccess()
        const refresh = yield* withRefresh()
        yield* together(3, () => tokens.insertAccessToken(accessToken(record, { expiresAt: longAgo })))
        yield* together(3, () => withRefresh({ expiresAt: longAgo }))
        const before = after(1, longAgo)
        assert.strictEqual(yield* tokens.pruneAccessTokens(longAgo, 10), 0)
        assert.strictEqual(yield* tokens.pruneAccessTokens(before, 2), 2)
        assert.strictEqual(yield* tokens.pruneAccessTokens(before, 10), 1)
        assert.strictEqual(yield* tokens.pruneRefreshTokens(before, 2), 2)
        assert.strictEqual(yield* tokens.pruneRefreshTokens(before, 10), 1)
        assert.isTrue(Option.isSome(yield* findToken))
        assert.isTrue(Option.isSome(yield* refresh.findToken))
      })
    )

    it.effect("pruning deletes grants that expired or were revoked before, in batches; their tokens are dead", () =>
      Effect.gen(function* () {
        const kept = yield* granted()
        const { findToken, grant: record, tokens } = yield* withAccess()
        yield* tokens.revokeGrant(issuer, record.grantId, longAgo, "because")
        yield* granted({ expiresAt: longAgo })
        yield* granted({ expiresAt: longAgo })
        const before = after(1, longAgo)
        assert.strictEqual(yield* tokens.pruneGrants(longAgo, 10), 0)
        assert.strictEqual(yield* tokens.pruneGrants(before, 2), 2)
        assert.strictEqual(yield* tokens.pruneGrants(before, 10), 1)
        assert.deepStrictEqual(yield* findToken, Option.none())
        assert.isTrue(Option.isSome(yield* kept.find))
      })
    )

    it.effect.prop(
      "any sequence of moves agrees with the lifecycle of a refresh token, and rotates at most once",
      [
        Schema.Array(Schema.Literals(["rotate", "rotate as another", "rotate late", "revoke the grant"])).check(
          Schema.isMaxLength(6)
        )
      ],
      ([sequence]) =>
        Effect.gen(function* () {
          const { findToken, revoke, rotate, token, tokens } = yield* withRefresh()
          const moves = {
            rotate,
            "rotate as another": tokens.rotate(issuer, token.tokenHash, "another", now, rotation),
            "rotate late": tokens.rotate(issuer, token.tokenHash, token.clientId, after(3601), rotation),
            // Moves the grant, not the token.
            "revoke the grant": Effect.as(revoke, false)
          }
          yield* agrees(
            refreshTokenLifecycle,
            Effect.map(
              findToken,
              Option.map((found) => found.token)
            ),
            sequence.map((move) => moves[move])
          )
          const rotated = Option.getOrThrow(yield* findToken).token._tag === "Rotated"
          const inTime = sequence.find((move) => move === "rotate" || move === "revoke the grant") === "rotate"
          assert.strictEqual(rotated, inTime)
        }),
      { arbitrary: { runs: 25 } }
    )

    it.effect.prop(
      "any sequence of moves agrees with the lifecycles of a grant and an access token",
      [Schema.Array(Schema.Literals(["revoke grant", "revoke all", "revoke token"])).check(Schema.isMaxLength(6))],
      ([sequence]) =>
        Effect.gen(function* () {
          const subject = unique("subject")
          const { find, findToken, grant: record, revoke, token, tokens } = yield* withAccess({ subject })
          const revokeAll = Effect.map(
            tokens.revokeGrantsOf(issuer, subject, record.clientId, now, "because"),
            (ids) => ids.length === 1
          )
          const revokeToken = tokens.revokeAccessToken(issuer, token.tokenHash, token.clientId, now)
          for (const move of sequence) {
            if (move === "revoke token") {
              const found = Effect.map(
                findToken,
                Option.map((both) => both.token)
              )
              yield* agrees(accessTokenLifecycle, found, [revokeToken])
            } else yield* agrees(lifecycle, find, [move === "revoke all" ? revokeAll : revoke])
          }
        }),
      { arbitrary: { runs: 15 } }
    )
  })
