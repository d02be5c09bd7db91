/** A seed's client as the record that is stored. */
import { Client, Crypto, ManageClients, Metadata, Sealed, SecretVerifier } from "@lockspire/core"
import { DateTime, Effect, Option, Redacted, Schema } from "effect"
import { answered, secretMethods } from "./registered.ts"
import { metadataMembers, namedClientMembers, type SeedClient, type SeedSecret } from "./Seed.ts"

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
    dangerouslyAllowEndpointAudience: seed.dangerously_allow_endpoint_audience ?? false,
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
      (namedClientMembers.has(name) && !metadataMembers.has(name)) || answered.has(name) || value === undefined
        ? []
        : [[name, value]]
    ),
    // An algorithm that there is no column value for is kept for the version that can do it.
    ...(algorithm === undefined || isSigningAlgorithm(algorithm)
      ? []
      : [["id_token_signed_response_alg", algorithm] as const])
  ])
}

/**
 * The secrets of a client: the given ones, as they are stored when that fits; without any the stored ones; and where the
 * method needs one and there is none, 384 new random bits.
 */
export const secretsOf = Effect.fnUntraced(function* (issuer: string, seed: SeedClient, stored: Secrets) {
  const client = {
    issuer,
    clientId: seed.client_id,
    tokenEndpointAuthMethod: seed.token_endpoint_auth_method ?? "client_secret_basic"
  }
  const given = seed.client_secret
  if (given !== undefined) {
    for (const secret of stored) {
      if (yield* isStoredAs(client, given, secret)) return { secrets: stored, generated: undefined }
    }
    const secret = yield* ManageClients.makeSecret(client, Redacted.make(given))
    return { secrets: [secret], generated: undefined }
  }
  if (seed.client_secrets !== undefined) {
    const secrets = yield* Effect.forEach(seed.client_secrets, (one) => secretOf(client, one, stored))
    return { secrets, generated: undefined }
  }
  const usable = stored.filter((secret) => isSealed(client) === (secret.sealed !== undefined))
  if (!secretMethods.has(client.tokenEndpointAuthMethod)) return { secrets: [], generated: undefined }
  if (usable.length > 0) return { secrets: stored, generated: undefined }
  const generated = yield* ManageClients.generateSecret
  return { secrets: [yield* ManageClients.makeSecret(client, generated)], generated }
})

/** One of several secrets: as it is stored when it is there, valid as the seed says. */
const secretOf = Effect.fnUntraced(function* (client: Owner, seed: SeedSecret, stored: Secrets) {
  const validity = { notBefore: timeOf(seed.not_before), expiresAt: timeOf(seed.expires_at) }
  for (const secret of stored) {
    if (yield* isStoredAs(client, seed.client_secret, secret)) return { ...secret, ...validity }
  }
  return yield* ManageClients.makeSecret(client, Redacted.make(seed.client_secret), validity)
})

const timeOf = (text: string | undefined) =>
  Option.getOrUndefined(Option.flatMap(Option.fromUndefinedOr(text), DateTime.make))

type Owner = Pick<Client.Client, "issuer" | "clientId" | "tokenEndpointAuthMethod">

const isSealed = (client: Owner) => client.tokenEndpointAuthMethod === "client_secret_jwt"

/** Whether the stored secret is the given one, in the form that the client's method needs. */
const isStoredAs = Effect.fnUntraced(function* (client: Owner, given: string, secret: Client.ClientSecret) {
  if (!isSealed(client)) {
    return secret.hash !== undefined && (yield* SecretVerifier.use((verifier) => verifier.verify(given, secret.hash!)))
  }
  if (secret.sealed === undefined) return false
  const opened = yield* Sealed.open(secret.sealed, Client.sealContext(client, secret.secretId))
  return Option.exists(opened, (bytes) => Crypto.equal(bytes, Crypto.encode(given)))
})
