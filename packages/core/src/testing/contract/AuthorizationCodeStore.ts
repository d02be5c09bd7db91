import { assert, layer } from "@effect/vitest"
import { Effect, type Layer, Option, Schema } from "effect"
import type { AuditLog } from "../../audit/AuditLog.ts"
import { type Issued, lifecycle } from "../../authorize/AuthorizationCode.ts"
import { AuthorizationCodeStore } from "../../authorize/AuthorizationCodeStore.ts"
import type { Transaction } from "../../storage/Transaction.ts"
import type { Issuance } from "../../token/Issuance.ts"
import { TokenStore } from "../../token/TokenStore.ts"
import {
  isIssued,
  issuesWhatSucceeds,
  isWaitedForByRevocation,
  losersMayRevoke,
  revokedOf,
  waitsForRevocation,
  written
} from "./granting.ts"
import { agrees, exactlyOneWins, options, together, undone } from "./law.ts"
import {
  accessToken,
  after,
  auditEvent,
  authorizationCode,
  grantOf,
  issuance,
  issuer,
  longAgo,
  now,
  otherIssuer,
  refreshToken
} from "./records.ts"

/** Every layer that claims to be an `AuthorizationCodeStore` runs this suite. */
export const suite = <E>(
  name: string,
  storage: Layer.Layer<AuthorizationCodeStore | TokenStore | AuditLog | Transaction, E>
) =>
  layer(storage, options)(`AuthorizationCodeStore (${name})`, (it) => {
    const inserted = Effect.fnUntraced(function* (over: Parameters<typeof authorizationCode>[0] = {}) {
      const codes = yield* AuthorizationCodeStore
      const tokens = yield* TokenStore
      const code = authorizationCode(over)
      const grant = grantOf(code)
      yield* codes.issue(code, grant, [])
      const next = () => issuance(accessToken(grant), refreshToken(grant))
      const redeemFor = (issuing: Issuance) => codes.redeem(issuer, code.codeHash, code.clientId, now, issuing)
      const issuing = next()
      return {
        code,
        codes,
        grant,
        next,
        issuing,
        redeemFor,
        find: codes.find(issuer, code.codeHash),
        redeem: redeemFor(issuing),
        spend: codes.spend(issuer, code.codeHash, code.clientId, now),
        revoke: tokens.revokeGrant(issuer, grant.grantId, now, "because")
      }
    })

    const insert = (over: Partial<Issued>) => {
      const code = authorizationCode(over)
      return AuthorizationCodeStore.use((codes) => codes.issue(code, grantOf(code), []))
    }

    it.effect("finds what was issued, unchanged, with its grant", () =>
      Effect.gen(function* () {
        const { code, codes, find, grant, revoke } = yield* inserted()
        assert.deepStrictEqual(yield* find, Option.some({ code, grant }))
        yield* revoke
        assert.deepStrictEqual(yield* find, Option.some({ code, grant: revokedOf(grant) }))
        const bare = yield* inserted({ codeChallenge: undefined, nonce: undefined, redirectUriSent: false })
        assert.deepStrictEqual(yield* bare.find, Option.some({ code: bare.code, grant: bare.grant }))
        assert.deepStrictEqual(yield* codes.find(issuer, "unknown"), Option.none())
      })
    )

    it.effect("a code is issued with its grant and its events, or not at all", () =>
      Effect.gen(function* () {
        const { codes } = yield* inserted()
        const tokens = yield* TokenStore
        const code = authorizationCode()
        const grant = grantOf(code)
        const events = [auditEvent(), auditEvent()]
        yield* undone(codes.issue(code, grant, events))
        assert.deepStrictEqual(yield* codes.find(issuer, code.codeHash), Option.none())
        assert.deepStrictEqual(yield* tokens.findGrant(issuer, grant.grantId), Option.none())
        assert.strictEqual(yield* written(events), 0)
        yield* codes.issue(code, grant, events)
        assert.deepStrictEqual(yield* tokens.findGrant(issuer, grant.grantId), Option.some(grant))
        assert.strictEqual(yield* written(events), 1)
      })
    )

    it.effect("a code whose grant was deleted is found without one, and not redeemed", () =>
      Effect.gen(function* () {
        const tokens = yield* TokenStore
        const codes = yield* AuthorizationCodeStore
        const code = authorizationCode()
        const grant = grantOf(code, { expiresAt: longAgo })
        yield* codes.issue(code, grant, [])
        assert.strictEqual(yield* tokens.pruneGrants(after(1, longAgo), 10), 1)
        assert.deepStrictEqual(yield* codes.find(issuer, code.codeHash), Option.some({ code, grant: undefined }))
        const issuing = issuance(accessToken(grant))
        assert.isFalse(yield* codes.redeem(issuer, code.codeHash, code.clientId, now, issuing))
        assert.isFalse(yield* isIssued(issuing))
      })
    )

    it.effect("a redeemed code says when; so does one that was spent for nothing", () =>
      Effect.gen(function* () {
        for (const how of ["redeem", "spend"] as const) {
          const { code, find, grant, [how]: move } = yield* inserted()
          assert.isTrue(yield* move)
          const redeemed = { ...code, _tag: "Redeemed" as const, redeemedAt: now }
          assert.deepStrictEqual(yield* find, Option.some({ code: redeemed, grant }))
          assert.isFalse(yield* move)
        }
      })
    )

    it.effect("of one issuer's codes another issuer sees and moves none", () =>
      Effect.gen(function* () {
        const { code, codes, issuing, redeem } = yield* inserted()
        assert.deepStrictEqual(yield* codes.find(otherIssuer, code.codeHash), Option.none())
        assert.isFalse(yield* codes.redeem(otherIssuer, code.codeHash, code.clientId, now, issuing))
        assert.isFalse(yield* codes.spend(otherIssuer, code.codeHash, code.clientId, now))
        assert.isTrue(yield* redeem)
      })
    )

    it.effect("RFC 6749 §4.1.3: a code is redeemed only by the client that it was issued to", () =>
      Effect.gen(function* () {
        const { code, codes, issuing, redeem } = yield* inserted()
        assert.isFalse(yield* codes.redeem(issuer, code.codeHash, "other client", now, issuing))
        assert.isFalse(yield* codes.spend(issuer, code.codeHash, "other client", now))
        assert.isFalse(yield* isIssued(issuing))
        assert.isTrue(yield* redeem)
        assert.isTrue(yield* isIssued(issuing))
      })
    )

    it.effect("a code can be redeemed until it expires, and not at that moment", () =>
      Effect.gen(function* () {
        const { code, codes, issuing } = yield* inserted({ expiresAt: after(60) })
        const redeemAt = (seconds: number) =>
          codes.redeem(issuer, code.codeHash, code.clientId, after(seconds), issuing)
        assert.isFalse(yield* redeemAt(61))
        assert.isFalse(yield* redeemAt(60))
        assert.isFalse(yield* codes.spend(issuer, code.codeHash, code.clientId, after(60)))
        assert.isTrue(yield* redeemAt(59.999))
      })
    )

    it.effect("RFC 6749 §4.1.2: of any number of concurrent redemptions exactly one succeeds", () =>
      Effect.gen(function* () {
        const { next, redeemFor } = yield* inserted()
        yield* issuesWhatSucceeds(next, redeemFor, 1)
        yield* exactlyOneWins((yield* inserted()).spend)
        const { redeem, spend } = yield* inserted()
        const outcomes = yield* together(10, (index) => (index % 2 === 0 ? redeem : spend))
        assert.strictEqual(outcomes.filter((won) => won).length, 1)
      })
    )

    it.effect("issuing cannot outrun revoking, nor revoking overtake issuing", () =>
      Effect.gen(function* () {
        const { find, grant, issuing, code, redeemFor, revoke } = yield* inserted()
        yield* waitsForRevocation(revoke, issuing, redeemFor)
        assert.deepStrictEqual(yield* find, Option.some({ code, grant: revokedOf(grant) }))
        const other = yield* inserted()
        yield* isWaitedForByRevocation(other.revoke, other.issuing, other.redeemFor)
      })
    )

    it.effect("redemptions that lose and revoke the grant in the same transaction all come to an end", () =>
      Effect.gen(function* () {
        const { find, next, redeemFor, revoke } = yield* inserted()
        yield* losersMayRevoke(revoke, next, redeemFor)
        assert.strictEqual(Option.getOrThrow(yield* find).grant?._tag, "Revoked")
      })
    )

    it.effect("a failure in the transaction leaves the code as it was", () =>
      Effect.gen(function* () {
        const { code, find, grant, issuing, redeem, spend } = yield* inserted()
        yield* undone(redeem)
        yield* undone(spend)
        assert.deepStrictEqual(yield* find, Option.some({ code, grant }))
        assert.isFalse(yield* isIssued(issuing))
      })
    )

    it.effect("prune deletes what expired before, in batches, and nothing else", () =>
      Effect.gen(function* () {
        const { code, codes } = yield* inserted()
        yield* together(5, () => insert({ expiresAt: longAgo }))
        assert.strictEqual(yield* codes.prune(longAgo, 10), 0)
        assert.strictEqual(yield* codes.prune(after(0.001, longAgo), 2), 2)
        assert.strictEqual(yield* codes.prune(after(0.001, longAgo), 10), 3)
        assert.isTrue(Option.isSome(yield* codes.find(issuer, code.codeHash)))
      })
    )

    it.effect("any number of nodes may prune at once: each record is deleted and counted once", () =>
      Effect.gen(function* () {
        const codes = yield* AuthorizationCodeStore
        yield* together(40, () => insert({ expiresAt: longAgo }))
        const first = yield* together(8, () => codes.prune(after(1, longAgo), 10))
        const rest = yield* codes.prune(after(1, longAgo), 100)
        assert.strictEqual(
          first.reduce((sum, deleted) => sum + deleted, rest),
          40
        )
      })
    )

    it.effect.prop(
      "any sequence of moves agrees with the lifecycle, and redeems at most once",
      [
        Schema.Array(
          Schema.Literals(["redeem", "redeem late", "redeem as another", "spend", "revoke the grant"])
        ).check(Schema.isMaxLength(6))
      ],
      ([sequence]) =>
        Effect.gen(function* () {
          const { code, codes, find, issuing, redeem, revoke, spend } = yield* inserted()
          const moves = {
            redeem,
            spend,
            "redeem late": codes.redeem(issuer, code.codeHash, code.clientId, after(61), issuing),
            "redeem as another": codes.redeem(issuer, code.codeHash, "another", now, issuing),
            // Moves the grant, not the code.
            "revoke the grant": Effect.as(revoke, false)
          }
          yield* agrees(
            lifecycle,
            Effect.map(
              find,
              Option.map((found) => found.code)
            ),
            sequence.map((move) => moves[move])
          )
          const first = sequence.find((move) => ["redeem", "spend", "revoke the grant"].includes(move))
          assert.strictEqual(yield* isIssued(issuing), first === "redeem")
        }),
      { arbitrary: { runs: 25 } }
    )
  })
