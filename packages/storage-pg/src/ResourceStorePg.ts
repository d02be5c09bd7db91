import { type Resource, ResourceStore } from "@lockspire/core"
import { Effect, Layer } from "effect"
import { all, client, done } from "./statement.ts"

interface Row {
  readonly issuer: string
  readonly identifier: string
  readonly scopes: ReadonlyArray<string>
  readonly access_token_format: Resource.Resource["accessTokenFormat"]
  readonly introspection_clients: ReadonlyArray<string>
}

const fromRow = (row: Row): Resource.Resource => ({
  issuer: row.issuer,
  identifier: row.identifier,
  scopes: row.scopes,
  accessTokenFormat: row.access_token_format,
  introspectionClients: row.introspection_clients
})

export const layer = Layer.effect(
  ResourceStore,
  Effect.map(client, (sql) =>
    ResourceStore.of({
      list: (issuer) =>
        all(sql<Row>`SELECT * FROM resources WHERE issuer = ${issuer} ORDER BY identifier COLLATE "C"`, fromRow),
      put: (resource) =>
        done(sql`
          INSERT INTO resources ${sql.insert({
            issuer: resource.issuer,
            identifier: resource.identifier,
            scopes: resource.scopes,
            access_token_format: resource.accessTokenFormat,
            introspection_clients: resource.introspectionClients
          })}
          ON CONFLICT (issuer, identifier) DO UPDATE SET
            scopes = excluded.scopes, access_token_format = excluded.access_token_format,
            introspection_clients = excluded.introspection_clients`)
    })
  )
)
