/** A registered client, RFC 6749 §2 and RFC 7591 §2. */
import { type DateTime, Schema } from "effect"
import { GrantType, SigningAlgorithm } from "../oauth/Metadata.ts"

/** One of a client's secrets, kept in one of two forms; it counts from `notBefore` until `expiresAt`. */
export const ClientSecret = Schema.Struct({
  secretId: Schema.String,
  /**
   * `sha256$<hash>` for a secret with at least 256 bits of its own, `pbkdf2-sha256$<iterations>$<salt>$<hash>` for one
   * that a person may have chosen. Undefined for a sealed one.
   */
  hash: Schema.UndefinedOr(Schema.String),
  /**
   * The secret itself, encrypted under the key-encryption key: only for `client_secret_jwt`, which verifies a MAC and so
   * needs it (OpenID Connect Core §9). Undefined for a hashed one.
   */
  sealed: Schema.UndefinedOr(Schema.Uint8Array),
  createdAt: Schema.DateTimeUtc,
  notBefore: Schema.UndefinedOr(Schema.DateTimeUtc),
  expiresAt: Schema.UndefinedOr(Schema.DateTimeUtc),
  /** To the hour: when it last authenticated the client. */
  lastUsedAt: Schema.UndefinedOr(Schema.DateTimeUtc)
})
export type ClientSecret = typeof ClientSecret.Type

/** A secret by what it states: hashed or sealed, and without the rest valid from now on and for ever. */
export const makeSecret = (
  stated: Partial<ClientSecret> & Pick<ClientSecret, "secretId" | "createdAt">
): ClientSecret => ({
  hash: undefined,
  sealed: undefined,
  notBefore: undefined,
  expiresAt: undefined,
  lastUsedAt: undefined,
  ...stated
})

/** Whether the secret counts at that time. */
export const isLiveSecret = ({ expiresAt, notBefore }: ClientSecret, at: DateTime.Utc): boolean =>
  (notBefore === undefined || notBefore.epochMilliseconds <= at.epochMilliseconds) &&
  (expiresAt === undefined || at.epochMilliseconds < expiresAt.epochMilliseconds)

/** What a sealed secret belongs to: moved to another client it cannot be opened. */
export const sealContext = (client: { readonly issuer: string; readonly clientId: string }, secretId: string): string =>
  `client-secret\0${client.issuer}\0${client.clientId}\0${secretId}`

export const Client = Schema.Struct({
  issuer: Schema.String,
  clientId: Schema.String,
  clientName: Schema.UndefinedOr(Schema.String),
  redirectUris: Schema.Array(Schema.String),
  grantTypes: Schema.Array(GrantType),
  responseTypes: Schema.Array(Schema.String),
  tokenEndpointAuthMethod: Schema.String,
  /** The scope values it may ask for; undefined for the standard ones and those of every resource. */
  scope: Schema.UndefinedOr(Schema.Array(Schema.String)),
  /** OpenID Connect Registration §2 `application_type`: `native` may use any loopback port (RFC 8252 §7.3). */
  applicationType: Schema.Literals(["web", "native"]),
  idTokenSignedResponseAlg: SigningAlgorithm,
  /** OpenID Connect Registration §2 `default_max_age`, seconds. */
  defaultMaxAge: Schema.UndefinedOr(Schema.Int),
  /** One of the operator's own: policy may spare its users the consent page. */
  firstParty: Schema.Boolean,
  /** Lets this one confidential client leave PKCE out, which makes a stolen code usable: off unless the operator insists. */
  dangerouslyAllowNoPkce: Schema.Boolean,
  /**
   * Lets this one client address its assertions to an endpoint, or to several URLs, instead of the issuer alone, as older
   * libraries do: whoever gets it to believe another server's endpoint is ours can use them here.
   */
  dangerouslyAllowEndpointAudience: Schema.Boolean,
  /** Lets this confidential client introspect every token of the issuer. */
  introspectAllTokens: Schema.Boolean,
  /** Every other registered metadata field, as it was given (RFC 7591 §2). */
  metadata: Schema.Record(Schema.String, Schema.Json),
  secrets: Schema.Array(ClientSecret),
  disabled: Schema.Boolean
})
export type Client = typeof Client.Type

/** A client by what it states; for the rest the defaults of RFC 7591 §2, and none of the exemptions. */
export const make = (stated: Partial<Client> & Pick<Client, "issuer" | "clientId">): Client => ({
  clientName: undefined,
  redirectUris: [],
  grantTypes: ["authorization_code"],
  responseTypes: ["code"],
  tokenEndpointAuthMethod: "client_secret_basic",
  scope: undefined,
  applicationType: "web",
  idTokenSignedResponseAlg: "RS256",
  defaultMaxAge: undefined,
  firstParty: false,
  dangerouslyAllowNoPkce: false,
  dangerouslyAllowEndpointAudience: false,
  introspectAllTokens: false,
  metadata: {},
  secrets: [],
  disabled: false,
  ...stated
})

/** RFC 6749 §2.1: whether the client can keep a credential. */
export const isConfidential = (client: Client): boolean => client.tokenEndpointAuthMethod !== "none"

/** A metadata field that is text, or undefined. */
export const textMetadata = (client: Pick<Client, "metadata">, name: string): string | undefined => {
  const value = Object.hasOwn(client.metadata, name) ? client.metadata[name] : undefined
  return typeof value === "string" ? value : undefined
}
