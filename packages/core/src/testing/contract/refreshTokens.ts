/** The contract of `TokenStore`: refresh tokens. */
import { assert, layer } from "@effect/vitest"
import { Effect, Exit, type Layer, Option, Schema } from "effect"
import type { AuditLog } from "../../audit/AuditLog.ts"
import type { Confirmation } from "../../oauth/Confirmation.ts"
import type { Transaction } from "../../storage/Transaction.ts"
import { refreshTokenLifecycle } from "../../token/Token.ts"
import type { TokenStore } from "../../token/TokenStore.ts"
import {
  granted,
  isIssued,
  issuesWhatSucceeds,
  isWaitedForByRevocation,
  losersMayRevoke,
  rotation,
  waitsForRevocation,
  withRefresh,
  written
} from "./granting.ts"
import { agrees, options, together, undone } from "./law.ts"
import { accessToken, after, auditEvent, issuance, issuer, longAgo, now, otherIssuer, refreshToken } from "./records.ts"

export const suite = <E>(name: string, storage: Layer.Layer<TokenStore | AuditLog | Transaction, E>) =>
  layer(storage, options)(`TokenStore, refresh tokens (${name})`, (it) => {
    it.effect("a rotated refresh token keeps how it was rotated, and is followed by the next one", () =>
      Effect.gen(function* () {
        const { findToken, grant: record, next, rotate, token, tokens } = yield* withRefresh()
        assert.deepStrictEqual(yield* findToken, Option.some({ token, grant: record }))
        assert.deepStrictEqual(yield* tokens.findRefreshToken(otherIssuer, token.tokenHash), Option.none())
        assert.isTrue(yield* rotate)
        const rotated = { ...token, _tag: "Rotated" as const, rotatedAt: now, replays: 0, ...rotation }
        assert.deepStrictEqual(yield* findToken, Option.some({ token: rotated, grant: record }))
        const second = next.refreshToken!
        const findSecond = tokens.findRefreshToken(issuer, second.tokenHash)
        assert.deepStrictEqual(yield* findSecond, Option.some({ token: second, grant: record }))
        const third = issuance(accessToken(record), refreshToken(record))
        const unsealed = { ...rotation, sealedResponse: undefined }
        assert.isTrue(yield* tokens.rotate(issuer, second.tokenHash, second.clientId, now, unsealed, third))
        assert.deepStrictEqual(Option.getOrThrow(yield* findSecond).token, {
          ...second,
          _tag: "Rotated",
          rotatedAt: now,
          replays: 0,
          ...unsealed
        })
      })
    )

    it.effect("a grant has at most one live refresh token, however many are issued at the same time", () =>
      Effect.gen(function* () {
        const { grant: record, tokens } = yield* granted()
        const attempts = yield* together(10, () => {
          const issuing = issuance(accessToken(record), refreshToken(record))
          return Effect.map(Effect.exit(tokens.issue(issuing)), (exit) => ({ exit, issuing }))
        })
        assert.strictEqual(attempts.filter(({ exit }) => Exit.isSuccess(exit)).length, 1)
        for (const { exit, issuing } of attempts) assert.strictEqual(yield* isIssued(issuing), Exit.isSuccess(exit))
      })
    )

    it.effect("RFC 6749 §10.4: a refresh token is rotated by its client only", () =>
      Effect.gen(function* () {
        const { next, rotate, token, tokens } = yield* withRefresh()
        assert.isFalse(yield* tokens.rotate(issuer, token.tokenHash, "other client", now, rotation, next))
        assert.isFalse(yield* tokens.rotate(otherIssuer, token.tokenHash, token.clientId, now, rotation, next))
        assert.isFalse(yield* isIssued(next))
        assert.isTrue(yield* rotate)
      })
    )

    it.effect("a refresh token can be rotated until it expires, and not at that moment", () =>
      Effect.gen(function* () {
        const { next, token, tokens } = yield* withRefresh({ expiresAt: after(60) })
        const rotateAt = (seconds: number) =>
          tokens.rotate(issuer, token.tokenHash, token.clientId, after(seconds), rotation, next)
        assert.isFalse(yield* rotateAt(61))
        assert.isFalse(yield* rotateAt(60))
        assert.isTrue(yield* rotateAt(59.999))
      })
    )

    it.effect("RFC 9700 §4.14.2: of any number of concurrent rotations exactly one succeeds", () =>
      Effect.gen(function* () {
        const { grant: record, rotateTo } = yield* withRefresh()
        yield* issuesWhatSucceeds(() => issuance(accessToken(record), refreshToken(record)), rotateTo, 1)
      })
    )

    it.effect("a token is rotated again and again: each time the new one takes the place of the old", () =>
      Effect.gen(function* () {
        const { grant: record, token, tokens } = yield* withRefresh()
        let live = token
        for (let times = 0; times < 20; times++) {
          const next = refreshToken(record)
          const issuing = issuance(accessToken(record), next)
          assert.isTrue(yield* tokens.rotate(issuer, live.tokenHash, live.clientId, now, rotation, issuing))
          live = next
        }
        assert.deepStrictEqual(
          yield* tokens.findRefreshToken(issuer, live.tokenHash),
          Option.some({ token: live, grant: record })
        )
      })
    )

    it.effect(
      "a rotated token counts the answers to retries, up to the limit, for its client, while its window is open",
      () =>
        Effect.gen(function* () {
          const { findToken, rotate, token, tokens } = yield* withRefresh()
          const log = [auditEvent(), auditEvent()]
          const replay = (at = now, clientId = token.clientId, at_ = token.issuer) =>
            tokens.replay(at_, token.tokenHash, clientId, at, 3, log)
          assert.isFalse(yield* replay())
          yield* rotate
          yield* undone(replay())
          assert.isFalse(yield* replay(now, "other client"))
          assert.isFalse(yield* replay(now, token.clientId, otherIssuer))
          assert.isFalse(yield* replay(rotation.replayUntil))
          assert.strictEqual(yield* written(log), 0)
          const answers = yield* together(8, () => replay())
          assert.strictEqual(answers.filter((given) => given).length, 3)
          assert.strictEqual(yield* written(log), 3)
          const found = Option.getOrThrow(yield* findToken).token
          assert.strictEqual(found._tag === "Rotated" && found.replays, 3)
        })
    )

    it.effect("a token that is prolonged stays live until then, for its client, while its grant lives", () =>
      Effect.gen(function* () {
        const { findToken, grant: record, rotate, token, tokens } = yield* withRefresh({ expiresAt: after(60) })
        const next = () => issuance(accessToken(record))
        const prolong = (at: number, until: number, clientId = token.clientId, issuing = next()) =>
          tokens.prolong(issuer, token.tokenHash, clientId, after(at), after(until), token.confirmation, issuing)
        assert.isFalse(yield* prolong(1, 100, "other client"))
        const late = next()
        assert.isFalse(yield* prolong(60, 100, token.clientId, late))
        assert.isFalse(yield* isIssued(late))
        yield* issuesWhatSucceeds(next, (issuing) => prolong(1, 100, token.clientId, issuing), 10)
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
        const { clientId, tokenHash } = other.token
        assert.isFalse(
          yield* tokens.prolong(
            issuer,
            tokenHash,
            clientId,
            now,
            after(100),
            other.token.confirmation,
            issuance(accessToken(record))
          )
        )
      })
    )

    it.effect(
      "RFC 9449 §5: a token that is prolonged is bound once: of several keys at once to one, and stays so",
      () =>
        Effect.gen(function* () {
          const { findToken, grant: record, token, tokens } = yield* withRefresh({ confirmation: undefined })
          const prolong = (confirmation: Confirmation | undefined) => {
            const next = issuance(accessToken(record))
            return tokens.prolong(issuer, token.tokenHash, token.clientId, now, after(100), confirmation, next)
          }
          assert.isTrue(yield* prolong(undefined))
          const keys = ["a", "b", "c", "d"].map((jkt) => ({ jkt }))
          const won = yield* Effect.forEach(keys, prolong, { concurrency: "unbounded" })
          assert.strictEqual(won.filter((one) => one).length, 1)
          const winner = keys[won.indexOf(true)]
          assert.deepStrictEqual(Option.getOrThrow(yield* findToken).token.confirmation, winner)
          assert.isTrue(yield* prolong(winner))
          for (const other of [undefined, { jkt: "e" }, { ...winner, "x5t#S256": "f" }]) {
            assert.isFalse(yield* prolong(other))
          }
          assert.deepStrictEqual(Option.getOrThrow(yield* findToken).token.confirmation, winner)
        })
    )

    it.effect("issuing cannot outrun revoking, nor revoking overtake issuing", () =>
      Effect.gen(function* () {
        const first = yield* withRefresh()
        yield* waitsForRevocation(first.revoke, first.next, first.rotateTo)
        const second = yield* withRefresh()
        yield* isWaitedForByRevocation(second.revoke, second.next, second.rotateTo)
        const third = yield* withRefresh()
        const { clientId, tokenHash } = third.token
        const issuing = issuance(accessToken(third.grant))
        yield* waitsForRevocation(third.revoke, issuing, (next) =>
          third.tokens.prolong(issuer, tokenHash, clientId, now, after(100), third.token.confirmation, next)
        )
      })
    )

    it.effect("rotations that lose and revoke the grant in the same transaction all come to an end", () =>
      Effect.gen(function* () {
        const { find, grant: record, revoke, rotateTo } = yield* withRefresh()
        yield* losersMayRevoke(revoke, () => issuance(accessToken(record), refreshToken(record)), rotateTo)
        assert.strictEqual(Option.getOrThrow(yield* find)._tag, "Revoked")
      })
    )

    it.effect("a failure in the transaction leaves grant and tokens as they were", () =>
      Effect.gen(function* () {
        const { find, findToken, grant: record, next, revoke, rotate, token } = yield* withRefresh()
        yield* undone(Effect.andThen(rotate, revoke))
        assert.deepStrictEqual(yield* find, Option.some(record))
        assert.deepStrictEqual(yield* findToken, Option.some({ token, grant: record }))
        assert.isFalse(yield* isIssued(next))
      })
    )

    it.effect("a sealed response is forgotten when its replay window has ended, in batches; the rotation is not", () =>
      Effect.gen(function* () {
        const kept = yield* withRefresh()
        yield* kept.rotate
        const old = { ...rotation, replayUntil: longAgo }
        const rotated = yield* Effect.forEach([1, 2, 3], () =>
          Effect.gen(function* () {
            const { findToken, next, token, tokens } = yield* withRefresh()
            yield* tokens.rotate(issuer, token.tokenHash, token.clientId, now, old, next)
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

    it.effect("pruning deletes refresh tokens that expired before, in batches, and nothing else", () =>
      Effect.gen(function* () {
        const { findToken, tokens } = yield* withRefresh()
        yield* together(3, () => withRefresh({ expiresAt: longAgo }))
        const before = after(1, longAgo)
        assert.strictEqual(yield* tokens.pruneRefreshTokens(longAgo, 10), 0)
        assert.strictEqual(yield* tokens.pruneRefreshTokens(before, 2), 2)
        assert.strictEqual(yield* tokens.pruneRefreshTokens(before, 10), 1)
        assert.isTrue(Option.isSome(yield* findToken))
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
          const { findToken, next, revoke, rotate, token, tokens } = yield* withRefresh()
          const moves = {
            rotate,
            "rotate as another": tokens.rotate(issuer, token.tokenHash, "another", now, rotation, next),
            "rotate late": tokens.rotate(issuer, token.tokenHash, token.clientId, after(3601), rotation, next),
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
  })
