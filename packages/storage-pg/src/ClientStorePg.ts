import { type Client, ClientStore } from "@lockspire/core"
import { Array, DateTime, Effect, Layer, Option } from "effect"
import { all, cannotBeStored, client, done, first, orUndefined, toDate, wrote } from "./statement.ts"
import { within } from "./TransactionPg.ts"

interface Row {
  readonly issuer: string
  readonly client_id: string
  readonly client_name: string | null
  readonly redirect_uris: ReadonlyArray<string>
  readonly grant_types: ReadonlyArray<string>
  readonly response_types: ReadonlyArray<string>
  readonly token_endpoint_auth_method: string
  readonly scope: ReadonlyArray<string> | null
  readonly application_type: Client.Client["applicationType"]
  readonly id_token_signed_response_alg: Client.Client["idTokenSignedResponseAlg"]
  readonly default_max_age: number | null
  readonly first_party: boolean
  readonly dangerously_allow_no_pkce: boolean
  readonly introspect_all_tokens: boolean
  readonly metadata: Client.Client["metadata"]
  readonly disabled: boolean
  readonly secrets: ReadonlyArray<{ readonly secret_id: string; readonly hash: string; readonly created_at: number }>
}

const fromRow = (row: Row): Client.Client => ({
  issuer: row.issuer,
  clientId: row.client_id,
  clientName: orUndefined(row.client_name),
  redirectUris: row.redirect_uris,
  grantTypes: row.grant_types,
  responseTypes: row.response_types,
  tokenEndpointAuthMethod: row.token_endpoint_auth_method,
  scope: orUndefined(row.scope),
  applicationType: row.application_type,
  idTokenSignedResponseAlg: row.id_token_signed_response_alg,
  defaultMaxAge: orUndefined(row.default_max_age),
  firstParty: row.first_party,
  dangerouslyAllowNoPkce: row.dangerously_allow_no_pkce,
  introspectAllTokens: row.introspect_all_tokens,
  metadata: row.metadata,
  secrets: row.secrets.map((secret) => ({
    secretId: secret.secret_id,
    hash: secret.hash,
    createdAt: DateTime.makeUnsafe(secret.created_at)
  })),
  disabled: row.disabled
})

const toRow = (record: Client.Client) => ({
  issuer: record.issuer,
  client_id: record.clientId,
  client_name: record.clientName,
  redirect_uris: record.redirectUris,
  grant_types: record.grantTypes,
  response_types: record.responseTypes,
  token_endpoint_auth_method: record.tokenEndpointAuthMethod,
  scope: record.scope,
  application_type: record.applicationType,
  id_token_signed_response_alg: record.idTokenSignedResponseAlg,
  default_max_age: record.defaultMaxAge,
  first_party: record.firstParty,
  dangerously_allow_no_pkce: record.dangerouslyAllowNoPkce,
  introspect_all_tokens: record.introspectAllTokens,
  metadata: JSON.stringify(record.metadata),
  disabled: record.disabled
})

export const layer = Layer.effect(
  ClientStore,
  Effect.map(client, (sql) => {
    const withSecrets = sql.literal(`
      SELECT clients.*, coalesce((
        SELECT json_agg(json_build_object(
          'secret_id', secret_id, 'hash', hash, 'created_at', extract(epoch FROM created_at) * 1000
        ) ORDER BY position)
        FROM client_secrets secrets WHERE secrets.issuer = clients.issuer AND secrets.client_id = clients.client_id
      ), '[]') AS secrets FROM clients`)

    return ClientStore.of({
      find: (issuer, clientId) =>
        cannotBeStored(clientId)
          ? Effect.succeed(Option.none())
          : first(sql<Row>`${withSecrets} WHERE issuer = ${issuer} AND client_id = ${clientId}`, fromRow),
      list: (issuer) => all(sql<Row>`${withSecrets} WHERE issuer = ${issuer} ORDER BY client_id COLLATE "C"`, fromRow),
      put: (record) => {
        const { client_id, issuer, ...fields } = toRow(record)
        const secrets = record.secrets.map((secret, position) => ({
          issuer,
          client_id,
          position,
          secret_id: secret.secretId,
          hash: secret.hash,
          created_at: toDate(secret.createdAt)
        }))
        return within(sql)(
          Effect.gen(function* () {
            // The row's lock keeps two replacements of one client from mixing their secrets.
            yield* done(sql`
              INSERT INTO clients ${sql.insert({ issuer, client_id, ...fields })}
              ON CONFLICT (issuer, client_id) DO UPDATE SET
              ${sql.csv(Object.keys(fields).map((column) => sql`${sql(column)} = excluded.${sql(column)}`))}`)
            yield* done(sql`DELETE FROM client_secrets WHERE issuer = ${issuer} AND client_id = ${client_id}`)
            if (Array.isArrayNonEmpty(secrets)) yield* done(sql`INSERT INTO client_secrets ${sql.insert(secrets)}`)
          })
        )
      },
      hasSlowSecret: (issuer) =>
        wrote(sql`SELECT 1 FROM client_secrets WHERE issuer = ${issuer} AND hash NOT LIKE 'sha256$%' LIMIT 1`)
    })
  })
)
