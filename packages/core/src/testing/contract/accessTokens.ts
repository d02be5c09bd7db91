/** The contract of `TokenStore`: access tokens. */
import { assert, layer } from "@effect/vitest"
import { Effect, type Layer, Option, Schema } from "effect"
import type { AuditLog } from "../../audit/AuditLog.ts"
import { ClientStore } from "../../client/ClientStore.ts"
import type { Transaction } from "../../storage/Transaction.ts"
import { lifecycle } from "../../token/Grant.ts"
import { accessTokenLifecycle } from "../../token/Token.ts"
import { TokenStore } from "../../token/TokenStore.ts"
import {
  granted,
  isIssued,
  issuesWhatSucceeds,
  isWaitedForByRevocation,
  revokedOf,
  waitsForRevocation,
  withAccess
} from "./granting.ts"
import { agrees, exactlyOneWins, options, together } from "./law.ts"
import {
  accessToken,
  after,
  client,
  grant,
  issuance,
  issuer,
  longAgo,
  now,
  otherIssuer,
  refreshToken,
  unique
} from "./records.ts"

export const suite = <E>(name: string, storage: Layer.Layer<TokenStore | ClientStore | AuditLog | Transaction, E>) =>
  layer(storage, options)(`TokenStore, access tokens (${name})`, (it) => {
    it.effect("an access token is found with its grant, as they were inserted, and only at its issuer", () =>
      Effect.gen(function* () {
        const clientId = unique("client")
        const clients = yield* ClientStore
        const clientMetadata = { userinfo_signed_response_alg: "ES256", nested: { keptAs_it_is: 1 } }
        yield* clients.put(client({ clientId, metadata: clientMetadata }))
        const { findToken, grant: record, token, tokens } = yield* withAccess({ clientId })
        assert.deepStrictEqual(
          yield* findToken,
          Option.some({ token, grant: record, clientDisabled: false, clientMetadata })
        )
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
        assert.isTrue(yield* tokens.issue(issuance(token)))
        const find = tokens.findAccessToken(issuer, token.tokenHash)
        assert.deepStrictEqual(
          yield* find,
          Option.some({ token, grant: undefined, clientDisabled: false, clientMetadata: record.metadata })
        )
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

    it.effect("what is issued is stored with its events or not at all", () =>
      Effect.gen(function* () {
        const { grant: record, tokens } = yield* granted()
        yield* issuesWhatSucceeds(() => issuance(accessToken(record)), tokens.issue, 10)
        yield* issuesWhatSucceeds(() => issuance(accessToken(record, { grantId: undefined })), tokens.issue, 10)
      })
    )

    it.effect("issuing cannot outrun revoking, nor revoking overtake issuing", () =>
      Effect.gen(function* () {
        const { grant: record, revoke, tokens } = yield* granted()
        yield* waitsForRevocation(revoke, issuance(accessToken(record), refreshToken(record)), tokens.issue)
        const other = yield* granted()
        yield* isWaitedForByRevocation(other.revoke, issuance(accessToken(other.grant)), tokens.issue)
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
        const { find, findToken, grant: record, revoke, tokens } = yield* withAccess()
        yield* revoke
        const revoked = revokedOf(record)
        assert.deepStrictEqual(yield* find, Option.some(revoked))
        assert.deepStrictEqual(Option.getOrThrow(yield* findToken).grant, revoked)
        for (const of of [record, grant()]) {
          const issuing = issuance(accessToken(of), refreshToken(of))
          assert.isFalse(yield* tokens.issue(issuing))
          assert.isFalse(yield* isIssued(issuing))
        }
      })
    )

    it.effect("pruning deletes access tokens that expired before, in batches, and nothing else", () =>
      Effect.gen(function* () {
        const { findToken, grant: record, tokens } = yield* withAccess()
        yield* together(3, () => tokens.issue(issuance(accessToken(record, { expiresAt: longAgo }))))
        const before = after(1, longAgo)
        assert.strictEqual(yield* tokens.pruneAccessTokens(longAgo, 10), 0)
        assert.strictEqual(yield* tokens.pruneAccessTokens(before, 2), 2)
        assert.strictEqual(yield* tokens.pruneAccessTokens(before, 10), 1)
        assert.isTrue(Option.isSome(yield* findToken))
      })
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
