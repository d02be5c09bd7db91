/** RFC 8705 §3 over real TLS connections: tokens that are worth nothing without the client's certificate. */
import { assert, layer } from "@effect/vitest"
import { Certificates } from "@lockspire/core/testing"
import { Effect } from "effect"
import * as jose from "jose"
import * as openid from "openid-client"
import { TestIssuer } from "../src/testing/index.ts"
import { authorizationUrl, payloadOf, redirectUri, resource, secret, verifier } from "./flow.ts"
import { hash, makeKey, proofFor } from "./proof.ts"
import { storages } from "./storages.ts"
import { fetchWith as fetchThrough } from "./tls.ts"

const make = (options: Certificates.Options) => Effect.runPromise(Certificates.makeCertificate(options))
const cn = (name: string): Certificates.Subject => [["2.5.4.3", name]]

const authority = await make({ subject: cn("Client CA"), isAuthority: true })
const server = await make({ subject: cn("localhost"), names: { dns: "localhost" } })
const own = await make({ subject: cn("own") })
const stolen = await make({ subject: cn("another") })
const key = await makeKey()

const bound = { tls_client_certificate_bound_access_tokens: true }
const clients: ReadonlyArray<TestIssuer.TestClient> = [
  { clientId: "basic", secret, firstParty: true, metadata: bound },
  { clientId: "public", firstParty: true, metadata: bound },
  { clientId: "plain", secret, firstParty: true },
  {
    clientId: "jwt",
    redirectUris: [],
    grantTypes: ["client_credentials"],
    responseTypes: [],
    tokenEndpointAuthMethod: "private_key_jwt",
    metadata: { ...bound, jwks: { keys: [{ ...key.jwk }] } }
  },
  {
    clientId: "self",
    redirectUris: [],
    grantTypes: ["client_credentials"],
    responseTypes: [],
    tokenEndpointAuthMethod: "self_signed_tls_client_auth",
    metadata: { ...bound, jwks: { keys: [own.jwk] } }
  }
]
const resources = [
  { identifier: resource, scopes: ["read"], accessTokenFormat: "jwt" as const, introspectionClients: [] }
]

const fetchWith = (certificate?: Certificates.TestCertificate) => fetchThrough(server.pem, certificate)

const get = (url: string, certificate: Certificates.TestCertificate | undefined, headers: Record<string, string>) =>
  fetchWith(certificate)(url, { method: "GET", headers, body: undefined, redirect: "manual" })

const post = (
  url: string,
  certificate: Certificates.TestCertificate | undefined,
  form: Record<string, string>,
  headers: Record<string, string> = {}
) =>
  fetchWith(certificate)(url, {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded", ...headers },
    body: new URLSearchParams(form),
    redirect: "manual"
  })

/** A code of a person who signs in on the way; no browser shows a certificate. */
const codeOf = async (issuer: string, clientId: string): Promise<string> => {
  const cookies = new Map<string, string>()
  let url = authorizationUrl(issuer, clientId)
  while (!url.startsWith(redirectUri)) {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ")
    const answer = await get(url, undefined, { cookie })
    for (const set of (answer.headers.get("set-cookie") ?? "").split(/,(?=[^;,]+=)/)) {
      const [, name, value] = /^\s*([^=;]+)=([^;]*)/.exec(set) ?? []
      if (name !== undefined) cookies.set(name, value!)
    }
    const location = answer.headers.get("location")
    if (location === null) throw new Error(`No redirect but ${answer.status}: ${await answer.text()}`)
    url = new URL(location, issuer).href
  }
  return new URL(url).searchParams.get("code")!
}

interface Tokens {
  readonly access_token: string
  readonly refresh_token: string
  readonly token_type: string
}

const credentials = (clientId: string) =>
  clientId === "public" ? {} : { authorization: `Basic ${Buffer.from(`${clientId}:${secret}`).toString("base64")}` }

const exchange = async (
  issuer: string,
  clientId: string,
  certificate: Certificates.TestCertificate | undefined,
  headers: Record<string, string> = {}
) =>
  post(
    `${issuer}/token`,
    certificate,
    {
      grant_type: "authorization_code",
      client_id: clientId,
      code: await codeOf(issuer, clientId),
      redirect_uri: redirectUri,
      code_verifier: verifier
    },
    { ...credentials(clientId), ...headers }
  )

const refresh = (
  issuer: string,
  clientId: string,
  certificate: Certificates.TestCertificate | undefined,
  { refresh_token }: Tokens
) =>
  post(
    `${issuer}/token`,
    certificate,
    { grant_type: "refresh_token", client_id: clientId, refresh_token },
    credentials(clientId)
  )

const tls = { key: server.privateKeyPem, cert: server.pem, ca: authority.pem }

