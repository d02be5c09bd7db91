/**
 * The first schema. Every key begins with `issuer`, so that no statement can reach across issuers by an index that
 * forgot it. A state is told by the facts it carries (`revoked_at`, `rotated_at`, …), never by a status word.
 */
import { Effect } from "effect"
import { SqlClient } from "effect/sql"

const people = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`
    CREATE TABLE accounts (
      issuer text NOT NULL,
      subject text NOT NULL,
      username text NOT NULL,
      password_hash text NOT NULL,
      claims jsonb NOT NULL,
      acr text,
      amr text[] NOT NULL,
      PRIMARY KEY (issuer, subject),
      UNIQUE (issuer, username)
    )`
  yield* sql`
    CREATE TABLE account_sessions (
      issuer text NOT NULL,
      session_hash text NOT NULL,
      subject text NOT NULL,
      auth_time timestamptz NOT NULL,
      acr text,
      amr text[] NOT NULL,
      expires_at timestamptz NOT NULL,
      PRIMARY KEY (issuer, session_hash)
    )`
  yield* sql`CREATE INDEX account_sessions_expires_at ON account_sessions (expires_at)`
})

const operation = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`
    CREATE TABLE audit_events (
      issuer text NOT NULL,
      id bigint GENERATED ALWAYS AS IDENTITY,
      at timestamptz NOT NULL,
      action text NOT NULL,
      actor_type text NOT NULL,
      actor_id text NOT NULL,
      target_type text NOT NULL,
      target_id text NOT NULL,
      reason text,
      PRIMARY KEY (issuer, id)
    )`
  yield* sql`CREATE INDEX audit_events_at ON audit_events (at)`
  yield* sql`
    CREATE TABLE policies (
      issuer text PRIMARY KEY,
      settings jsonb NOT NULL
    )`
  yield* sql`
    CREATE TABLE signing_keys (
      issuer text NOT NULL,
      kid text NOT NULL,
      algorithm text NOT NULL,
      public_jwk jsonb NOT NULL,
      sealed_private_jwk bytea NOT NULL,
      created_at timestamptz NOT NULL,
      activated_at timestamptz,
      retiring_since timestamptz,
      retired_at timestamptz,
      PRIMARY KEY (issuer, kid)
    )`
  yield* sql`
    CREATE UNIQUE INDEX signing_keys_one_active ON signing_keys (issuer, algorithm)
    WHERE activated_at IS NOT NULL AND retiring_since IS NULL AND retired_at IS NULL`
  yield* sql`CREATE INDEX signing_keys_retired_at ON signing_keys (retired_at) WHERE retired_at IS NOT NULL`
})

const registration = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`
    CREATE TABLE resources (
      issuer text NOT NULL,
      identifier text NOT NULL,
      scopes text[] NOT NULL,
      access_token_format text NOT NULL,
      signing_algorithm text,
      access_token_lifetime integer,
      encryption json,
      introspection_clients text[] NOT NULL,
      PRIMARY KEY (issuer, identifier)
    )`
  yield* sql`
    CREATE TABLE exchange_rules (
      issuer text NOT NULL,
      name text NOT NULL,
      client_id text NOT NULL,
      subject_clients text[] NOT NULL,
      targets text[] NOT NULL,
      scopes text[] NOT NULL,
      delegation text NOT NULL,
      PRIMARY KEY (issuer, name)
    )`
  yield* sql`CREATE INDEX exchange_rules_client ON exchange_rules (issuer, client_id)`
  yield* sql`
    CREATE TABLE trusted_issuers (
      issuer text NOT NULL,
      identifier text NOT NULL,
      jwks jsonb,
      jwks_uri text,
      audience text,
      identity_assertions boolean NOT NULL,
      clients text[],
      scopes text[],
      PRIMARY KEY (issuer, identifier)
    )`
  yield* sql`
    CREATE TABLE clients (
      issuer text NOT NULL,
      client_id text NOT NULL,
      client_name text,
      redirect_uris text[] NOT NULL,
      grant_types text[] NOT NULL,
      response_types text[] NOT NULL,
      token_endpoint_auth_method text NOT NULL,
      scope text[],
      application_type text NOT NULL,
      id_token_signed_response_alg text NOT NULL,
      default_max_age integer,
      first_party boolean NOT NULL,
      dangerously_allow_no_pkce boolean NOT NULL,
      dangerously_allow_endpoint_audience boolean NOT NULL,
      introspect_all_tokens boolean NOT NULL,
      metadata jsonb NOT NULL,
      disabled boolean NOT NULL,
      PRIMARY KEY (issuer, client_id)
    )`
  yield* sql`
    CREATE TABLE client_secrets (
      issuer text NOT NULL,
      client_id text NOT NULL,
      secret_id text NOT NULL,
      position integer NOT NULL,
      hash text,
      sealed bytea,
      created_at timestamptz NOT NULL,
      not_before timestamptz,
      expires_at timestamptz,
      last_used_at timestamptz,
      PRIMARY KEY (issuer, client_id, secret_id),
      CHECK (num_nonnulls(hash, sealed) = 1),
      FOREIGN KEY (issuer, client_id) REFERENCES clients (issuer, client_id) ON DELETE CASCADE
    )`
  yield* sql`CREATE INDEX client_secrets_slow ON client_secrets (issuer) WHERE hash LIKE 'pbkdf2-sha256$%'`
})

