/** What a seed file may say: people, clients, resources and policy, in the wire's own names. */
import { Metadata, Policy, RefreshPolicy } from "@lockspire/core"
import { Schema } from "effect"
import { SeedExchangeRule, SeedTrustedIssuer } from "./grants.ts"

const optional = Schema.optionalKey
const texts = Schema.Array(Schema.NonEmptyString)

const lifetime = (description: string) =>
  Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 34_560_000 })).annotate({
    description: `${description}, in seconds; never longer than policy says`
  })

const tokenLifetime = (description: string) =>
  Schema.Int.check(Schema.isBetween({ minimum: 30, maximum: Policy.longestTokenLifetime })).annotate({
    description: `${description}, in seconds; never longer than policy says`
  })

export const SeedAccount = Schema.Struct({
  username: Schema.NonEmptyString,
  password: Schema.NonEmptyString,
  subject: optional(
    Schema.NonEmptyString.annotate({ description: "`sub`; the username unless given. Never reassign one." })
  ),
  claims: optional(
    Schema.Record(Schema.String, Schema.Json).annotate({ description: "OpenID Connect Core §5.1, for example `email`" })
  ),
  acr: optional(Schema.NonEmptyString.annotate({ description: "Stated about a password sign-in" })),
  amr: optional(texts.annotate({ description: 'RFC 8176; `["pwd"]` unless given' }))
})
export type SeedAccount = typeof SeedAccount.Type

/** A date and time with a zone, RFC 3339 §5.6. */
const time = Schema.String.check(
  Schema.isPattern(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,3})?(Z|[+-]\d{2}:\d{2})$/)
)

export const SeedSecret = Schema.Struct({
  client_secret: Schema.NonEmptyString,
  not_before: optional(time.annotate({ description: "From when it counts; at once unless given" })),
  expires_at: optional(time.annotate({ description: "Until when it counts; for ever unless given" }))
})
export type SeedSecret = typeof SeedSecret.Type

const Rest = Schema.Record(Schema.String, Schema.Json)
/** Undefined in the type alone, so that the declarations are right without `exactOptionalPropertyTypes` too. */
type OptionalRest = Schema.$Record<typeof Schema.String, Schema.UndefinedOr<typeof Schema.Json>>

export const SeedClient = Schema.StructWithRest(
  Schema.Struct({
    client_id: Schema.NonEmptyString,
    client_secret: optional(Schema.NonEmptyString),
    client_secrets: optional(
      Schema.Array(SeedSecret).annotate({
        description: "Several at once, instead of client_secret, so that one can replace another"
      })
    ),
    client_name: optional(Schema.String),
    redirect_uris: optional(texts),
    grant_types: optional(texts.annotate({ description: '`["authorization_code"]` unless given' })),
    response_types: optional(texts.annotate({ description: '`["code"]` unless given' })),
    token_endpoint_auth_method: optional(
      Schema.NonEmptyString.annotate({ description: "`client_secret_basic` unless given" })
    ),
    scope: optional(Schema.String.annotate({ description: "Space-separated; every known scope unless given" })),
    application_type: optional(Schema.Literals(["web", "native"])),
    id_token_signed_response_alg: optional(Schema.NonEmptyString.annotate({ description: "`RS256` unless given" })),
    default_max_age: optional(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2_147_483_647 }))),
    first_party: optional(
      Schema.Boolean.annotate({ description: "The operator's own: policy may spare its users the consent page" })
    ),
    dangerously_allow_no_pkce: optional(
      Schema.Boolean.annotate({ description: "Lets this one confidential client leave PKCE out" })
    ),
    dangerously_allow_endpoint_audience: optional(
      Schema.Boolean.annotate({
        description:
          "Lets this one client address its assertions to an endpoint URL, or to several, instead of the issuer"
      })
    ),
    introspect_all_tokens: optional(
      Schema.Boolean.annotate({ description: "Lets this confidential client introspect every token of the issuer" })
    ),
    refresh_token_rotation: optional(
      Schema.Literals(Policy.rotations).annotate({
        description: "Whether every use replaces the refresh token; `always` unless given. Policy may be stricter"
      })
    ),
    refresh_token_replay_window: optional(lifetime("How long a retried refresh is answered again")),
    refresh_token_replay_count: optional(
      Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1000 })).annotate({ description: "How often it is" })
    ),
    refresh_token_idle_lifetime: optional(lifetime("How long an unused refresh token lives")),
    refresh_token_absolute_lifetime: optional(lifetime("How long refresh tokens live, however often they are used")),
    access_token_lifetime: optional(tokenLifetime("How long its access tokens live")),
    id_token_lifetime: optional(tokenLifetime("How long its ID tokens live")),
    security_profile: optional(
      Policy.SecurityProfile.annotate({
        description: "The rules it is held to, beside those of the server; `none` unless given"
      })
    ),
    message_signing: optional(
      Policy.MessageSigning.annotate({
        description: "What `fapi_2_0_message_signing` signs for this client; everything unless given"
      })
    ),
    dangerously_exempt_from: optional(
      texts.annotate({
        description: "Rules of profiles that it is not held to, by the ids that `lockspire profile list` names"
      })
    ),
    dpop: optional(Policy.DpopUse.annotate({ description: "Whether its tokens have to be bound by DPoP (RFC 9449)" })),
    dpop_bound_access_tokens: optional(
      Schema.Boolean.annotate({ description: "RFC 9449 §5.2: its tokens are bound by DPoP" })
    ),
    tls_client_certificate_bound_access_tokens: optional(
      Schema.Boolean.annotate({ description: "RFC 8705 §3.4: its tokens are bound to its certificate" })
    ),
    require_pushed_authorization_requests: optional(
      Schema.Boolean.annotate({ description: "RFC 9126 §6: it pushes its authorization requests" })
    ),
    require_signed_request_object: optional(
      Schema.Boolean.annotate({ description: "RFC 9101 §10.5: it signs its authorization requests" })
    ),
    disabled: optional(Schema.Boolean.annotate({ description: "As it is stored unless given" }))
  }),
  [Rest as unknown as OptionalRest]
).annotate({ description: "Client metadata by its registered names (RFC 7591 §2, OpenID Connect Registration §2)" })
export type SeedClient = typeof SeedClient.Type

