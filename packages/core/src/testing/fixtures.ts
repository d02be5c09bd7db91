/** Records for tests: constructors whose defaults mean something, so that a test states only what it is about. */
import { Effect, Redacted } from "effect"
import { type Client, make } from "../client/Client.ts"
import { ClientStore } from "../client/ClientStore.ts"
import { makeSecret } from "../client/manage.ts"
import { CurrentIssuer } from "../issuer/Issuer.ts"
import type { Parameters } from "../oauth/Parameters.ts"
import type { Resource } from "../resource/Resource.ts"
import { ResourceStore } from "../resource/ResourceStore.ts"

export const testIssuer = "https://issuer.example"

/** The secret of every confidential test client: long enough for the fast hash. */
export const testSecret = "a-test-secret-of-256-bits-0123456789abcdefg"

export const testRedirectUri = "https://client.example/callback"

let serial = 0

/** A confidential web client that may do everything; its secret is `testSecret` once `register` has stored it. */
export const aClient = (stated: Partial<Client> = {}): Client =>
  make({
    issuer: testIssuer,
    clientId: `client-${++serial}`,
    clientName: "A test client",
    redirectUris: [testRedirectUri],
    grantTypes: ["authorization_code", "refresh_token"],
    idTokenSignedResponseAlg: "ES256",
    ...stated
  })

/** A client without a credential, as a single-page or native application is. */
export const aPublicClient = (stated: Partial<Client> = {}): Client =>
  aClient({ tokenEndpointAuthMethod: "none", ...stated })

export const aResource = (stated: Partial<Resource> = {}): Resource => ({
  issuer: testIssuer,
  identifier: "https://api.example",
  scopes: ["api.read", "api.write"],
  accessTokenFormat: "opaque",
  introspectionClients: [],
  ...stated
})

/** Stores the client of the current issuer; a confidential one that states no secret gets `secret`. */
export const register = Effect.fnUntraced(function* (client: Client, secret = testSecret) {
  const clients = yield* ClientStore
  const { identifier } = yield* CurrentIssuer
  const needsSecret = client.tokenEndpointAuthMethod.startsWith("client_secret") && client.secrets.length === 0
  const owner = { ...client, issuer: identifier }
  const registered: Client = {
    ...owner,
    secrets: needsSecret ? [yield* Effect.orDie(makeSecret(owner, Redacted.make(secret)))] : client.secrets
  }
  yield* clients.put(registered)
  return registered
})

/** Stores the resource for the current issuer; pipelines that have read the resources before see it within five seconds. */
export const registerResource = Effect.fnUntraced(function* (resource: Resource) {
  const resources = yield* ResourceStore
  const { identifier } = yield* CurrentIssuer
  const registered: Resource = { ...resource, issuer: identifier }
  yield* resources.put(registered)
  return registered
})

/** Parameters from an object: an array is a repeated parameter, undefined one that is left out. */
export const form = (members: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>): Parameters =>
  new Map(
    Object.entries(members).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, typeof value === "string" ? [value] : value] as const]
    )
  )
