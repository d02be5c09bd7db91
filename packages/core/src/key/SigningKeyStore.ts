import { Context, type DateTime, Effect, Layer } from "effect"
import type { KeyAlgorithm } from "../oauth/Metadata.ts"
import * as MemoryTable from "../storage/MemoryTable.ts"
import type { In, SigningKey } from "./SigningKey.ts"

/** Holds signing keys, and those to which others encrypt, per issuer, private parts sealed. */
export class SigningKeyStore extends Context.Service<
  SigningKeyStore,
  {
    /** Every key of the issuer that is not `Retired`, oldest first. */
    readonly list: (issuer: string) => Effect.Effect<ReadonlyArray<SigningKey>>
    readonly insert: (key: In<"Next">) => Effect.Effect<void>
    /**
     * Moves the oldest `Next` key of the algorithm to `Active`, and the one that was `Active` to `Retiring`, as one
     * step. `false`, and nothing changes, when no `Next` key was created at `createdBy` or before: of two calls at once
     * for one key one gets it.
     */
    readonly activateNext: (
      issuer: string,
      algorithm: KeyAlgorithm,
      at: DateTime.Utc,
      createdBy: DateTime.Utc
    ) => Effect.Effect<boolean>
    /** Moves a `Retiring` or `Next` key to `Retired`. `false` when there is none of that kid. */
    readonly retire: (issuer: string, kid: string, at: DateTime.Utc) => Effect.Effect<boolean>
    /** Replaces the sealed private part, whatever the state; `false` when the sealed part is no longer `before`. */
    readonly reseal: (issuer: string, kid: string, before: Uint8Array, after: Uint8Array) => Effect.Effect<boolean>
    /** Deletes up to `limit` keys retired before `before`; how many it deleted. */
    readonly prune: (before: DateTime.Utc, limit: number) => Effect.Effect<number>
  }
>()("@lockspire/core/key/SigningKeyStore") {
  static readonly layerMemory = Layer.effect(
    SigningKeyStore,
    Effect.gen(function* () {
      const keys = yield* MemoryTable.make<SigningKey>("signing_keys")
      const { key } = MemoryTable
      const sameBytes = (a: Uint8Array, b: Uint8Array) => a.length === b.length && a.every((byte, i) => byte === b[i])
      return SigningKeyStore.of({
        list: (issuer) =>
          keys.step((rows) =>
            [...rows.values()]
              .filter((row) => row.issuer === issuer && row._tag !== "Retired")
              .toSorted((a, b) => a.createdAt.epochMilliseconds - b.createdAt.epochMilliseconds)
          ),
        insert: (next) => keys.step((rows) => rows.set(key(next.issuer, next.kid), next)),
        activateNext: (issuer, algorithm, at, createdBy) =>
          keys.step((rows) => {
            const own = [...rows.values()].filter((row) => row.issuer === issuer && row.algorithm === algorithm)
            const next = own
              .filter((row): row is In<"Next"> => row._tag === "Next")
              .filter((row) => !MemoryTable.isBefore(createdBy, row.createdAt))
              .toSorted((a, b) => a.createdAt.epochMilliseconds - b.createdAt.epochMilliseconds)[0]
            if (next === undefined) return false
            for (const row of own) {
              if (row._tag === "Active") {
                rows.set(key(issuer, row.kid), { ...row, _tag: "Retiring", retiringSince: at })
              }
            }
            rows.set(key(issuer, next.kid), { ...next, _tag: "Active", activatedAt: at })
            return true
          }),
        retire: (issuer, kid, at) =>
          keys.step((rows) => {
            const row = rows.get(key(issuer, kid))
            if (row === undefined || (row._tag !== "Retiring" && row._tag !== "Next")) return false
            const { algorithm, createdAt, publicJwk, sealedPrivateJwk } = row
            rows.set(key(issuer, kid), {
              _tag: "Retired",
              issuer,
              kid,
              algorithm,
              createdAt,
              publicJwk,
              sealedPrivateJwk,
              retiredAt: at
            })
            return true
          }),
        reseal: (issuer, kid, before, after) =>
          keys.step((rows) => {
            const row = rows.get(key(issuer, kid))
            if (row === undefined || !sameBytes(row.sealedPrivateJwk, before)) return false
            rows.set(key(issuer, kid), { ...row, sealedPrivateJwk: after })
            return true
          }),
        prune: (before, limit) =>
          keys.step((rows) =>
            MemoryTable.prune(
              rows,
              limit,
              (row) => row._tag === "Retired" && MemoryTable.isBefore(row.retiredAt, before)
            )
          )
      })
    })
  )
}
