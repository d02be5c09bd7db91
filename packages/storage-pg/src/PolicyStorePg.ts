import { Policy } from "@lockspire/core"
import { Effect, Layer, Option, Schema } from "effect"
import { client, done, first } from "./statement.ts"

const decode = Schema.decodeUnknownSync(Policy.PolicySettings)

export const layer = Layer.effect(
  Policy.PolicyStore,
  Effect.map(client, (sql) =>
    Policy.PolicyStore.of({
      find: (issuer) =>
        Effect.map(
          first(sql<{ settings: unknown }>`SELECT settings FROM policies WHERE issuer = ${issuer}`, (row) =>
            decode(row.settings)
          ),
          Option.getOrElse((): Policy.PolicySettings => ({}))
        ),
      put: (issuer, settings) =>
        done(sql`
          INSERT INTO policies ${sql.insert({ issuer, settings: JSON.stringify(settings) })}
          ON CONFLICT (issuer) DO UPDATE SET settings = excluded.settings`),
      change: (issuer, settings) =>
        done(sql`
          INSERT INTO policies ${sql.insert({ issuer, settings: JSON.stringify(settings) })}
          ON CONFLICT (issuer) DO UPDATE
          SET settings = (policies.settings - ${Object.keys(settings)}::text[]) || excluded.settings`)
    })
  )
)