// Tokens and codes have no foreign key to their grant: a grant may be pruned before them, and a token without a grant
// is dead by the join that reads it.
const tokens = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  // `json`, not `jsonb`, for what came from a browser: jsonb refuses some strings that are valid JSON ("\u0000").
  yield* sql`
    CREATE TABLE grants (
      issuer text NOT NULL,
      grant_id text NOT NULL,
      client_id text NOT NULL,
      subject text NOT NULL,
      sub text NOT NULL,
      sid text NOT NULL,
      scope text[] NOT NULL,
      resources text[] NOT NULL,
      authorization_details json,
      claims json,
      claims_locales text[] NOT NULL,
      auth_time timestamptz NOT NULL,
      acr text,
      amr text[] NOT NULL,
      created_at timestamptz NOT NULL,
      expires_at timestamptz NOT NULL,
      revoked_at timestamptz,
      revoked_because text,
      PRIMARY KEY (issuer, grant_id),
      CHECK ((revoked_at IS NULL) = (revoked_because IS NULL))
    )`
  yield* sql`CREATE INDEX grants_live_of_subject ON grants (issuer, subject, client_id) WHERE revoked_at IS NULL`
  yield* sql`CREATE INDEX grants_expires_at ON grants (expires_at)`
  yield* sql`CREATE INDEX grants_revoked_at ON grants (revoked_at) WHERE revoked_at IS NOT NULL`
  yield* sql`
    CREATE TABLE access_tokens (
      issuer text NOT NULL,
      token_hash text NOT NULL,
      grant_id text,
      client_id text NOT NULL,
      subject text NOT NULL,
      actor json,
      authorization_details json,
      scope text[] NOT NULL,
      audience text[] NOT NULL,
      issued_at timestamptz NOT NULL,
      expires_at timestamptz NOT NULL,
      revoked_at timestamptz,
      PRIMARY KEY (issuer, token_hash)
    )`
  yield* sql`CREATE INDEX access_tokens_expires_at ON access_tokens (expires_at)`
  yield* sql`
    CREATE TABLE refresh_tokens (
      issuer text NOT NULL,
      token_hash text NOT NULL,
      grant_id text NOT NULL,
      client_id text NOT NULL,
      scope text[] NOT NULL,
      issued_at timestamptz NOT NULL,
      expires_at timestamptz NOT NULL,
      rotated_at timestamptz,
      replay_until timestamptz,
      request_hash text,
      replays integer NOT NULL DEFAULT 0,
      sealed_response bytea,
      PRIMARY KEY (issuer, token_hash),
      CHECK (num_nulls(rotated_at, replay_until, request_hash) IN (0, 3)),
      CHECK (rotated_at IS NOT NULL OR sealed_response IS NULL)
    )`
  yield* sql`CREATE UNIQUE INDEX refresh_tokens_one_live ON refresh_tokens (issuer, grant_id) WHERE rotated_at IS NULL`
  yield* sql`CREATE INDEX refresh_tokens_grant ON refresh_tokens (issuer, grant_id)`
  yield* sql`CREATE INDEX refresh_tokens_expires_at ON refresh_tokens (expires_at)`
  yield* sql`
    CREATE INDEX refresh_tokens_sealed_response ON refresh_tokens (replay_until) WHERE sealed_response IS NOT NULL`
})

const authorization = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`
    CREATE TABLE consents (
      issuer text NOT NULL,
      subject text NOT NULL,
      client_id text NOT NULL,
      scope text[] NOT NULL,
      claims text[] NOT NULL,
      resources text[] NOT NULL,
      details text[] NOT NULL,
      granted_at timestamptz NOT NULL,
      expires_at timestamptz NOT NULL,
      PRIMARY KEY (issuer, subject, client_id)
    )`
  yield* sql`CREATE INDEX consents_expires_at ON consents (expires_at)`
  yield* sql`
    CREATE TABLE interactions (
      issuer text NOT NULL,
      handle_hash text NOT NULL,
      browser_hash text,
      request json NOT NULL,
      prompted text[] NOT NULL,
      created_at timestamptz NOT NULL,
      expires_at timestamptz NOT NULL,
      subject text,
      finished_at timestamptz,
      PRIMARY KEY (issuer, handle_hash),
      CHECK (subject IS NULL OR finished_at IS NULL)
    )`
  yield* sql`CREATE INDEX interactions_expires_at ON interactions (expires_at)`
  yield* sql`
    CREATE TABLE authorization_codes (
      issuer text NOT NULL,
      code_hash text NOT NULL,
      grant_id text NOT NULL,
      client_id text NOT NULL,
      redirect_uri text NOT NULL,
      redirect_uri_sent boolean NOT NULL,
      code_challenge text,
      nonce text,
      expires_at timestamptz NOT NULL,
      redeemed_at timestamptz,
      PRIMARY KEY (issuer, code_hash)
    )`
  yield* sql`CREATE INDEX authorization_codes_expires_at ON authorization_codes (expires_at)`
})

const pseudonyms = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`
    CREATE TABLE pairwise_subjects (
      issuer text NOT NULL,
      sector text NOT NULL,
      subject text NOT NULL,
      sub text NOT NULL,
      PRIMARY KEY (issuer, sector, subject)
    )`
})

const replay = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`
    CREATE TABLE replays (
      issuer text NOT NULL,
      purpose text NOT NULL,
      value_hash text NOT NULL,
      until timestamptz NOT NULL,
      PRIMARY KEY (issuer, purpose, value_hash)
    )`
  yield* sql`CREATE INDEX replays_until ON replays (until)`
})

export default Effect.all([people, operation, registration, tokens, authorization, pseudonyms, replay], {
  discard: true
})
