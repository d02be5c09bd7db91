import { type SigningKey, SigningKeyStore } from "@lockspire/core"
import { Effect, Layer } from "effect"
import { all, client, done, fromDate, prune, toDate, wrote } from "./statement.ts"
import { within } from "./TransactionPg.ts"

interface Row {
  readonly issuer: string
  readonly kid: string
  readonly algorithm: SigningKey.SigningKey["algorithm"]
  readonly public_jwk: SigningKey.PublicJwk
  readonly sealed_private_jwk: Uint8Array
  readonly created_at: Date
  readonly activated_at: Date | null
  readonly retiring_since: Date | null
  readonly retired_at: Date | null
}

const fromRow = (row: Row): SigningKey.SigningKey => {
  const material = {
    issuer: row.issuer,
    kid: row.kid,
    algorithm: row.algorithm,
    publicJwk: row.public_jwk,
    sealedPrivateJwk: new Uint8Array(row.sealed_private_jwk),
    createdAt: fromDate(row.created_at)
  }
  if (row.retired_at !== null) return { _tag: "Retired", ...material, retiredAt: fromDate(row.retired_at) }
  if (row.activated_at === null) return { _tag: "Next", ...material }
  const activatedAt = fromDate(row.activated_at)
  return row.retiring_since === null
    ? { _tag: "Active", ...material, activatedAt }
    : { _tag: "Retiring", ...material, activatedAt, retiringSince: fromDate(row.retiring_since) }
}

export const layer = Layer.effect(
  SigningKeyStore,
  Effect.map(client, (sql) =>
    SigningKeyStore.of({
      list: (issuer) =>
        all(
          sql<Row>`
            SELECT * FROM signing_keys WHERE issuer = ${issuer} AND retired_at IS NULL ORDER BY created_at, kid`,
          fromRow
        ),
      insert: (key) =>
        done(
          sql`INSERT INTO signing_keys ${sql.insert({
            issuer: key.issuer,
            kid: key.kid,
            algorithm: key.algorithm,
            public_jwk: JSON.stringify(key.publicJwk),
            sealed_private_jwk: key.sealedPrivateJwk,
            created_at: toDate(key.createdAt)
          })}`
        ),
      activateNext: (issuer, algorithm, at, createdBy) =>
        within(sql)(
          Effect.gen(function* () {
            // One at a time for an algorithm: two calls must not choose the same key, nor retire each other's.
            yield* done(sql`SELECT pg_advisory_xact_lock(hashtextextended(${`${algorithm} ${issuer}`}, 0))`)
            const next = sql`
              SELECT kid FROM signing_keys
              WHERE issuer = ${issuer} AND algorithm = ${algorithm} AND activated_at IS NULL AND retired_at IS NULL
                AND created_at <= ${toDate(createdBy)}
              ORDER BY created_at, kid LIMIT 1`
            // First, because the index allows no moment with two active keys.
            yield* done(sql`
              UPDATE signing_keys SET retiring_since = ${toDate(at)}
              WHERE issuer = ${issuer} AND algorithm = ${algorithm} AND activated_at IS NOT NULL
                AND retiring_since IS NULL AND retired_at IS NULL AND EXISTS (${next})`)
            return yield* wrote(sql`
              UPDATE signing_keys SET activated_at = ${toDate(at)}
              WHERE issuer = ${issuer} AND kid = (${next}) AND activated_at IS NULL AND retired_at IS NULL
              RETURNING 1`)
          })
        ),
      retire: (issuer, kid, at) =>
        wrote(sql`
          UPDATE signing_keys SET retired_at = ${toDate(at)}
          WHERE issuer = ${issuer} AND kid = ${kid} AND retired_at IS NULL
            AND (activated_at IS NULL OR retiring_since IS NOT NULL)
          RETURNING 1`),
      reseal: (issuer, kid, before, after) =>
        wrote(sql`
          UPDATE signing_keys SET sealed_private_jwk = ${after}
          WHERE issuer = ${issuer} AND kid = ${kid} AND sealed_private_jwk = ${before}
          RETURNING 1`),
      prune: (before, limit) => prune(sql, "signing_keys", sql`retired_at < ${toDate(before)}`, limit)
    })
  )
)
