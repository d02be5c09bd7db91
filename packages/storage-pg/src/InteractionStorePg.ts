import { type Interaction, InteractionStore } from "@lockspire/core"
import { Effect, Layer } from "effect"
import { decodeRequest, encodeRequest } from "./authorizationRequestRow.ts"
import { client, done, first, fromDate, orUndefined, prune, toDate, wrote } from "./statement.ts"

interface Row {
  readonly issuer: string
  readonly handle_hash: string
  readonly browser_hash: string | null
  readonly request: unknown
  readonly prompted: Interaction.Interaction["prompted"]
  readonly created_at: Date
  readonly expires_at: Date
  readonly subject: string | null
  readonly finished_at: Date | null
}

const fromRow = (row: Row): Interaction.Interaction => {
  const begun = {
    issuer: row.issuer,
    handleHash: row.handle_hash,
    browserHash: orUndefined(row.browser_hash),
    request: decodeRequest(row.request),
    createdAt: fromDate(row.created_at),
    expiresAt: fromDate(row.expires_at),
    prompted: row.prompted
  }
  if (row.finished_at !== null) return { _tag: "Finished", ...begun, finishedAt: fromDate(row.finished_at) }
  return row.subject === null ? { _tag: "Pending", ...begun } : { _tag: "Deciding", ...begun, subject: row.subject }
}

export const layer = Layer.effect(
  InteractionStore,
  Effect.map(client, (sql) => {
    const unfinished = (issuer: string, handleHash: string) =>
      sql`issuer = ${issuer} AND handle_hash = ${handleHash} AND finished_at IS NULL`

    return InteractionStore.of({
      insert: (interaction) =>
        done(
          sql`INSERT INTO interactions ${sql.insert({
            issuer: interaction.issuer,
            handle_hash: interaction.handleHash,
            browser_hash: interaction.browserHash,
            request: encodeRequest(interaction.request),
            prompted: interaction.prompted,
            created_at: toDate(interaction.createdAt),
            expires_at: toDate(interaction.expiresAt)
          })}`
        ),
      find: (issuer, handleHash) =>
        first(sql<Row>`SELECT * FROM interactions WHERE issuer = ${issuer} AND handle_hash = ${handleHash}`, fromRow),
      claim: (issuer, handleHash, browserHash) =>
        wrote(sql`
          UPDATE interactions SET browser_hash = ${browserHash}
          WHERE ${unfinished(issuer, handleHash)} AND browser_hash IS NULL
          RETURNING 1`),
      prompted: (issuer, handleHash, browserHash, prompt) =>
        wrote(sql`
          UPDATE interactions SET subject = NULL, prompted = array_append(array_remove(prompted, ${prompt}), ${prompt})
          WHERE ${unfinished(issuer, handleHash)} AND browser_hash = ${browserHash}
          RETURNING 1`),
      deciding: (issuer, handleHash, browserHash, subject) =>
        wrote(sql`
          UPDATE interactions SET subject = ${subject}
          WHERE ${unfinished(issuer, handleHash)} AND browser_hash = ${browserHash}
          RETURNING 1`),
      finish: (issuer, handleHash, browserHash, at, decidedBy) =>
        wrote(sql`
          UPDATE interactions SET finished_at = ${toDate(at)}, subject = NULL
          WHERE ${unfinished(issuer, handleHash)} AND browser_hash = ${browserHash} AND expires_at > ${toDate(at)}
            ${decidedBy === undefined ? sql`` : sql`AND subject = ${decidedBy}`}
          RETURNING 1`),
      prune: (before, limit) => prune(sql, "interactions", sql`expires_at < ${toDate(before)}`, limit)
    })
  })
)
