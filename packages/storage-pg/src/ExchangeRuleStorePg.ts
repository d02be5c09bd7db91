import { type ExchangeRule, ExchangeRuleStore } from "@lockspire/core"
import { Effect, Layer } from "effect"
import { all, client, done, wrote } from "./statement.ts"

interface Row {
  readonly issuer: string
  readonly name: string
  readonly client_id: string
  readonly subject_clients: ReadonlyArray<string>
  readonly targets: ReadonlyArray<string>
  readonly scopes: ReadonlyArray<string>
  readonly delegation: ExchangeRule.Delegation
}

const fromRow = (row: Row): ExchangeRule.ExchangeRule => ({
  issuer: row.issuer,
  name: row.name,
  clientId: row.client_id,
  subjectClients: row.subject_clients,
  targets: row.targets,
  scopes: row.scopes,
  delegation: row.delegation
})

export const layer = Layer.effect(
  ExchangeRuleStore,
  Effect.map(client, (sql) =>
    ExchangeRuleStore.of({
      list: (issuer) =>
        all(sql<Row>`SELECT * FROM exchange_rules WHERE issuer = ${issuer} ORDER BY name COLLATE "C"`, fromRow),
      ofClient: (issuer, clientId) =>
        all(
          sql<Row>`
            SELECT * FROM exchange_rules WHERE issuer = ${issuer} AND client_id = ${clientId}
            ORDER BY name COLLATE "C"`,
          fromRow
        ),
      put: (rule) =>
        done(sql`
          INSERT INTO exchange_rules ${sql.insert({
            issuer: rule.issuer,
            name: rule.name,
            client_id: rule.clientId,
            subject_clients: rule.subjectClients,
            targets: rule.targets,
            scopes: rule.scopes,
            delegation: rule.delegation
          })}
          ON CONFLICT (issuer, name) DO UPDATE SET
            client_id = excluded.client_id, subject_clients = excluded.subject_clients, targets = excluded.targets,
            scopes = excluded.scopes, delegation = excluded.delegation`),
      remove: (issuer, name) =>
        wrote(sql`DELETE FROM exchange_rules WHERE issuer = ${issuer} AND name = ${name} RETURNING 1`)
    })
  )
)
