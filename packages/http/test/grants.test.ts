/** Grants without a browser, and refresh policy, by independent clients over HTTP: RFC 6749 §4.4, RFC 8693, RFC 7523 §2.1. */
import { assert } from "@effect/vitest"
import * as jose from "jose"
import * as oauth from "oauth4webapi"
import * as client from "openid-client"
import { authorize, basic, errorOf, exchange, options, payloadOf, post, refresh, secret, signIn } from "./flow.ts"
import { suite } from "./suite.ts"

const http = { [oauth.allowInsecureRequests]: true }
const exchangeType = "urn:ietf:params:oauth:grant-type:token-exchange"
const bearerType = "urn:ietf:params:oauth:grant-type:jwt-bearer"
const tokenType = "urn:ietf:params:oauth:token-type:access_token"

const orders = "https://orders.example"
const billing = "https://billing.example"
const idp = "https://idp.example"
const keys = await jose.generateKeyPair("ES256")
const jwks = { keys: [{ ...(await jose.exportJWK(keys.publicKey)), kid: "one" }] }

const machine = { secret, redirectUris: [], responseTypes: [] }
const settings = {
  ...options,
  clients: [
    ...options.clients,
    { clientId: "machine", ...machine, grantTypes: ["client_credentials", bearerType] },
    { clientId: "service", ...machine, grantTypes: ["client_credentials", exchangeType] },
    { clientId: "second", ...machine, grantTypes: ["client_credentials", exchangeType] },
    { clientId: "never", secret, firstParty: true, metadata: { refresh_token_rotation: "never" } }
  ],
  resources: [
    { identifier: orders, scopes: ["read", "write"], accessTokenFormat: "opaque", introspectionClients: [] },
    { identifier: billing, scopes: ["read", "bill"], accessTokenFormat: "jwt", introspectionClients: [] }
  ],
  exchangeRules: [
    {
      name: "orders to billing",
      clientId: "service",
      subjectClients: ["first"],
      targets: [billing],
      scopes: ["read", "bill"],
      delegation: "allowed"
    },
    {
      name: "billing to orders",
      clientId: "second",
      subjectClients: ["service"],
      targets: [orders, billing],
      scopes: ["read"],
      delegation: "required"
    }
  ],
  trustedIssuers: [
    {
      identifier: idp,
      jwks: jwks as unknown as null,
      jwksUri: undefined,
      audience: undefined,
      identityAssertions: true,
      clients: undefined,
      scopes: undefined
    }
  ]
} as const

const discover = async (issuer: string) => {
  const url = new URL(issuer)
  return oauth.processDiscoveryResponse(url, await oauth.discoveryRequest(url, { ...http, algorithm: "oidc" }))
}

const configure = (issuer: string, clientId: string) =>
  client.discovery(new URL(issuer), clientId, undefined, client.ClientSecretBasic(secret), {
    execute: [client.allowInsecureRequests]
  })

const introspected = async (issuer: string, token: string) => {
  const body = new URLSearchParams({ token })
  const answer = await fetch(`${issuer}/introspect`, { method: "POST", headers: basic("gateway"), body })
  return (await answer.json()) as Record<string, unknown>
}

