/** Two independent client libraries authenticate by every method that needs no certificate, at every endpoint they call. */
import { assert } from "@effect/vitest"
import { Effect, Layer, Ref } from "effect"
import { Egress } from "@lockspire/core"
import { exportJWK, generateKeyPair } from "jose"
import * as oauth from "oauth4webapi"
import * as openid from "openid-client"
import type { TestIssuer } from "../src/testing/index.ts"
import { suite } from "./suite.ts"

const secret = "a-secret-of-sixty-four-octets-so-that-every-mac-may-be-made-with-it"
const http = { [oauth.allowInsecureRequests]: true }

const algorithms = ["ES256", "PS256", "RS256", "EdDSA"] as const
type Algorithm = (typeof algorithms)[number]

const pairOf = async (algorithm: Algorithm) => {
  const { privateKey, publicKey } = await generateKeyPair(algorithm, { extractable: true })
  const { crv, e, kty, n, x, y } = await exportJWK(publicKey)
  const members = Object.entries({ kty, crv, x, y, n, e, kid: algorithm })
  const jwk = Object.fromEntries(members.filter((entry): entry is [string, string] => entry[1] !== undefined))
  return { privateKey, jwk }
}

const pairs = {
  ES256: await pairOf("ES256"),
  PS256: await pairOf("PS256"),
  RS256: await pairOf("RS256"),
  EdDSA: await pairOf("EdDSA")
}

/** What the client's own server publishes, and how often somebody asked. */
const asked = Ref.makeUnsafe(0)
const published = Layer.succeed(
  Egress.Egress,
  Egress.Egress.of({
    get: ({ url }) =>
      Effect.as(
        Ref.update(asked, (count) => count + 1),
        {
          status: url === "https://client.example/jwks" ? 200 : 404,
          headers: { "cache-control": "max-age=600" },
          body: new TextEncoder().encode(JSON.stringify({ keys: Object.values(pairs).map((pair) => pair.jwk) }))
        }
      )
  })
)

const machine = { redirectUris: [], grantTypes: ["client_credentials"], responseTypes: [], scope: ["read"] }
const clients: ReadonlyArray<TestIssuer.TestClient> = [
  { clientId: "basic", secret, ...machine },
  { clientId: "post", secret, ...machine, tokenEndpointAuthMethod: "client_secret_post" },
  { clientId: "mac", secret, ...machine, tokenEndpointAuthMethod: "client_secret_jwt" },
  {
    clientId: "inline",
    ...machine,
    tokenEndpointAuthMethod: "private_key_jwt",
    metadata: { jwks: { keys: Object.values(pairs).map((pair) => pair.jwk) } }
  },
  {
    clientId: "published",
    ...machine,
    tokenEndpointAuthMethod: "private_key_jwt",
    metadata: { jwks_uri: "https://client.example/jwks" }
  },
  {
    clientId: "es256",
    ...machine,
    tokenEndpointAuthMethod: "private_key_jwt",
    metadata: { jwks: { keys: Object.values(pairs).map((pair) => pair.jwk) }, token_endpoint_auth_signing_alg: "ES256" }
  }
]

const options = {
  clients,
  egress: published,
  resources: [
    {
      identifier: "https://api.example/",
      scopes: ["read"],
      accessTokenFormat: "opaque" as const,
      introspectionClients: []
    }
  ]
}

const key = (algorithm: Algorithm) => ({ key: pairs[algorithm].privateKey, kid: algorithm })
const scope = "read"

