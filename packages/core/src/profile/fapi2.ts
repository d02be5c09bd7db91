/** FAPI 2.0 Security Profile (Final) and Message Signing (Final), clause by clause: what concerns the server's answers. */
import type { MessageSigning } from "../issuer/Policy.ts"
import { isLoopback } from "../issuer/Issuer.ts"
import { supportedClientAuthenticationMethods } from "../oauth/Metadata.ts"
import { metadataOf, type Registration } from "./Registration.ts"
import type { Finding, Rule, Rules } from "./Rule.ts"

/** Security Profile §5.4.1: PS256, ES256 and EdDSA with Ed25519, which RFC 9864 names `Ed25519`. */
export const algorithms = ["PS256", "ES256", "EdDSA", "Ed25519"]
const list = "PS256, ES256 or EdDSA"

const methods = ["private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth"]
const confidential = supportedClientAuthenticationMethods.filter((method) => method !== "none")

const section = (item: string) => `FAPI 2.0 Security Profile §${item}`

/** The fields by which a client says how something is signed. */
const algorithmFields = [
  "token_endpoint_auth_signing_alg",
  "request_object_signing_alg",
  "userinfo_signed_response_alg",
  "authorization_signed_response_alg",
  "introspection_signed_response_alg"
]

/** Security Profile §5.3.2.2 no. 8: https, or of a native application its own scheme or loopback. */
export const isHttpsOrNative = (client: Registration, uri: string): boolean => {
  const url = URL.canParse(uri) ? new URL(uri) : undefined
  if (url === undefined || url.protocol === "https:") return url !== undefined
  return client.applicationType === "native" && (url.protocol !== "http:" || isLoopback(url.hostname))
}

/** PKCE, whatever the client was exempted from. */
export const withPkce = ({ dangerouslyAllowNoPkce }: Registration): Finding | undefined =>
  dangerouslyAllowNoPkce
    ? { problem: "the client may leave PKCE out", fix: "take dangerously_allow_no_pkce away" }
    : undefined

