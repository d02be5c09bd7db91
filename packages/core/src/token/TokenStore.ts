import { Context, type DateTime, Effect, Equal, Layer, Option } from "effect"
import { type AuditEvent, AuditLog } from "../audit/AuditLog.ts"
import type { Client } from "../client/Client.ts"
import type { Confirmation } from "../oauth/Confirmation.ts"
import * as MemoryTable from "../storage/MemoryTable.ts"
import { Transaction } from "../storage/Transaction.ts"
import type { Grant, Live } from "./Grant.ts"
import type { Issuance } from "./Issuance.ts"
import type { AccessToken, LiveRefreshToken, RefreshToken, RotatedRefreshToken } from "./Token.ts"

/** How a rotation ends the life of a refresh token. */
export interface Rotation {
  readonly replayUntil: DateTime.Utc
  readonly requestHash: string
  readonly sealedResponse: Uint8Array | undefined
}

/** Holds grants and their tokens by hash, per issuer. Every method is one atomic fact. */
export class TokenStore extends Context.Service<
  TokenStore,
  {
    readonly insertGrant: (grant: Live) => Effect.Effect<void>
    readonly findGrant: (issuer: string, grantId: string) => Effect.Effect<Option.Option<Grant>>
    /** The live, unexpired grants of a subject, newest first: which applications have access. */
    readonly grantsOf: (issuer: string, subject: string, now: DateTime.Utc) => Effect.Effect<ReadonlyArray<Live>>
    /** Moves a grant to `Revoked`, and with it all its tokens. `false` when it was not `Live`. */
    readonly revokeGrant: (issuer: string, grantId: string, at: DateTime.Utc, because: string) => Effect.Effect<boolean>
    /** Revokes every live grant that a subject gave a client; their ids. */
    readonly revokeGrantsOf: (
      issuer: string,
      subject: string,
      clientId: string,
      at: DateTime.Utc,
      because: string
    ) => Effect.Effect<ReadonlyArray<string>>

    /**
     * Issues by itself, unless the grant, if there is one, is no longer `Live`: then nothing and `false`, so that issuing
     * cannot outrun revoking. A grant has one live refresh token; to issue a second is a defect.
     */
    readonly issue: (issuance: Issuance) => Effect.Effect<boolean>
    /** The token with its grant, if it has one, in whatever state. A token whose grant was deleted is gone. */
    readonly findAccessToken: (
      issuer: string,
      tokenHash: string
    ) => Effect.Effect<
      Option.Option<{
        readonly token: AccessToken
        readonly grant: Grant | undefined
        readonly clientDisabled: boolean
        /** What the client registered beside the protocol's own members. */
        readonly clientMetadata: Client["metadata"]
      }>
    >
    /** Moves a token of that client to `Revoked`. `false` when there is no live one. */
    readonly revokeAccessToken: (
      issuer: string,
      tokenHash: string,
      clientId: string,
      at: DateTime.Utc
    ) => Effect.Effect<boolean>

    readonly findRefreshToken: (
      issuer: string,
      tokenHash: string
    ) => Effect.Effect<Option.Option<{ readonly token: RefreshToken; readonly grant: Grant }>>
    /**
     * Moves `Live` to `Rotated` and issues what follows, if it is that client's, unexpired at `at`, and its grant
     * `Live`. Of any number of concurrent calls for one token exactly one receives `true`.
     */
    readonly rotate: (
      issuer: string,
      tokenHash: string,
      clientId: string,
      at: DateTime.Utc,
      rotation: Rotation,
      issuance: Issuance
    ) => Effect.Effect<boolean>
    /**
     * Counts one more answer to a retry, with its events: `true` when the token is that client's, `Rotated`, its replay
     * window open at `at`, and fewer than `limit` were given before. Of any number of concurrent calls no more than
     * `limit` receive `true`.
     */
    readonly replay: (
      issuer: string,
      tokenHash: string,
      clientId: string,
      at: DateTime.Utc,
      limit: number,
      events: ReadonlyArray<AuditEvent>
    ) => Effect.Effect<boolean>
    /**
     * Moves the idle end of a token to `until` and issues what follows, as `rotate` does; the token stays `Live`. One that
     * was not bound yet is bound by `confirmation` from then on; `false` when it is bound otherwise by now.
     */
    readonly prolong: (
      issuer: string,
      tokenHash: string,
      clientId: string,
      at: DateTime.Utc,
      until: DateTime.Utc,
      confirmation: Confirmation | undefined,
      issuance: Issuance
    ) => Effect.Effect<boolean>
    /** Forgets up to `limit` sealed responses whose replay window ended before `before`; how many. */
    readonly forgetResponses: (before: DateTime.Utc, limit: number) => Effect.Effect<number>

    /** Deletes up to `limit` access tokens that expired before `before`; how many. */
    readonly pruneAccessTokens: (before: DateTime.Utc, limit: number) => Effect.Effect<number>
    /** Deletes up to `limit` refresh tokens that expired before `before`; how many. */
    readonly pruneRefreshTokens: (before: DateTime.Utc, limit: number) => Effect.Effect<number>
    /** Deletes up to `limit` grants that expired or were revoked before `before`; how many. */
    readonly pruneGrants: (before: DateTime.Utc, limit: number) => Effect.Effect<number>
  }
