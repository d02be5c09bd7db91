import { type TrustedIssuer, TrustedIssuerStore } from "@lockspire/core"
import { Effect, Layer, Option, type Schema } from "effect"
import { all, cannotBeStored, client, done, first, orUndefined, toJson, wrote } from "./statement.ts"

interface Row {
  readonly issuer: string
  readonly identifier: string
  readonly jwks: Schema.Json
  readonly jwks_uri: string | null
  readonly audience: string | null
  readonly identity_assertions: boolean
  readonly clients: ReadonlyArray<string> | null
  readonly scopes: ReadonlyArray<string> | null
}

const fromRow = (row: Row): TrustedIssuer.TrustedIssuer => ({
  issuer: row.issuer,
  identifier: row.identifier,
  jwks: row.jwks === null ? undefined : row.jwks,
  jwksUri: orUndefined(row.jwks_uri),
  audience: orUndefined(row.audience),
  identityAssertions: row.identity_assertions,
  clients: orUndefined(row.clients),
  scopes: orUndefined(row.scopes)
})

export const layer = Layer.effect(
  TrustedIssuerStore,
  Effect.map(client, (sql) =>
    TrustedIssuerStore.of({
      find: (issuer, identifier) =>
        cannotBeStored(identifier)
          ? Effect.succeed(Option.none())
          : first(
              sql<Row>`SELECT * FROM trusted_issuers WHERE issuer = ${issuer} AND identifier = ${identifier}`,
              fromRow
            ),
      list: (issuer) =>
        all(sql<Row>`SELECT * FROM trusted_issuers WHERE issuer = ${issuer} ORDER BY identifier COLLATE "C"`, fromRow),
      put: (trusted) =>
        done(sql`
          INSERT INTO trusted_issuers ${sql.insert({
            issuer: trusted.issuer,
            identifier: trusted.identifier,
            jwks: toJson(trusted.jwks),
            jwks_uri: trusted.jwksUri,
            audience: trusted.audience,
            identity_assertions: trusted.identityAssertions,
            clients: trusted.clients,
            scopes: trusted.scopes
          })}
          ON CONFLICT (issuer, identifier) DO UPDATE SET
            jwks = excluded.jwks, jwks_uri = excluded.jwks_uri, audience = excluded.audience,
            identity_assertions = excluded.identity_assertions, clients = excluded.clients, scopes = excluded.scopes`),
      remove: (issuer, identifier) =>
        wrote(sql`DELETE FROM trusted_issuers WHERE issuer = ${issuer} AND identifier = ${identifier} RETURNING 1`)
    })
  )
)