export const securityProfile: Rules = [
  {
    id: "fapi2-sp-confidential",
    section: section("5.3.2.1 no. 3"),
    demands: "only confidential clients",
    restricts: { clientAuthentication: confidential },
    client: ({ tokenEndpointAuthMethod }) =>
      tokenEndpointAuthMethod === "none"
        ? {
            problem: "the client is public",
            fix: "register token_endpoint_auth_method private_key_jwt, tls_client_auth or self_signed_tls_client_auth"
          }
        : undefined
  },
  {
    id: "fapi2-sp-sender-constrained",
    section: section("5.3.2.1 no. 4, 5"),
    demands: "only access tokens that are bound by DPoP or mutual TLS",
    restricts: { senderConstrained: true },
    client: (client, { mutualTls }) =>
      metadataOf(client, "tls_client_certificate_bound_access_tokens") === true && !mutualTls
        ? {
            problem: "the client wants certificate-bound tokens, and no client certificate reaches the server",
            fix: "let the server end TLS, or name the proxy that passes certificates on; or register dpop_bound_access_tokens"
          }
        : undefined
  },
  {
    id: "fapi2-sp-client-authentication",
    section: section("5.3.2.1 no. 6"),
    demands: "client authentication by private_key_jwt or mutual TLS",
    // A client that does not authenticate at all is the matter of the rule above, and exempt by that one.
    restricts: { clientAuthentication: [...methods, "none"] },
    client: ({ tokenEndpointAuthMethod: method }, { mutualTls }) => {
      if (method === "none") return undefined
      if (!methods.includes(method)) {
        return {
          problem: `the client authenticates by ${method}`,
          fix: "register token_endpoint_auth_method private_key_jwt, tls_client_auth or self_signed_tls_client_auth"
        }
      }
      return method.endsWith("tls_client_auth") && !mutualTls
        ? {
            problem: `the client authenticates by ${method}, and no client certificate reaches the server`,
            fix: "let the server end TLS, or name the proxy that passes certificates on"
          }
        : undefined
    }
  },
  {
    id: "fapi2-sp-audience",
    section: section("5.3.2.1 no. 8"),
    demands: "the issuer identifier, as a string, as the audience of client assertions",
    restricts: { issuerAudience: true },
    client: ({ dangerouslyAllowEndpointAudience }) =>
      dangerouslyAllowEndpointAudience
        ? {
            problem: "the client's assertions may name endpoints as their audience",
            fix: "take dangerously_allow_endpoint_audience away"
          }
        : undefined
  },
  {
    id: "fapi2-sp-code-lifetime",
    section: section("5.3.2.1 no. 11"),
    demands: "authorization codes that live 60 seconds at most",
    restricts: {},
    server: ({ authorizationCodeLifetime }) =>
      authorizationCodeLifetime > 60
        ? {
            problem: `authorization codes live ${authorizationCodeLifetime} seconds`,
            fix: "set authorizationCodeLifetime to 60 or less"
          }
        : undefined
  },
  {
    id: "fapi2-sp-pushed",
    section: section("5.3.2.2 no. 2, 3, 4"),
    demands: "only pushed authorization requests, of clients that authenticated",
    restricts: { pushedRequest: true }
  },
  {
    id: "fapi2-sp-pkce",
    section: section("5.3.2.2 no. 5"),
    demands: "PKCE with S256",
    restricts: { codeChallenge: true },
    client: withPkce
  },
  {
    id: "fapi2-sp-redirect-uri",
    section: section("5.3.2.2 no. 6"),
    demands: "redirect_uri in every pushed request",
    restricts: { redirectUriSent: true }
  },
  {
    id: "fapi2-sp-https-redirect",
    section: section("5.3.2.2 no. 8"),
    demands: "https redirect URIs, http on loopback for native applications alone",
    restricts: { httpsRedirect: true },
    client: (client) => {
      const plain = client.redirectUris.filter((uri) => !isHttpsOrNative(client, uri))
      return plain.length === 0
        ? undefined
        : {
            problem: `a redirect URI is not https: ${plain.join(", ")}`,
            fix: "register https redirect URIs, or application_type native for loopback ones"
          }
    }
  },
  {
    id: "fapi2-sp-pushed-lifetime",
    section: section("5.3.2.2 no. 12"),
    demands: "request_uri values that live less than 600 seconds",
    restricts: {},
    server: ({ pushedRequestLifetime }) =>
      pushedRequestLifetime >= 600
        ? {
            problem: `a request_uri lives ${pushedRequestLifetime} seconds`,
            fix: "set pushedRequestLifetime below 600"
          }
        : undefined
  },
  {
    id: "fapi2-sp-algorithms",
    section: section("5.4.1"),
    demands: `JWTs signed by ${list}`,
    restricts: { signingAlgorithms: algorithms },
    client: (client) => {
      // Whoever may get no code gets no ID token either.
      const ofIdToken = client.responseTypes.includes("code") ? ["id_token_signed_response_alg"] : []
      const others = [...algorithmFields, ...ofIdToken].flatMap((field) => {
        const value =
          field === "id_token_signed_response_alg" ? client.idTokenSignedResponseAlg : metadataOf(client, field)
        return typeof value === "string" && !algorithms.includes(value) ? [`${field} ${value}`] : []
      })
      return others.length === 0
        ? undefined
        : { problem: `the client is registered with ${others.join(", ")}`, fix: `register ${list}` }
    },
    server: ({ signingAlgorithms }) =>
      signingAlgorithms.some((one) => algorithms.includes(one))
        ? undefined
        : {
            problem: `there is no signing key of ${list}`,
            fix: "lockspire key generate --algorithm ES256, and after ten minutes again"
          }
  }
]

const signing = (item: string) => `FAPI 2.0 Message Signing §${item}`

const signed: Readonly<Record<MessageSigning[number], Rules>> = {
  requests: [
    {
      id: "fapi2-ms-requests",
      section: signing("5.3.1 no. 1"),
      demands: "signed request objects in pushed authorization requests",
      restricts: { signedRequest: true },
      client: (client) =>
        metadataOf(client, "jwks") === undefined && metadataOf(client, "jwks_uri") === undefined
          ? { problem: "the client has no key to sign requests with", fix: "register jwks or jwks_uri" }
          : undefined
    },
    {
      id: "fapi2-ms-request-lifetime",
      section: signing("5.3.1 no. 3, 4"),
      demands: "request objects whose nbf is 60 minutes old at most, and whose exp is 60 minutes after it at most",
      restricts: { requestObjectSeconds: 3600 }
    }
  ],
  responses: [
    {
      id: "fapi2-ms-responses",
      section: signing("5.4.1"),
      demands: "signed authorization responses (JARM)",
      restricts: { signedResponse: true }
    }
  ],
  introspection: [
    {
      id: "fapi2-ms-introspection",
      section: signing("5.5.1"),
      demands: "signed introspection responses (RFC 9701)",
      restricts: { signedIntrospection: true }
    }
  ]
}

/** The rules of Message Signing beyond those of the Security Profile, for the parts that were chosen. */
export const messageSigning = (parts: MessageSigning): Rules =>
  (["requests", "responses", "introspection"] as const)
    .filter((part) => parts.includes(part))
    .flatMap((part) => signed[part])

/** Every rule there is, for documentation and exemptions. */
export const everyRule: ReadonlyArray<Rule> = [
  ...securityProfile,
  ...messageSigning(["requests", "responses", "introspection"])
]
