import { type Policy, type Resource, ResourceStore } from "@lockspire/core"
import { Effect, Layer } from "effect"
import { all, client, done, toJson } from "./statement.ts"

interface Row {
  readonly issuer: string
  readonly identifier: string
  readonly scopes: ReadonlyArray<string>
  readonly access_token_format: Resource.Resource["accessTokenFormat"]
  readonly signing_algorithm: Exclude<Resource.Resource["signingAlgorithm"], undefined> | null
  readonly access_token_lifetime: number | null
  readonly encryption: Resource.AccessTokenEncryption | null
  readonly dpop: Policy.DpopUse | null
  readonly introspection_clients: ReadonlyArray<string>
}

const fromRow = (row: Row): Resource.Resource => ({
  issuer: row.issuer,
  identifier: row.identifier,
  scopes: row.scopes,
  accessTokenFormat: row.access_token_format,
  ...(row.signing_algorithm === null ? {} : { signingAlgorithm: row.signing_algorithm }),
  ...(row.access_token_lifetime === null ? {} : { accessTokenLifetime: row.access_token_lifetime }),
  ...(row.encryption === null ? {} : { encryption: row.encryption }),
  ...(row.dpop === null ? {} : { dpop: row.dpop }),
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
            signing_algorithm: resource.signingAlgorithm ?? null,
            access_token_lifetime: resource.accessTokenLifetime ?? null,
            encryption: toJson(resource.encryption),
            dpop: resource.dpop ?? null,
            introspection_clients: resource.introspectionClients
          })}
          ON CONFLICT (issuer, identifier) DO UPDATE SET
            scopes = excluded.scopes, access_token_format = excluded.access_token_format,
            signing_algorithm = excluded.signing_algorithm,
            access_token_lifetime = excluded.access_token_lifetime, encryption = excluded.encryption,
            dpop = excluded.dpop,
            introspection_clients = excluded.introspection_clients`)
    })
  )
)
