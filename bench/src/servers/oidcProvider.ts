/** node-oidc-provider in production mode, on its in-memory adapter or on PostgreSQL, doing what Lockspire does. */
import * as crypto from "node:crypto"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { Provider } from "oidc-provider"
import { Pool } from "pg"
import { clientJwks } from "../load/keys.ts"
import { api, client, keyClient, person } from "../load/Target.ts"
import { postgresAdapter } from "./oidcProviderAdapter.ts"
import { options, ready } from "./serving.ts"

const { port, url } = options as { readonly port: number; readonly url?: string }
const issuer = `http://localhost:${port}`

const keys = ["RS256", "ES256"].map((alg) => {
  const { privateKey } =
    alg === "ES256"
      ? crypto.generateKeyPairSync("ec", { namedCurve: "P-256" })
      : crypto.generateKeyPairSync("rsa", { modulusLength: 2048 })
  return { ...privateKey.export({ format: "jwk" }), alg, use: "sig" }
})

const day = 86_400
const provider = new Provider(issuer, {
  ...(url === undefined ? {} : { adapter: await postgresAdapter(new Pool({ connectionString: url, max: 10 })) }),
  jwks: { keys },
  cookies: { keys: [crypto.randomBytes(32).toString("base64url")] },
  clients: [
    {
      client_id: client.clientId,
      client_secret: client.clientSecret,
      redirect_uris: [client.redirectUri],
      grant_types: ["authorization_code", "refresh_token", "client_credentials"],
      response_types: ["code"],
      id_token_signed_response_alg: "ES256",
      token_endpoint_auth_method: "client_secret_basic"
    },
    {
      client_id: keyClient.clientId,
      redirect_uris: [keyClient.redirectUri],
      grant_types: ["authorization_code"],
      response_types: ["code"],
      id_token_signed_response_alg: "ES256",
      token_endpoint_auth_method: "private_key_jwt",
      token_endpoint_auth_signing_alg: "ES256",
      jwks: clientJwks,
      require_pushed_authorization_requests: true,
      dpop_bound_access_tokens: true
    }
  ],
  clientAuthMethods: ["client_secret_basic", "private_key_jwt"],
  claims: {
    openid: ["sub"],
    profile: ["name", "given_name", "family_name", "preferred_username", "locale", "updated_at"],
    email: ["email", "email_verified"]
  },
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    dPoP: { enabled: true },
    introspection: { enabled: true },
    pushedAuthorizationRequests: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: () => ({
        scope: api.scope,
        audience: api.identifier,
        accessTokenFormat: "jwt",
        jwt: { sign: { alg: "ES256" } }
      })
    },
    revocation: { enabled: true }
  },
  interactions: {
    url: (_context: unknown, interaction: { readonly uid: string }) => `/interaction/${interaction.uid}`
  },
  pkce: { required: () => true },
  rotateRefreshToken: true,
  ttl: {
    AccessToken: 600,
    AuthorizationCode: 60,
    ClientCredentials: 600,
    IdToken: 3600,
    RefreshToken: 14 * day,
    Grant: 90 * day,
    Session: day,
    Interaction: 3600
  },
  findAccount: (_context: unknown, sub: string) => ({
    accountId: sub,
    claims: () => ({ sub, ...person.claims })
  })
})

/** The host's part: signs in, and consents to everything that is asked. */
const interact = async (request: IncomingMessage, response: ServerResponse) => {
  const details = await provider.interactionDetails(request, response)
  const grant =
    details.grantId === undefined
      ? new provider.Grant({ accountId: person.subject, clientId: details.params.client_id })
      : await provider.Grant.find(details.grantId)
  grant.addOIDCScope(client.offlineScope)
  await provider.interactionFinished(
    request,
    response,
    { login: { accountId: person.subject, amr: ["pwd"] }, consent: { grantId: await grant.save() } },
    { mergeWithLastSubmission: false }
  )
}

const callback = provider.callback()
createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  if (request.url!.startsWith("/interaction/")) void interact(request, response)
  else void callback(request, response)
}).listen(port, "127.0.0.1", ready)
