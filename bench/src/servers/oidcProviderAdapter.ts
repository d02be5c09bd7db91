/**
 * A PostgreSQL adapter for node-oidc-provider, as a careful user would write it: one table keyed by model and id, the
 * payload as jsonb, one prepared statement per call, partial indexes for what is looked up otherwise.
 */
import type { Pool } from "pg"

interface Payload {
  readonly grantId?: string
  readonly userCode?: string
  readonly uid?: string
  readonly [name: string]: unknown
}

interface Row {
  readonly payload: Payload
  readonly expired: boolean
  readonly consumed: string | null
}

const schema = `
  CREATE TABLE IF NOT EXISTS oidc_models (
    model text NOT NULL,
    id text NOT NULL,
    payload jsonb NOT NULL,
    grant_id text,
    user_code text,
    uid text,
    expires_at timestamptz,
    consumed_at timestamptz,
    PRIMARY KEY (model, id)
  );
  CREATE INDEX IF NOT EXISTS oidc_models_grant ON oidc_models (model, grant_id) WHERE grant_id IS NOT NULL;
  CREATE INDEX IF NOT EXISTS oidc_models_uid ON oidc_models (model, uid) WHERE uid IS NOT NULL;
  CREATE INDEX IF NOT EXISTS oidc_models_user_code ON oidc_models (model, user_code) WHERE user_code IS NOT NULL;
  CREATE INDEX IF NOT EXISTS oidc_models_expires_at ON oidc_models (expires_at)`

const columns = "payload, expires_at < now() AS expired, extract(epoch FROM consumed_at) AS consumed"

const toPayload = (row: Row | undefined): Payload | undefined => {
  if (row === undefined || row.expired) return undefined
  return row.consumed === null ? row.payload : { ...row.payload, consumed: Math.floor(Number(row.consumed)) }
}

export const postgresAdapter = async (pool: Pool) => {
  await pool.query(schema)
  const run = async (name: string, text: string, values: ReadonlyArray<unknown>): Promise<ReadonlyArray<Row>> =>
    (await pool.query({ name, text, values })).rows

  return class PostgresAdapter {
    readonly model: string

    constructor(model: string) {
      this.model = model
    }

    async upsert(id: string, payload: Payload, expiresIn: number | undefined) {
      const expiresAt = expiresIn === undefined ? null : new Date(Date.now() + expiresIn * 1000)
      await run(
        "upsert",
        `INSERT INTO oidc_models (model, id, payload, grant_id, user_code, uid, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (model, id) DO UPDATE SET payload = excluded.payload, grant_id = excluded.grant_id,
           user_code = excluded.user_code, uid = excluded.uid, expires_at = excluded.expires_at`,
        [
          this.model,
          id,
          JSON.stringify(payload),
          payload.grantId ?? null,
          payload.userCode ?? null,
          payload.uid ?? null,
          expiresAt
        ]
      )
    }

    async find(id: string) {
      const text = `SELECT ${columns} FROM oidc_models WHERE model = $1 AND id = $2`
      return toPayload((await run("find", text, [this.model, id]))[0])
    }

    async findByUid(uid: string) {
      const text = `SELECT ${columns} FROM oidc_models WHERE model = $1 AND uid = $2`
      return toPayload((await run("find-by-uid", text, [this.model, uid]))[0])
    }

    async findByUserCode(userCode: string) {
      const text = `SELECT ${columns} FROM oidc_models WHERE model = $1 AND user_code = $2`
      return toPayload((await run("find-by-user-code", text, [this.model, userCode]))[0])
    }

    async consume(id: string) {
      await run("consume", "UPDATE oidc_models SET consumed_at = now() WHERE model = $1 AND id = $2", [this.model, id])
    }

    async destroy(id: string) {
      await run("destroy", "DELETE FROM oidc_models WHERE model = $1 AND id = $2", [this.model, id])
    }

    async revokeByGrantId(grantId: string) {
      await run("revoke", "DELETE FROM oidc_models WHERE model = $1 AND grant_id = $2", [this.model, grantId])
    }
  }
}
