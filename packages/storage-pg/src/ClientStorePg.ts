import { type Client, ClientStore } from "@lockspire/core"
import { Array, DateTime, Effect, Layer, Option, Result } from "effect"
import { Base64 } from "effect/encoding"
import { all, cannotBeStored, client, done, first, orUndefined, toDate, wrote } from "./statement.ts"
import { together } from "./together.ts"
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
  readonly dangerously_allow_endpoint_audience: boolean
  readonly introspect_all_tokens: boolean
  readonly metadata: Client.Client["metadata"]
  readonly disabled: boolean
  readonly secrets: ReadonlyArray<SecretRow>
}

/** Times as milliseconds and bytes as base64: how they come out of JSON. */
interface SecretRow {
  readonly secret_id: string
  readonly hash: string | null
  readonly sealed: string | null
  readonly created_at: number
  readonly not_before: number | null
  readonly expires_at: number | null
  readonly last_used_at: number | null
}

const time = (milliseconds: number | null) => (milliseconds === null ? undefined : DateTime.makeUnsafe(milliseconds))

const fromSecretRow = (row: SecretRow): Client.ClientSecret => ({
  secretId: row.secret_id,
  hash: orUndefined(row.hash),
  sealed: row.sealed === null ? undefined : Result.getOrThrow(Base64.decode(row.sealed)),
  createdAt: DateTime.makeUnsafe(row.created_at),
  notBefore: time(row.not_before),
  expiresAt: time(row.expires_at),
  lastUsedAt: time(row.last_used_at)
})

const toSecretRow = (issuer: string, client_id: string, secret: Client.ClientSecret) => ({
  issuer,
  client_id,
  secret_id: secret.secretId,
  hash: secret.hash,
  sealed: secret.sealed,
  created_at: toDate(secret.createdAt),
  not_before: secret.notBefore && toDate(secret.notBefore),
  expires_at: secret.expiresAt && toDate(secret.expiresAt),
  last_used_at: secret.lastUsedAt && toDate(secret.lastUsedAt)
})

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
  dangerouslyAllowEndpointAudience: row.dangerously_allow_endpoint_audience,
  introspectAllTokens: row.introspect_all_tokens,
  metadata: row.metadata,
  secrets: row.secrets.map(fromSecretRow),
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
  dangerously_allow_endpoint_audience: record.dangerouslyAllowEndpointAudience,
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
          'secret_id', secret_id, 'hash', hash, 'sealed', translate(encode(sealed, 'base64'), E'\\n', ''),
          'created_at', extract(epoch FROM created_at) * 1000, 'not_before', extract(epoch FROM not_before) * 1000,
          'expires_at', extract(epoch FROM expires_at) * 1000, 'last_used_at', extract(epoch FROM last_used_at) * 1000
        ) ORDER BY position)
        FROM client_secrets secrets WHERE secrets.issuer = clients.issuer AND secrets.client_id = clients.client_id
      ), '[]') AS secrets FROM clients`)

    // A client that calls often is asked for by many requests at once.
    const find = together(sql, (issuer, clientId) =>
      first(sql<Row>`${withSecrets} WHERE issuer = ${issuer} AND client_id = ${clientId}`, fromRow)
    )

    return ClientStore.of({
      find: (issuer, clientId) => (cannotBeStored(clientId) ? Effect.succeed(Option.none()) : find(issuer, clientId)),
      list: (issuer) => all(sql<Row>`${withSecrets} WHERE issuer = ${issuer} ORDER BY client_id COLLATE "C"`, fromRow),
      put: (record) => {
        const { client_id, issuer, ...fields } = toRow(record)
        const secrets = record.secrets.map((secret, position) => ({
          ...toSecretRow(issuer, client_id, secret),
          position
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
      changeMetadata: (issuer, clientId, metadata) =>
        wrote(sql`
          UPDATE clients SET metadata = (metadata - ${Object.keys(metadata)}::text[]) || ${JSON.stringify(metadata)}::jsonb
          WHERE issuer = ${issuer} AND client_id = ${clientId}
          RETURNING 1`),
      addSecret: (issuer, clientId, secret) => {
        const row = toSecretRow(issuer, clientId, secret)
        return within(sql)(
          Effect.gen(function* () {
            // The client's lock gives secrets that are added at once places of their own.
            const isThere = yield* wrote(
              sql`SELECT 1 FROM clients WHERE issuer = ${issuer} AND client_id = ${clientId} FOR UPDATE`
            )
            if (!isThere) return false
            return yield* wrote(sql`
              INSERT INTO client_secrets
                (issuer, client_id, secret_id, hash, sealed, created_at, not_before, expires_at, last_used_at, position)
              SELECT ${issuer}, ${clientId}, ${row.secret_id}, ${row.hash ?? null}, ${row.sealed ?? null}::bytea,
                ${row.created_at}::timestamptz, ${row.not_before ?? null}::timestamptz,
                ${row.expires_at ?? null}::timestamptz, ${row.last_used_at ?? null}::timestamptz,
                coalesce(max(position) + 1, 0)
              FROM client_secrets WHERE issuer = ${issuer} AND client_id = ${clientId}
              RETURNING 1`)
          })
        )
      },
      retireSecret: (issuer, clientId, secretId, at) =>
        wrote(sql`
          UPDATE client_secrets SET expires_at = ${toDate(at)}
          WHERE issuer = ${issuer} AND client_id = ${clientId} AND secret_id = ${secretId}
            AND (expires_at IS NULL OR expires_at > ${toDate(at)})
          RETURNING 1`),
      useSecret: (issuer, clientId, secretId, at) =>
        wrote(sql`
          UPDATE client_secrets SET last_used_at = ${toDate(at)}
          WHERE issuer = ${issuer} AND client_id = ${clientId} AND secret_id = ${secretId}
            AND (last_used_at IS NULL OR last_used_at < ${toDate(at)})
          RETURNING 1`),
      resealSecret: (issuer, clientId, secretId, from, to) =>
        wrote(sql`
          UPDATE client_secrets SET sealed = ${to}
          WHERE issuer = ${issuer} AND client_id = ${clientId} AND secret_id = ${secretId} AND sealed = ${from}
          RETURNING 1`),
      hasSlowSecret: (issuer) =>
        wrote(sql`SELECT 1 FROM client_secrets WHERE issuer = ${issuer} AND hash LIKE 'pbkdf2-sha256$%' LIMIT 1`)
    })
  })
)
