/** Fills a contender's database with tokens that other people hold, all live: of ten tokens five are access tokens. */
import { Pool } from "pg"

/** `from` and `to` count tokens; rows of an earlier call are not written again. */
type Fill = (pool: Pool, issuer: string, from: number, to: number) => Promise<void>

const lockspire: Fill = async (pool, issuer, from, to) => {
  const run = (name: string, text: string, rows: readonly [number, number]) =>
    pool.query({ name, text, values: [issuer, ...rows] })
  const share = (part: number) => [(from / 10) * part + 1, (to / 10) * part] as const
  await run(
    "grants",
    `INSERT INTO grants (issuer, grant_id, client_id, subject, sid, scope, resources, claims_locales, auth_time, amr,
       created_at, expires_at)
     SELECT $1::text, 'filled-' || n, 'benchmark', 'person-' || n, 'sid-' || n, '{openid,profile,email,offline_access}',
       '{}', '{}', now(), '{pwd}', now(), now() + interval '90 days'
     FROM generate_series($2::int, $3::int) n`,
    share(1)
  )
  await run(
    "access",
    `INSERT INTO access_tokens (issuer, token_hash, grant_id, client_id, scope, audience, issued_at, expires_at)
     SELECT $1::text, translate(encode(sha256(('access' || n)::bytea), 'base64'), '+/=', '-_'),
       'filled-' || (n % ($3::int / 5) + 1), 'benchmark', '{openid,profile,email}', '{}', now(), now() + interval '1 day'
     FROM generate_series($2::int, $3::int) n`,
    share(5)
  )
  await run(
    "refresh",
    `INSERT INTO refresh_tokens (issuer, token_hash, grant_id, client_id, scope, issued_at, expires_at)
     SELECT $1::text, translate(encode(sha256(('refresh' || n)::bytea), 'base64'), '+/=', '-_'),
       'filled-' || n, 'benchmark', '{openid,profile,email}', now(), now() + interval '14 days'
     FROM generate_series($2::int, $3::int) n`,
    share(1)
  )
  await run(
    "rotated",
    `INSERT INTO refresh_tokens (issuer, token_hash, grant_id, client_id, scope, issued_at, expires_at, rotated_at,
       replay_until, request_hash)
     SELECT $1::text, translate(encode(sha256(('rotated' || n)::bytea), 'base64'), '+/=', '-_'),
       'filled-' || (n % ($3::int / 4) + 1), 'benchmark', '{openid,profile,email}', now(), now() + interval '14 days',
       now(), now(), 'request'
     FROM generate_series($2::int, $3::int) n`,
    share(4)
  )
  await pool.query("VACUUM ANALYZE")
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

export const fill = async (contender: string, url: string, issuer: string, from: number, to: number): Promise<void> => {
  const pool = new Pool({ connectionString: url, max: 1 })
  await (contender.startsWith("lockspire") ? lockspire : oidcProvider)(pool, issuer, from, to)
  await pool.end()
}