suite(
  "grants",
  (test) => {
    test("RFC 6749 §4.4: openid-client gets a token for itself, and a resource server takes it", async (issuer) => {
      const config = await configure(issuer, "machine")
      const tokens = await client.clientCredentialsGrant(config, { scope: "read bill", resource: billing })
      assert.strictEqual(tokens.scope, "read bill")
      assert.isUndefined(tokens.refresh_token)
      const as = await discover(issuer)
      const request = new Request(billing, { headers: { authorization: `Bearer ${tokens.access_token}` } })
      const claims = await oauth.validateJwtAccessToken(as, request, billing, http)
      assert.deepInclude(claims, { sub: "machine", client_id: "machine", scope: "read bill" })
    })

    test("RFC 6749 §4.4: oauth4webapi understands the answer, and the refusals", async (issuer) => {
      const as = await discover(issuer)
      const self = { client_id: "machine" }
      const ask = async (parameters: Record<string, string>) =>
        oauth.processClientCredentialsResponse(
          as,
          self,
          await oauth.clientCredentialsGrantRequest(as, self, oauth.ClientSecretBasic(secret), parameters, http)
        )
      assert.strictEqual((await ask({ scope: "write" })).scope, "write")
      for (const [parameters, error] of [
        [{ scope: "openid" }, "invalid_scope"],
        [{ resource: "https://unknown.example" }, "invalid_target"]
      ] as const) {
        const refused = await ask(parameters).then(
          () => undefined,
          (cause: unknown) => cause
        )
        assert.isTrue(refused instanceof oauth.ResponseBodyError && refused.error === error)
      }
    })

    test("RFC 8693: openid-client exchanges by impersonation and by delegation, along a chain", async (issuer) => {
      const { access_token } = await signIn(issuer, "first", { scope: "openid read write bill" })
      const service = await configure(issuer, "service")
      const subject = { subject_token: access_token, subject_token_type: tokenType }
      const impersonated = await client.genericGrantRequest(service, exchangeType, { ...subject, resource: billing })
      assert.strictEqual(impersonated["issued_token_type"], tokenType)
      assert.strictEqual(impersonated.scope, "read bill")
      const plain = payloadOf(impersonated.access_token)
      assert.deepInclude(plain, { sub: "alice", client_id: "service", aud: billing })
      assert.notProperty(plain, "act")

      const own = await client.clientCredentialsGrant(service)
      const delegated = await client.genericGrantRequest(service, exchangeType, {
        ...subject,
        audience: billing,
        actor_token: own.access_token,
        actor_token_type: tokenType,
        requested_token_type: "urn:ietf:params:oauth:token-type:jwt"
      })
      assert.deepInclude(payloadOf(delegated.access_token), { sub: "alice", act: { sub: "service" } })

      const second = await configure(issuer, "second")
      const next = await client.genericGrantRequest(second, exchangeType, {
        subject_token: delegated.access_token,
        subject_token_type: "urn:ietf:params:oauth:token-type:jwt",
        resource: orders,
        actor_token: (await client.clientCredentialsGrant(second)).access_token,
        actor_token_type: tokenType
      })
      assert.strictEqual(next.scope, "read")
      assert.deepInclude(await introspected(issuer, next.access_token), {
        active: true,
        sub: "alice",
        client_id: "second",
        aud: orders,
        act: { sub: "second", act: { sub: "service" } }
      })
    })

    test("RFC 8693 §2.2.2: refusals have their codes, and a refused exchange leaves the token as it was", async (issuer) => {
      const { access_token } = await signIn(issuer, "first", { scope: "openid read write bill" })
      const ask = (clientId: string, members: Record<string, string> = {}) =>
        post(`${issuer}/token`, clientId, {
          grant_type: exchangeType,
          subject_token: access_token,
          subject_token_type: tokenType,
          resource: billing,
          ...members
        })
      for (const [clientId, members, error] of [
        ["basic", {}, "unauthorized_client"],
        ["service", { subject_token: "unknown" }, "invalid_request"],
        ["service", { subject_token_type: "urn:ietf:params:oauth:token-type:refresh_token" }, "invalid_request"],
        ["service", { resource: orders }, "invalid_target"],
        ["service", { scope: "write" }, "invalid_scope"],
        ["second", {}, "invalid_request"]
      ] as const) {
        assert.strictEqual(await errorOf(await ask(clientId, members)), error)
      }
      const answer = await ask("service")
      assert.strictEqual(answer.headers.get("cache-control"), "no-store")
      assert.strictEqual((await introspected(issuer, access_token))["active"], true)
    })

    test("RFC 7523 §2.1: an identity assertion of a trusted issuer becomes an access token, once", async (issuer) => {
      const config = await configure(issuer, "machine")
      const assertion = await new jose.SignJWT({ client_id: "machine", resource: orders, scope: "read" })
        .setProtectedHeader({ alg: "ES256", kid: "one", typ: "oauth-id-jag+jwt" })
        .setIssuer(idp)
        .setSubject("alice")
        .setAudience(issuer)
        .setJti(crypto.randomUUID())
        .setIssuedAt()
        .setExpirationTime("5m")
        .sign(keys.privateKey)
      const tokens = await client.genericGrantRequest(config, bearerType, { assertion })
      assert.deepInclude(await introspected(issuer, tokens.access_token), {
        active: true,
        sub: "alice",
        client_id: "machine",
        aud: orders,
        scope: "read"
      })
      const again = await post(`${issuer}/token`, "machine", { grant_type: bearerType, assertion })
      assert.strictEqual(await errorOf(again), "invalid_grant")
    })

    test("FAPI 2.0 §5.3.2.1: a client that does not rotate keeps its refresh token", async (issuer) => {
      const { refresh_token } = await signIn(issuer, "never")
      const bodies = await Promise.all(Array.from({ length: 8 }, () => refresh(issuer, "never", refresh_token)))
      const given = (await Promise.all(bodies.map((body) => body.json()))) as ReadonlyArray<Record<string, string>>
      assert.strictEqual(new Set(given.map((one) => one["access_token"])).size, 8)
      assert.deepStrictEqual([...new Set(given.map((one) => one["refresh_token"]))], [refresh_token])
    })

    test("RFC 6749 §4.1.2: of two uses of a code at once, one with a wrong verifier, no token is left", async (issuer) => {
      for (let round = 0; round < 20; round++) {
        const code = (await authorize(issuer, "first")).get("code")
        const [right] = await Promise.all([
          exchange(issuer, "first", code),
          exchange(issuer, "first", code, { code_verifier: "x".repeat(43) })
        ])
        if (right.status !== 200) continue
        const { access_token } = (await right.json()) as { readonly access_token: string }
        const userinfo = await fetch(`${issuer}/userinfo`, { headers: { authorization: `Bearer ${access_token}` } })
        assert.strictEqual(userinfo.status, 401)
      }
    })

    test("RFC 9700 §4.14.2: refreshes from many tabs at once give one new token and the same bytes", async (issuer) => {
      const { refresh_token } = await signIn(issuer, "first")
      const answers = await Promise.all(Array.from({ length: 12 }, () => refresh(issuer, "first", refresh_token)))
      assert.deepStrictEqual([...new Set(answers.map((answer) => answer.status))], [200])
      const bodies = await Promise.all(answers.map((answer) => answer.text()))
      assert.strictEqual(new Set(bodies).size, 1)
    })
  },
  { options: settings }
)
