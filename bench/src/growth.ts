/** Fills a contender's database with tokens that other people hold, all live: of ten tokens five are access tokens. */
import { Pool } from "pg"

/** `from` and `to` count tokens; rows of an earlier call are not written again. */
type Fill = (pool: Pool, issuer: string, from: number, to: number) => Promise<void>

/** A hash as the columns hold them, of a text made from the row number. */
const hash = (prefix: string) => `translate(encode(sha256(('${prefix}' || n)::bytea), 'base64'), '+/=', '-_')`

/** Rows like one that the run left behind, but for what is told here: whatever columns there are, they are filled. */
const copy = async (
  pool: Pool,
  table: string,
  where: string,
  [first, last]: readonly [first: number, last: number],
  other: Readonly<Record<string, string>>
) => {
  const members = Object.entries(other).flatMap(([column, value]) => [`'${column}'`, value])
  await pool.query({
    name: `${table} ${where}`,
    text: `
      WITH one AS (SELECT whole FROM ${table} whole WHERE ${where} LIMIT 1)
      INSERT INTO ${table}
      SELECT filled.*
      FROM one, generate_series($1::int, $2::int) n,
        jsonb_populate_record(one.whole, jsonb_build_object(${members.join(", ")})) filled`,
    values: [first, last]
  })
}

const lockspire: Fill = async (pool, _issuer, from, to) => {
  const part = (count: number) => [(from / 10) * count + 1, (to / 10) * count] as const
  const later = "now() + interval '1 day'"
  const grant = `'filled-' || (n % ${to / 10} + 1)`
  await copy(pool, "grants", "revoked_at IS NULL", part(1), { grant_id: "'filled-' || n", subject: "'person-' || n" })
  await copy(pool, "access_tokens", "revoked_at IS NULL AND grant_id IS NOT NULL", part(5), {
    token_hash: hash("access"),
    grant_id: grant,
    expires_at: later
  })
  await copy(pool, "refresh_tokens", "rotated_at IS NULL", part(1), {
    token_hash: hash("refresh"),
    grant_id: "'filled-' || n"
  })
  await copy(pool, "refresh_tokens", "rotated_at IS NOT NULL", part(4), {
    token_hash: hash("rotated"),
    grant_id: grant,
    sealed_response: "NULL::text"
  })
  await pool.query("VACUUM ANALYZE")
}

/** Lockspire's access tokens that are over for so long that nothing keeps them. */
export const fillExpired = async (pool: Pool, count: number): Promise<void> => {
  await copy(pool, "access_tokens", "revoked_at IS NULL AND grant_id IS NULL", [1, count], {
    token_hash: hash("expired"),
    expires_at: "now() - interval '1 day'"
  })
  await pool.query("VACUUM ANALYZE access_tokens")
}

const oidcProvider: Fill = async (pool, _issuer, from, to) => {
  await pool.query({
    name: "fill",
    text: `INSERT INTO oidc_models (model, id, payload, grant_id, expires_at)
      SELECT CASE WHEN n % 2 = 0 THEN 'AccessToken' ELSE 'RefreshToken' END, 'filled-' || md5(n::text),
        jsonb_build_object('iat', 1700000000, 'accountId', 'person-' || n % 1000, 'clientId', 'benchmark',
          'grantId', md5((n / 10)::text), 'scope', 'openid profile email', 'kind', 'AccessToken', 'jti', md5(n::text)),
        md5((n / 10)::text), now() + interval '14 days'
      FROM generate_series($1::int, $2::int) n`,
    values: [from + 1, to]
  })
  await pool.query("VACUUM ANALYZE")
}

const fills: Readonly<Record<string, Fill>> = {
  "lockspire-postgres": lockspire,
  "node-oidc-provider-postgres": oidcProvider
}

export const isFilled = (contender: string): boolean => Object.hasOwn(fills, contender)

export const fill = async (contender: string, url: string, issuer: string, from: number, to: number): Promise<void> => {
  const pool = new Pool({ connectionString: url, max: 1 })
  await fills[contender]!(pool, issuer, from, to)
  await pool.end()
}
