import { assert, layer } from "@effect/vitest"
import { Effect, type Layer, Option } from "effect"
import type { AuditLog } from "../../audit/AuditLog.ts"
import type { ClientStore } from "../../client/ClientStore.ts"
import type { Transaction } from "../../storage/Transaction.ts"
import type { TokenStore } from "../../token/TokenStore.ts"
import * as AccessTokens from "./accessTokens.ts"
import { granted, revokedOf, withAccess } from "./granting.ts"
import { exactlyOneWins, options, together, undone } from "./law.ts"
import { after, issuer, longAgo, now, otherIssuer, unique } from "./records.ts"
import * as RefreshTokens from "./refreshTokens.ts"

const grants = <E>(name: string, storage: Layer.Layer<TokenStore | ClientStore | AuditLog | Transaction, E>) =>
  layer(storage, options)(`TokenStore, grants (${name})`, (it) => {
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

    it.effect("a failure in the transaction leaves the grant as it was", () =>
      Effect.gen(function* () {
        const { find, grant: record, revoke } = yield* granted()
        yield* undone(revoke)
        assert.deepStrictEqual(yield* find, Option.some(record))
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
  })

/** Every layer that claims to be a `TokenStore` runs this suite. */
export const suite = <E>(name: string, storage: Layer.Layer<TokenStore | ClientStore | AuditLog | Transaction, E>) => {
  grants(name, storage)
  AccessTokens.suite(name, storage)
  RefreshTokens.suite(name, storage)
}