export const SeedResource = Schema.Struct({
  identifier: Schema.NonEmptyString.annotate({ description: "An absolute URI without a fragment (RFC 8707 §2)" }),
  scopes: optional(texts),
  accessTokenFormat: optional(
    Schema.Literals(["opaque", "jwt", "encrypted"]).annotate({
      description: "`opaque` unless given; `jwt` is RFC 9068, `encrypted` the same inside a JWE"
    })
  ),
  signingAlgorithm: optional(
    Metadata.SigningAlgorithm.annotate({ description: "Of JWT access tokens; `RS256` unless given" })
  ),
  accessTokenLifetime: optional(tokenLifetime("How long access tokens for it live")),
  dpop: optional(
    Policy.DpopUse.annotate({ description: "Whether its access tokens have to be bound by DPoP (RFC 9449)" })
  ),
  encryption: optional(
    Schema.Struct({
      alg: Metadata.EncryptionAlgorithm,
      enc: Metadata.ContentEncryption,
      jwks: Schema.Json.annotate({ description: "The resource's public keys (RFC 7517 §5)" })
    }).annotate({ description: "To whom its access tokens are encrypted" })
  ),
  introspectionClients: optional(
    texts.annotate({ description: "Clients that may introspect tokens for this resource" })
  )
})
export type SeedResource = typeof SeedResource.Type

export const Seed = Schema.Struct({
  $schema: optional(Schema.String),
  accounts: optional(Schema.Array(SeedAccount)),
  clients: optional(Schema.Array(SeedClient)),
  resources: optional(Schema.Array(SeedResource)),
  exchangeRules: optional(Schema.Array(SeedExchangeRule)),
  trustedIssuers: optional(Schema.Array(SeedTrustedIssuer)),
  policy: optional(Policy.PolicySettings)
}).annotate({ title: "Lockspire seed" })
export type Seed = typeof Seed.Type

/** The members of a client that the struct names: the rest is metadata. */
export const namedClientMembers: ReadonlySet<string> = new Set(Object.keys(SeedClient.schema.fields))

/** Of those the ones that are stored as metadata nevertheless: they have no column. */
export const metadataMembers: ReadonlySet<string> = new Set([
  ...RefreshPolicy.refreshMetadata,
  "access_token_lifetime",
  "id_token_lifetime",
  "security_profile",
  "message_signing",
  "dangerously_exempt_from",
  "dpop",
  "dpop_bound_access_tokens",
  "tls_client_certificate_bound_access_tokens",
  "require_pushed_authorization_requests",
  "require_signed_request_object"
])

/** The schema as a JSON Schema document, for editors. `seed.schema.json` is its copy. */
export const jsonSchema = (): object => {
  const { definitions, schema } = Schema.toJsonSchemaDocument(Seed, { onExcessProperty: "error" })
  const document = { $schema: "https://json-schema.org/draft/2020-12/schema", ...schema }
  return Object.keys(definitions).length === 0 ? document : { ...document, $defs: definitions }
}
