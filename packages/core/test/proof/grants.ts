/** Every grant as one request that a client can make with a proof, by a certificate, with both or with neither. */
import { Clock, Effect, Option } from "effect"
import * as jose from "jose"
import type { Client } from "../../src/client/Client.ts"
import type { ClientCertificate } from "../../src/client/mutualTls.ts"
import { AssertionSubjects } from "../../src/host/AssertionSubjects.ts"
import { TokenExchangeValidator } from "../../src/host/TokenExchangeValidator.ts"
import type { TrustedIssuer } from "../../src/jwt-bearer/TrustedIssuer.ts"
import { TrustedIssuerStore } from "../../src/jwt-bearer/TrustedIssuerStore.ts"
import { aResource, form, testIssuer } from "../../src/testing/fixtures.ts"
import { TestHost } from "../../src/testing/TestHost.ts"
import * as Server from "../../src/testing/TestServer.ts"
import { token } from "../../src/token-endpoint/token.ts"
import type { TokenResponse } from "../../src/token/issue.ts"
import { tokenTypes } from "../../src/token-exchange/presentedToken.ts"
import { assertionOf, jwtBearer, type Key } from "../client/assertions.ts"
import { aRule } from "../token-exchange/exchanging.ts"
import { type ProofKey, proofOf } from "./proving.ts"

export const opaque = aResource({ identifier: "https://opaque.example", scopes: ["read"] })
export const jwt = aResource({ identifier: "https://jwt.example", scopes: ["read"], accessTokenFormat: "jwt" })
export const loose = aResource({ identifier: "https://loose.example", scopes: ["read"], dpop: "opportunistic" })
export const strict = aResource({ identifier: "https://strict.example", scopes: ["read"], dpop: "required" })

export const grantTypes = {
  code: "authorization_code",
  refresh: "refresh_token",
  machine: "client_credentials",
  exchange: "urn:ietf:params:oauth:grant-type:token-exchange",
  bearer: "urn:ietf:params:oauth:grant-type:jwt-bearer"
} as const
export const everyGrant = Object.values(grantTypes)

/** What is shown beside the credentials. */
export interface Shown {
  readonly key?: ProofKey | undefined
  readonly certificate?: ClientCertificate | undefined
}

type Members = Readonly<Record<string, string | ReadonlyArray<string> | undefined>>

/** A token request of the client; `assertionKey` for one that authenticates by `private_key_jwt`. */
export const request = Effect.fnUntraced(function* (
  client: Client,
  members: Members,
  { certificate, key }: Shown = {},
  assertionKey?: Key
) {
  const { header, parameters } = Server.credentialsOf(client)
  const assertion =
    assertionKey === undefined
      ? {}
      : { client_assertion: yield* assertionOf(client.clientId, assertionKey), client_assertion_type: jwtBearer }
  return yield* token(form({ ...parameters, ...assertion, ...members }), {
    ...header,
    certificate,
    dpop: key === undefined ? undefined : yield* proofOf(key)
  })
})

/** The request of a code that was just approved. */
export const codeRequest = Effect.fnUntraced(function* (client: Client, resource: string, members: Members = {}) {
  const { browser } = yield* Server.aSignedInBrowser()
  const asked = yield* Server.authorizationRequest(client, {
    scope: "openid offline_access read",
    resource: resource === "" ? undefined : resource
  })
  return {
    grant_type: grantTypes.code,
    code: yield* Server.obtainCode(browser, asked),
    redirect_uri: client.redirectUris[0],
    code_verifier: Server.testVerifier,
    ...members
  }
})

export const refreshRequest = ({ refresh_token }: TokenResponse, members: Members = {}) => ({
  grant_type: grantTypes.refresh,
  refresh_token: refresh_token!,
  ...members
})

const keyPair = await jose.generateKeyPair("ES256")
const jwks = { keys: [await jose.exportJWK(keyPair.publicKey)] } as unknown as TrustedIssuer["jwks"]
let serial = 0

/** The request of a new assertion about Alice, of an identity provider of its own. */
export const bearerRequest = Effect.fnUntraced(function* (resource: string) {
  const identifier = `https://idp.example/${++serial}`
  const now = Math.floor((yield* Clock.currentTimeMillis) / 1000)
  yield* TrustedIssuerStore.use((store) =>
    store.put({
      issuer: testIssuer,
      identifier,
      jwks,
      jwksUri: undefined,
      audience: undefined,
      identityAssertions: false,
      clients: undefined,
      scopes: undefined
    })
  )
  yield* TestHost.use((host) => host.setClaims("local-alice", {}))
  const assertion = yield* Effect.promise(() =>
    new jose.SignJWT({ jti: `jti-${serial}` })
      .setProtectedHeader({ alg: "ES256" })
      .setIssuer(identifier)
      .setSubject("alice")
      .setAudience(testIssuer)
      .setIssuedAt(now)
      .setExpirationTime(now + 300)
      .sign(keyPair.privateKey)
  )
  return { grant_type: grantTypes.bearer, assertion, scope: "read", resource }
})

/** The request for a token of the client's own person, by a rule that allows it. */
export const exchangeRequest = Effect.fnUntraced(function* (client: Client, subjectToken: string, resource: string) {
  yield* aRule({ clientId: client.clientId, subjectClients: [client.clientId], targets: [resource], scopes: ["read"] })
  return {
    grant_type: grantTypes.exchange,
    subject_token: subjectToken,
    subject_token_type: tokenTypes.accessToken,
    resource
  }
})

/** A host that knows Alice and allows every exchange. */
export const allowing = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  effect.pipe(
    Effect.provideService(TokenExchangeValidator, { mayExchange: () => Effect.succeed(true) }),
    Effect.provideService(AssertionSubjects, { subjectOf: () => Effect.succeed(Option.some("local-alice")) })
  )
