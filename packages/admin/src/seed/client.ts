/** A seed's client as the record that is stored. */
import { Client, Crypto, Metadata, SecretHash, SecretVerifier } from "@lockspire/core"
import { DateTime, Effect, Redacted, Schema } from "effect"
import { answered, secretMethods } from "./registered.ts"
import { namedClientMembers, type SeedClient } from "./Seed.ts"

type Secrets = Client.Client["secrets"]

const isSigningAlgorithm = Schema.is(Metadata.SigningAlgorithm)

/** The record, with RFC 7591 §2's defaults for what the seed leaves out. */
export const clientOf = (issuer: string, seed: SeedClient, secrets: Secrets, disabled: boolean): Client.Client => {
  const algorithm = seed.id_token_signed_response_alg
  const scope = seed.scope?.split(" ").filter((value) => value !== "")
  return Client.make({
    issuer,
    clientId: seed.client_id,
    clientName: seed.client_name,
    redirectUris: seed.redirect_uris ?? [],
    grantTypes: seed.grant_types ?? ["authorization_code"],
    responseTypes: seed.response_types ?? ["code"],
    tokenEndpointAuthMethod: seed.token_endpoint_auth_method ?? "client_secret_basic",
    scope: scope === undefined ? undefined : [...new Set(scope)],
    applicationType: seed.application_type ?? "web",
    idTokenSignedResponseAlg: isSigningAlgorithm(algorithm) ? algorithm : "RS256",
    defaultMaxAge: seed.default_max_age,
    firstParty: seed.first_party ?? false,
    dangerouslyAllowNoPkce: seed.dangerously_allow_no_pkce ?? false,
    introspectAllTokens: seed.introspect_all_tokens ?? false,
    metadata: metadataOf(seed),
    secrets,
    disabled
  })
}

/** The members without a column. A registration access token is a secret, so that none of those is ever copied. */
const metadataOf = (seed: SeedClient): Client.Client["metadata"] => {
  const algorithm = seed.id_token_signed_response_alg
  return Object.fromEntries([
    ...Object.entries(seed).flatMap(([name, value]): ReadonlyArray<readonly [string, Schema.Json]> =>
      namedClientMembers.has(name) || answered.has(name) || value === undefined ? [] : [[name, value]]
    ),
    // An algorithm that there is no column value for is kept for the version that can do it.
    ...(algorithm === undefined || isSigningAlgorithm(algorithm)
      ? []
      : [["id_token_signed_response_alg", algorithm] as const])
  ])
}

/**
 * The secrets of a client: the given one, under its stored hash when that fits; without one the stored ones; and where
 * the method needs one and there is none, 256 new random bits.
 */
export const secretsOf = Effect.fnUntraced(function* (seed: SeedClient, stored: Secrets) {
  const given = seed.client_secret
  if (given !== undefined) {
    const verifier = yield* SecretVerifier
    for (const secret of stored) {
      if (yield* verifier.verify(given, secret.hash)) return { secrets: stored, generated: undefined }
    }
    return { secrets: [yield* hashed(given)], generated: undefined }
  }
  if (!secretMethods.has(seed.token_endpoint_auth_method ?? "client_secret_basic")) {
    return { secrets: [], generated: undefined }
  }
  if (stored.length > 0) return { secrets: stored, generated: undefined }
  const generated = yield* Crypto.randomToken
  return { secrets: [yield* hashed(generated)], generated: Redacted.make(generated) }
})

const hashed = Effect.fnUntraced(function* (secret: string) {
  const { randomBytes } = yield* Crypto.Crypto
  const id = yield* randomBytes(8)
  return {
    secretId: [...id].map((byte) => byte.toString(16).padStart(2, "0")).join(""),
    hash: yield* SecretHash.hashSecret(secret),
    createdAt: yield* DateTime.now
  } satisfies Client.ClientSecret
})
