/** Bound tokens (RFC 7800), codes bound to a key (RFC 9449 §10), pushed authorization requests (RFC 9126). */
import { Effect } from "effect"
import { SqlClient } from "effect/sql"

export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`ALTER TABLE access_tokens ADD COLUMN confirmation jsonb`
  yield* sql`ALTER TABLE refresh_tokens ADD COLUMN confirmation jsonb`
  yield* sql`ALTER TABLE authorization_codes ADD COLUMN dpop_jkt text`
  yield* sql`ALTER TABLE resources ADD COLUMN dpop text`
  yield* sql`
    CREATE TABLE pushed_requests (
      issuer text NOT NULL,
      request_uri_hash text NOT NULL,
      client_id text NOT NULL,
      request json NOT NULL,
      expires_at timestamptz NOT NULL,
      used_at timestamptz,
      PRIMARY KEY (issuer, request_uri_hash)
    )`
  yield* sql`CREATE INDEX pushed_requests_expires_at ON pushed_requests (expires_at)`
})