suite(
  "client authentication",
  (test) => {
    const ways = {
      basic: [openid.ClientSecretBasic(secret), oauth.ClientSecretBasic(secret)],
      post: [openid.ClientSecretPost(secret), oauth.ClientSecretPost(secret)],
      mac: [openid.ClientSecretJwt(secret), oauth.ClientSecretJwt(secret)],
      ...Object.fromEntries(
        ["inline", "published"].flatMap((clientId) =>
          algorithms.map((algorithm) => [
            `${clientId} ${algorithm}`,
            [openid.PrivateKeyJwt(key(algorithm)), oauth.PrivateKeyJwt(key(algorithm))]
          ])
        )
      ),
      "es256 ES256": [openid.PrivateKeyJwt(key("ES256")), oauth.PrivateKeyJwt(key("ES256"))]
    } as Record<string, readonly [openid.ClientAuth, oauth.ClientAuth]>

    for (const [name, [byOpenid, byOauth]] of Object.entries(ways)) {
      const clientId = name.split(" ")[0]!

      test(`openid-client, ${name}: token, introspection, revocation`, async (issuer) => {
        const config = await openid.discovery(new URL(issuer), clientId, undefined, byOpenid, {
          execute: [openid.allowInsecureRequests]
        })
        const { access_token } = await openid.clientCredentialsGrant(config, { scope })
        assert.strictEqual((await openid.tokenIntrospection(config, access_token))["active"], true)
        await openid.tokenRevocation(config, access_token)
        assert.strictEqual((await openid.tokenIntrospection(config, access_token))["active"], false)
      })

      test(`oauth4webapi, ${name}: token, introspection, revocation`, async (issuer) => {
        const url = new URL(issuer)
        const as = await oauth.processDiscoveryResponse(url, await oauth.discoveryRequest(url, http))
        const client = { client_id: clientId }
        const answer = await oauth.clientCredentialsGrantRequest(as, client, byOauth, { scope }, http)
        const { access_token } = await oauth.processClientCredentialsResponse(as, client, answer)
        const introspect = async () => {
          const response = await oauth.introspectionRequest(as, client, byOauth, access_token, http)
          return (await oauth.processIntrospectionResponse(as, client, response)).active
        }
        assert.isTrue(await introspect())
        await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, byOauth, access_token, http))
        assert.isFalse(await introspect())
      })
    }

    test("RFC 7523 §3: an assertion that was sent cannot be sent again, to whichever endpoint", async (issuer) => {
      let body = ""
      const url = new URL(issuer)
      const as = await oauth.processDiscoveryResponse(url, await oauth.discoveryRequest(url, http))
      const record = (input: string, init: oauth.CustomFetchOptions<"POST", URLSearchParams>) => {
        body = init.body.toString()
        return fetch(input, init)
      }
      const client = { client_id: "inline" }
      const by = oauth.PrivateKeyJwt(key("ES256"))
      await oauth.clientCredentialsGrantRequest(as, client, by, { scope }, { ...http, [oauth.customFetch]: record })
      for (const endpoint of ["token", "introspect", "revoke"]) {
        const answer = await fetch(`${issuer}/${endpoint}`, {
          method: "POST",
          headers: { "content-type": "application/x-www-form-urlencoded" },
          body: `${body}&token=x`
        })
        assert.strictEqual(answer.status, 401)
        assert.strictEqual(((await answer.json()) as { readonly error: string }).error, "invalid_client")
      }
    })

    test("every failure of authentication is one answer", async (issuer) => {
      const url = new URL(issuer)
      const as = await oauth.processDiscoveryResponse(url, await oauth.discoveryRequest(url, http))
      const attempts: ReadonlyArray<readonly [clientId: string, by: oauth.ClientAuth]> = [
        ["unknown", oauth.ClientSecretBasic(secret)],
        ["basic", oauth.ClientSecretBasic("wrong")],
        ["basic", oauth.ClientSecretPost(secret)],
        ["unknown", oauth.ClientSecretJwt(secret)],
        ["mac", oauth.ClientSecretJwt("wrong".repeat(10))],
        ["mac", oauth.ClientSecretPost(secret)],
        ["unknown", oauth.PrivateKeyJwt(key("ES256"))],
        ["inline", oauth.PrivateKeyJwt({ key: pairs.ES256.privateKey, kid: "PS256" })],
        ["es256", oauth.PrivateKeyJwt(key("PS256"))],
        ["inline", oauth.None()]
      ]
      const answers = new Set<string>()
      for (const [client_id, by] of attempts) {
        const answer = await oauth.clientCredentialsGrantRequest(as, { client_id }, by, { scope }, http)
        answers.add(`${answer.status} ${answer.headers.get("www-authenticate")} ${await answer.text()}`)
      }
      assert.strictEqual(answers.size, 1, [...answers].join("\n"))
      assert.match([...answers].join(""), /^401 .*"invalid_client"/)
    })

    test("RFC 7523bis: an endpoint as audience only for the client that is exempt", async (issuer, running) => {
      const url = new URL(issuer)
      const as = await oauth.processDiscoveryResponse(url, await oauth.discoveryRequest(url, http))
      const exempt = { ...clients.find((client) => client.clientId === "inline")!, clientId: "exempt" }
      await Effect.runPromise(running.putClient({ ...exempt, dangerouslyAllowEndpointAudience: true }))
      const by = oauth.PrivateKeyJwt(key("ES256"), {
        [oauth.modifyAssertion]: (_header, payload) => void (payload["aud"] = [issuer, as.token_endpoint!])
      })
      const statusOf = async (client_id: string) =>
        (await oauth.clientCredentialsGrantRequest(as, { client_id }, by, { scope }, http)).status
      assert.deepStrictEqual([await statusOf("inline"), await statusOf("exempt")], [401, 200])
    })

    test("keys that a client publishes are fetched once for many requests", async () => {
      assert.isAtMost(await Effect.runPromise(Ref.get(asked)), 2)
    })
  },
  { options }
)