>()("@lockspire/core/token/TokenStore") {
  /** `clientOf` finds a client: the PostgreSQL layer reads it in the same statement. */
  static readonly layerMemory = (
    clientOf: (issuer: string, clientId: string) => Effect.Effect<Option.Option<Client>>
  ) =>
    Layer.effect(
      TokenStore,
      Effect.gen(function* () {
        const { within } = yield* Transaction
        const audit = yield* AuditLog
        const grants = yield* MemoryTable.make<Grant>()
        const accessTokens = yield* MemoryTable.make<AccessToken>()
        const refreshTokens = yield* MemoryTable.make<RefreshToken>()
        const { isBefore, key, prune } = MemoryTable
        const isAfter = (at: DateTime.Utc, limit: DateTime.Utc) => isBefore(limit, at)

        const revoke = (rows: MemoryTable.Rows<Grant>, at: string, when: DateTime.Utc, because: string) => {
          const grant = rows.get(at)
          if (grant?._tag !== "Live") return false
          rows.set(at, { ...grant, _tag: "Revoked", revokedAt: when, revokedBecause: because })
          return true
        }
        const grantIsLive = (issuer: string, grantId: string) =>
          grants.step((rows) => rows.get(key(issuer, grantId))?._tag === "Live")

        /** The refresh token that was added last, by grant: to look for a live one among all would take ever longer. */
        const newest = new Map<string, string>()
        const hasLive = (rows: MemoryTable.Rows<RefreshToken>, issuer: string, grantId: string) => {
          const last = newest.get(key(issuer, grantId))
          if (last === undefined) return false
          const token = rows.get(last)
          if (token !== undefined) return token._tag === "Live"
          // It was undone with its transaction, and with it the rotation of the one before.
          return [...rows.values()].some(
            (row) => row._tag === "Live" && row.issuer === issuer && row.grantId === grantId
          )
        }

        const add = Effect.fnUntraced(function* ({ accessToken, events, refreshToken }: Issuance) {
          yield* accessTokens.step((rows) => rows.set(key(accessToken.issuer, accessToken.tokenHash), accessToken))
          if (refreshToken !== undefined) {
            const { grantId, issuer, tokenHash } = refreshToken
            const isSecond = yield* refreshTokens.step((rows) => {
              if (hasLive(rows, issuer, grantId)) return true
              rows.set(key(issuer, tokenHash), refreshToken)
              newest.set(key(issuer, grantId), key(issuer, tokenHash))
              return false
            })
            if (isSecond) return yield* Effect.die(new Error(`The grant ${grantId} has a live refresh token already.`))
          }
          yield* audit.append(events)
        })
        const issue = Effect.fnUntraced(function* (issuance: Issuance) {
          const { grantId, issuer } = issuance.accessToken
          if (grantId !== undefined && !(yield* grantIsLive(issuer, grantId))) return false
          yield* add(issuance)
          return true
        })
        /** Moves a token that is live, that client's and unexpired, while its grant is live, and issues what follows. */
        const use = Effect.fnUntraced(function* (
          issuer: string,
          tokenHash: string,
          clientId: string,
          at: DateTime.Utc,
          move: (token: LiveRefreshToken) => RefreshToken | undefined,
          issuance: Issuance
        ) {
          const token = Option.getOrUndefined(yield* refreshTokens.find(key(issuer, tokenHash)))
          if (token?._tag !== "Live" || token.clientId !== clientId || !isAfter(token.expiresAt, at)) return false
          if (!(yield* grantIsLive(issuer, token.grantId))) return false
          const moved = move(token)
          if (moved === undefined) return false
          yield* refreshTokens.step((rows) => rows.set(key(issuer, tokenHash), moved))
          yield* add(issuance)
          return true
        }, within)

        return TokenStore.of({
          insertGrant: (grant) => grants.step((rows) => rows.set(key(grant.issuer, grant.grantId), grant)),
          findGrant: (issuer, grantId) => grants.find(key(issuer, grantId)),
          grantsOf: (issuer, subject, now) =>
            grants.step((rows) =>
              [...rows.values()]
                .filter((row): row is Live => row._tag === "Live" && row.issuer === issuer && row.subject === subject)
                .filter((row) => isAfter(row.expiresAt, now))
                .toSorted((a, b) => b.createdAt.epochMilliseconds - a.createdAt.epochMilliseconds)
            ),
          revokeGrant: (issuer, grantId, at, because) =>
            grants.step((rows) => revoke(rows, key(issuer, grantId), at, because)),
          revokeGrantsOf: (issuer, subject, clientId, at, because) =>
            grants.step((rows) =>
              [...rows.values()]
                .filter((row) => row.issuer === issuer && row.subject === subject && row.clientId === clientId)
                .filter((row) => revoke(rows, key(issuer, row.grantId), at, because))
                .map((row) => row.grantId)
            ),

          issue: (issuance) => within(issue(issuance)),
          findAccessToken: Effect.fnUntraced(function* (issuer, tokenHash) {
            const token = Option.getOrUndefined(yield* accessTokens.find(key(issuer, tokenHash)))
            if (token === undefined) return Option.none()
            const grant =
              token.grantId === undefined
                ? undefined
                : Option.getOrUndefined(yield* grants.find(key(issuer, token.grantId)))
            if (token.grantId !== undefined && grant === undefined) return Option.none()
            const client = Option.getOrUndefined(yield* clientOf(issuer, token.clientId))
            const clientDisabled = client?.disabled ?? true
            return Option.some({ token, grant, clientDisabled, clientMetadata: client?.metadata ?? {} })
          }),
          revokeAccessToken: (issuer, tokenHash, clientId, at) =>
            accessTokens.step((rows) => {
              const token = rows.get(key(issuer, tokenHash))
              if (token?._tag !== "Live" || token.clientId !== clientId) return false
              rows.set(key(issuer, tokenHash), { ...token, _tag: "Revoked", revokedAt: at })
              return true
            }),

          findRefreshToken: Effect.fnUntraced(function* (issuer, tokenHash) {
            const token = yield* refreshTokens.find(key(issuer, tokenHash))
            if (Option.isNone(token)) return Option.none()
            const grant = yield* grants.find(key(issuer, token.value.grantId))
            return Option.map(grant, (found) => ({ token: token.value, grant: found }))
          }),
          rotate: (issuer, tokenHash, clientId, at, rotation, issuance) => {
            const rotate = (token: LiveRefreshToken): RotatedRefreshToken => ({
              ...token,
              _tag: "Rotated",
              rotatedAt: at,
              replays: 0,
              ...rotation
            })
            return use(issuer, tokenHash, clientId, at, rotate, issuance)
          },
          replay: (issuer, tokenHash, clientId, at, limit, events) => {
            const count = refreshTokens.step((rows) => {
              const token = rows.get(key(issuer, tokenHash))
              if (token?._tag !== "Rotated" || token.clientId !== clientId || token.replays >= limit) return false
              if (!isAfter(token.replayUntil, at)) return false
              rows.set(key(issuer, tokenHash), { ...token, replays: token.replays + 1 })
              return true
            })
            return within(Effect.tap(count, (counted) => (counted ? audit.append(events) : Effect.void)))
          },
          prolong: (issuer, tokenHash, clientId, at, until, confirmation, issuance) => {
            const keep = (token: LiveRefreshToken) =>
              token.confirmation === undefined || Equal.equals(token.confirmation, confirmation)
                ? { ...token, confirmation, expiresAt: until }
                : undefined
            return use(issuer, tokenHash, clientId, at, keep, issuance)
          },
          forgetResponses: (before, limit) =>
            refreshTokens.step((rows) => {
              let forgotten = 0
              for (const [at, row] of rows.entries()) {
                if (forgotten === limit) break
                if (row._tag !== "Rotated" || row.sealedResponse === undefined) continue
                if (!isBefore(row.replayUntil, before)) continue
                rows.set(at, { ...row, sealedResponse: undefined })
                forgotten++
              }
              return forgotten
            }),

          pruneAccessTokens: (before, limit) =>
            accessTokens.step((rows) => prune(rows, limit, (row) => isBefore(row.expiresAt, before))),
          pruneRefreshTokens: (before, limit) =>
            refreshTokens.step((rows) =>
              prune(rows, limit, (row) => {
                if (!isBefore(row.expiresAt, before)) return false
                const grant = key(row.issuer, row.grantId)
                if (newest.get(grant) === key(row.issuer, row.tokenHash)) newest.delete(grant)
                return true
              })
            ),
          pruneGrants: (before, limit) =>
            grants.step((rows) =>
              prune(
                rows,
                limit,
                (row) => isBefore(row.expiresAt, before) || (row._tag === "Revoked" && isBefore(row.revokedAt, before))
              )
            )
        })
      })
    )
}