for (const [name, storage] of storages) {
  const settings = { timeout: "60 seconds", excludeTestServices: true } as const
  layer(TestIssuer.layer(storage, { tls, clients, resources }), settings)(
    `tokens bound to a certificate (${name})`,
    (it) => {
      const test = (title: string, run: (issuer: string) => Promise<void>) =>
        it.effect(title, () => Effect.flatMap(TestIssuer.TestIssuer, ({ issuer }) => Effect.promise(() => run(issuer))))

      for (const clientId of ["basic", "public"]) {
        test(`RFC 8705 §3: ${clientId}: userinfo takes the token with its certificate, and with no other or none`, async (issuer) => {
          const answer = await exchange(issuer, clientId, own)
          assert.strictEqual(answer.status, 200, await answer.clone().text())
          const { access_token, token_type } = (await answer.json()) as Tokens
          assert.strictEqual(token_type, "Bearer")
          for (const [certificate, status] of [
            [own, 200],
            [stolen, 401],
            [undefined, 401]
          ] as const) {
            const seen = await get(`${issuer}/userinfo`, certificate, { authorization: `bearer ${access_token}` })
            assert.strictEqual(seen.status, status)
            if (status === 200) continue
            assert.match(seen.headers.get("www-authenticate")!, /^Bearer realm="[^"]+", error="invalid_token"/)
          }
          // A certificate is no DPoP key.
          const dpop = await proofFor(key, "GET", `${issuer}/userinfo`, { ath: hash(access_token) })
          const seen = await get(`${issuer}/userinfo`, own, { authorization: `DPoP ${access_token}`, dpop })
          assert.strictEqual(seen.status, 401)
        })
      }

      test("RFC 8705 §3.4: a client that registered for it gets no other token; one that did not gets a bearer token", async (issuer) => {
        assert.strictEqual((await exchange(issuer, "basic", undefined)).status, 400)
        const { access_token } = (await (await exchange(issuer, "plain", own)).json()) as Tokens
        const seen = await get(`${issuer}/userinfo`, undefined, { authorization: `Bearer ${access_token}` })
        assert.strictEqual(seen.status, 200)
      })

      test("RFC 8705 §4: a public client's refresh token wants the same certificate, a confidential one's the credentials", async (issuer) => {
        const first = (await (await exchange(issuer, "public", own)).json()) as Tokens
        assert.strictEqual((await refresh(issuer, "public", stolen, first)).status, 400)
        assert.strictEqual((await refresh(issuer, "public", undefined, first)).status, 400)
        assert.strictEqual((await refresh(issuer, "public", own, first)).status, 200)
        const other = (await (await exchange(issuer, "basic", own)).json()) as Tokens
        assert.strictEqual((await refresh(issuer, "basic", undefined, other)).status, 400)
        const renewed = await refresh(issuer, "basic", stolen, other)
        assert.strictEqual(renewed.status, 200)
        const { access_token } = (await renewed.json()) as Tokens
        const authorization = `Bearer ${access_token}`
        assert.strictEqual((await get(`${issuer}/userinfo`, stolen, { authorization })).status, 200)
        assert.strictEqual((await get(`${issuer}/userinfo`, own, { authorization })).status, 401)
      })

      test("RFC 8705 §3, RFC 9449 §6: bound both ways, both have to be proved", async (issuer) => {
        const dpop = await proofFor(key, "POST", `${issuer}/token`)
        const { access_token, token_type } = (await (await exchange(issuer, "basic", own, { dpop })).json()) as Tokens
        assert.strictEqual(token_type, "DPoP")
        const look = async (certificate: Certificates.TestCertificate | undefined) =>
          (
            await get(`${issuer}/userinfo`, certificate, {
              authorization: `DPoP ${access_token}`,
              dpop: await proofFor(key, "GET", `${issuer}/userinfo`, { ath: hash(access_token) })
            })
          ).status
        assert.deepStrictEqual([await look(own), await look(stolen), await look(undefined)], [200, 401, 401])
        const bearer = await get(`${issuer}/userinfo`, own, { authorization: `Bearer ${access_token}` })
        assert.strictEqual(bearer.status, 401)
      })

      test("RFC 8705 §3.1: openid-client, private_key_jwt and self_signed_tls_client_auth: the JWT and introspection name the certificate", async (issuer) => {
        const privateKey = (await jose.importJWK(await jose.exportJWK(key.privateKey), "ES256")) as openid.CryptoKey
        for (const [clientId, method] of [
          ["jwt", openid.PrivateKeyJwt(privateKey)],
          ["self", openid.TlsClientAuth()]
        ] as const) {
          const config = await openid.discovery(new URL(issuer), clientId, undefined, method, {
            [openid.customFetch]: fetchWith(own)
          })
          const { access_token } = await openid.clientCredentialsGrant(config, { scope: "read", resource })
          const cnf = { "x5t#S256": hash(own.der) }
          assert.deepStrictEqual(payloadOf(access_token)["cnf"], cnf, clientId)
          assert.deepStrictEqual((await openid.tokenIntrospection(config, access_token))["cnf"], cnf, clientId)
        }
      })
    }
  )
}
