/** better-auth with `@better-auth/oauth-provider` in production mode on PostgreSQL, doing what Lockspire does. */
import { oauthProvider } from "@better-auth/oauth-provider"
import { betterAuth, type BetterAuthPlugin } from "better-auth"
import { getMigrations } from "better-auth/db/migration"
import { toNodeHandler } from "better-auth/node"
import { jwt } from "better-auth/plugins"
import * as crypto from "node:crypto"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { Pool } from "pg"
import { api, client, person } from "../load/Target.ts"
import { options, ready } from "./serving.ts"

const { port, url } = options as { readonly port: number; readonly url: string }
const issuer = `http://localhost:${port}`
const day = 86_400
const password = crypto.randomBytes(24).toString("base64url")

const config = {
  baseURL: issuer,
  basePath: "/auth",
  secret: crypto.randomBytes(32).toString("base64url"),
  database: new Pool({ connectionString: url, max: 10 }),
  emailAndPassword: { enabled: true },
  logger: { level: "error" },
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
  // Their types do not hold under exactOptionalPropertyTypes.
  plugins: [
    jwt({ jwks: { keyPairConfig: { alg: "ES256" } }, jwt: { issuer } }),
    oauthProvider({
      loginPage: "/sign-in",
      consentPage: "/consent",
      scopes: [...client.offlineScope.split(" "), api.scope],
      resources: [{ identifier: api.identifier, allowedScopes: [api.scope], signingAlgorithm: "ES256" }],
      enforcePerClientResources: false,
      accessTokenExpiresIn: 600,
      m2mAccessTokenExpiresIn: 600,
      codeExpiresIn: 60,
      idTokenExpiresIn: 3600,
      refreshTokenExpiresIn: 14 * day,
      customUserInfoClaims: () => person.claims
    })
  ] as ReadonlyArray<object> as Array<BetterAuthPlugin>
} as const

await (await getMigrations(config)).runMigrations()
const auth = betterAuth(config)
const context = await auth.$context

await context.adapter.create({
  model: "user",
  data: {
    id: person.subject,
    name: person.claims.name,
    email: person.claims.email,
    emailVerified: true,
    createdAt: new Date(),
    updatedAt: new Date()
  },
  forceAllowId: true
})
await context.internalAdapter.linkAccount({
  userId: person.subject,
  accountId: person.subject,
  providerId: "credential",
  password: await context.password.hash(password)
})
await context.adapter.create({
  model: "oauthClient",
  data: {
    clientId: client.clientId,
    // As its default, `hashed`, keeps secrets.
    clientSecret: crypto.createHash("sha256").update(client.clientSecret).digest("base64url"),
    redirectUris: [client.redirectUri],
    grantTypes: ["authorization_code", "refresh_token", "client_credentials"],
    responseTypes: ["code"],
    scopes: [...client.offlineScope.split(" "), api.scope],
    clientCredentialsScopes: [api.scope],
    tokenEndpointAuthMethod: "client_secret_basic",
    requirePKCE: true,
    createdAt: new Date(),
    updatedAt: new Date()
  }
})
await context.adapter.create({
  model: "oauthConsent",
  data: {
    clientId: client.clientId,
    userId: person.subject,
    scopes: client.offlineScope.split(" "),
    createdAt: new Date(),
    updatedAt: new Date()
  }
})

/** The parameters of the request that better-auth signed, without what it added. */
const added = ["exp", "sig", "ba_param", "ba_iat", "ba_pl"]

/** The host's part: signs in, and comes back with the request. */
const signIn = async (request: IncomingMessage, response: ServerResponse) => {
  const { headers } = await auth.api.signInEmail({
    body: { email: person.claims.email, password },
    returnHeaders: true
  })
  const asked = new URL(request.url!, issuer).searchParams
  for (const name of added) asked.delete(name)
  response
    .writeHead(302, { location: `${issuer}/auth/oauth2/authorize?${asked}`, "set-cookie": headers.getSetCookie() })
    .end()
}

const handler = toNodeHandler(auth)
createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  if (request.url!.startsWith("/sign-in?")) void signIn(request, response)
  else void handler(request, response)
}).listen(port, "127.0.0.1", ready)
