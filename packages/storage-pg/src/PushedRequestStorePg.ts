import { type PushedRequest, PushedRequestStore } from "@lockspire/core"
import { Effect, Layer } from "effect"
import { decodeRequest, encodeRequest } from "./authorizationRequestRow.ts"
import { inserting } from "./issuing.ts"
import { client, done, first, fromDate, prune, toDate, wrote } from "./statement.ts"

interface Row {
  readonly issuer: string
  readonly request_uri_hash: string
  readonly client_id: string
  readonly request: unknown
  readonly expires_at: Date
  readonly used_at: Date | null
}

const fromRow = (row: Row): PushedRequest.PushedRequest => {
  const pushed = {
    issuer: row.issuer,
    requestUriHash: row.request_uri_hash,
    clientId: row.client_id,
    request: decodeRequest(row.request),
    expiresAt: fromDate(row.expires_at)
  }
  return row.used_at === null
    ? { _tag: "Pushed", ...pushed }
    : { _tag: "Used", ...pushed, usedAt: fromDate(row.used_at) }
}

export const layer = Layer.effect(
  PushedRequestStore,
  Effect.map(client, (sql) =>
    PushedRequestStore.of({
      insert: (pushed, events) => {
        const row = {
          issuer: pushed.issuer,
          request_uri_hash: pushed.requestUriHash,
          client_id: pushed.clientId,
          request: encodeRequest(pushed.request),
          expires_at: toDate(pushed.expiresAt)
        }
        return done(sql`
          WITH pushed AS (INSERT INTO pushed_requests ${sql.insert(row)})
          ${inserting(sql, events)}`)
      },
      find: (issuer, requestUriHash) =>
        first(
          sql<Row>`SELECT * FROM pushed_requests WHERE issuer = ${issuer} AND request_uri_hash = ${requestUriHash}`,
          fromRow
        ),
      // The single-use gate, RFC 9126 §7.3: the row moves only if nobody moved it first.
      use: (issuer, requestUriHash, clientId, at, events) =>
        wrote(sql`
          WITH used AS (
            UPDATE pushed_requests SET used_at = ${toDate(at)}
            WHERE issuer = ${issuer} AND request_uri_hash = ${requestUriHash} AND client_id = ${clientId}
              AND used_at IS NULL
            RETURNING 1
          ), logged AS (${inserting(sql, events, "used")})
          SELECT 1 FROM used`),
      prune: (before, limit) => prune(sql, "pushed_requests", sql`expires_at < ${toDate(before)}`, limit)
    })
  )
)
