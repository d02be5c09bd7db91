/** Pseudonyms, one per sector and subject. The primary key decides whose candidate it becomes. */
import { PairwiseSubjectStore } from "@lockspire/core"
import { Effect, Layer, Option } from "effect"
import { client, first } from "./statement.ts"

export const layer = Layer.effect(
  PairwiseSubjectStore,
  Effect.map(client, (sql) => {
    const find = (issuer: string, sector: string, subject: string) =>
      first(
        sql<{ sub: string }>`
          SELECT sub FROM pairwise_subjects
          WHERE issuer = ${issuer} AND sector = ${sector} AND subject = ${subject}`,
        (row) => row.sub
      )
    return PairwiseSubjectStore.of({
      find,
      assign: Effect.fnUntraced(function* (issuer, sector, subject, candidate) {
        const known = yield* find(issuer, sector, subject)
        if (Option.isSome(known)) return known.value
        // Writing the value that is there makes the row's own come back to whoever was second.
        const assigned = yield* first(
          sql<{ sub: string }>`
            INSERT INTO pairwise_subjects (issuer, sector, subject, sub)
            VALUES (${issuer}, ${sector}, ${subject}, ${candidate})
            ON CONFLICT (issuer, sector, subject) DO UPDATE SET sub = pairwise_subjects.sub
            RETURNING sub`,
          (row) => row.sub
        )
        return Option.getOrThrow(assigned)
      })
    })
  })
)
