/** RFC 8705 over real TLS connections, and by way of a proxy. */
import { assert, layer } from "@effect/vitest"
import { Certificates } from "@lockspire/core/testing"
import { Effect } from "effect"
import * as oauth from "oauth4webapi"
import * as openid from "openid-client"
import { ClientCertificates } from "../src/node/index.ts"
import { TestIssuer } from "../src/testing/index.ts"
import { storages } from "./storages.ts"
import { fetchWith as fetchThrough } from "./tls.ts"

const make = (options: Certificates.Options) => Effect.runPromise(Certificates.makeCertificate(options))
const cn = (name: string): Certificates.Subject => [["2.5.4.3", name]]

const authority = await make({ subject: cn("Client CA"), isAuthority: true })
const server = await make({ subject: cn("localhost"), names: { dns: "localhost" } })
const names = {
  dns: "client.example",
  uri: "https://client.example/id",
  ip: Uint8Array.of(192, 0, 2, 7),
  email: "a@b.example"
}
const signed = await make({ subject: [["2.5.4.10", "Example"], ...cn("one")], names, signer: authority })
const forged = await make({ subject: [["2.5.4.10", "Example"], ...cn("one")], names })
const selfSigned = await make({ subject: cn("self") })

const machine = { redirectUris: [], grantTypes: ["client_credentials"], responseTypes: [], scope: ["read"] }
const byAuthority = (clientId: string, metadata: Record<string, string>): TestIssuer.TestClient => ({
  clientId,
  ...machine,
  tokenEndpointAuthMethod: "tls_client_auth",
  metadata
})
const clients: ReadonlyArray<TestIssuer.TestClient> = [
  byAuthority("dn", { tls_client_auth_subject_dn: "CN=one,O=Example" }),
  byAuthority("dns", { tls_client_auth_san_dns: "client.example" }),
  byAuthority("uri", { tls_client_auth_san_uri: "https://client.example/id" }),
  byAuthority("ip", { tls_client_auth_san_ip: "192.0.2.7" }),
  byAuthority("email", { tls_client_auth_san_email: "a@b.example" }),
  {
    clientId: "self",
    ...machine,
    tokenEndpointAuthMethod: "self_signed_tls_client_auth",
    metadata: { jwks: { keys: [selfSigned.jwk] } }
  }
]
const resources = [
  {
    identifier: "https://api.example/",
    scopes: ["read"],
    accessTokenFormat: "opaque" as const,
    introspectionClients: []
  }
]

const fetchWith = (certificate?: Certificates.TestCertificate) => fetchThrough(server.pem, certificate)

const discover = (issuer: string, clientId: string, certificate?: Certificates.TestCertificate, aliases = false) =>
  openid.discovery(new URL(issuer), clientId, { use_mtls_endpoint_aliases: aliases }, openid.TlsClientAuth(), {
    [openid.customFetch]: fetchWith(certificate)
  })

/** A token request by whatever certificate; its status. */
const statusOf = async (issuer: string, clientId: string, certificate?: Certificates.TestCertificate) => {
  const answer = await fetchWith(certificate)(`${issuer}/token`, {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams({ grant_type: "client_credentials", client_id: clientId, scope: "read" }),
    redirect: "manual"
  })
  return answer.status
}

const tls = { key: server.privateKeyPem, cert: server.pem, ca: authority.pem }
const settings = { timeout: "60 seconds", excludeTestServices: true } as const

type Test = (title: string, run: (issuer: string) => Promise<void>) => void

const suite = (title: string, options: TestIssuer.TestIssuerOptions, define: (test: Test) => void) => {
  for (const [name, storage] of storages) {
    layer(TestIssuer.layer(storage, { clients, resources, ...options }), settings)(`${title} (${name})`, (it) =>
      define((testTitle, run) =>
        it.effect(testTitle, () =>
          Effect.flatMap(TestIssuer.TestIssuer, ({ issuer }) => Effect.promise(() => run(issuer)))
        )
      )
    )
  }
}

suite("mutual TLS on Node's socket", { tls }, (test) => {
  for (const clientId of ["dn", "dns", "uri", "ip", "email", "self"]) {
    test(`openid-client, ${clientId}: token, introspection, revocation`, async (issuer) => {
      const config = await discover(issuer, clientId, clientId === "self" ? selfSigned : signed)
      const { access_token } = await openid.clientCredentialsGrant(config, { scope: "read" })
      assert.strictEqual((await openid.tokenIntrospection(config, access_token))["active"], true)
      await openid.tokenRevocation(config, access_token)
      assert.strictEqual((await openid.tokenIntrospection(config, access_token))["active"], false)
    })
  }

  test("oauth4webapi authenticates by its certificate", async (issuer) => {
    const url = new URL(issuer)
    const connection = { [oauth.customFetch]: fetchWith(signed) }
    const as = await oauth.processDiscoveryResponse(url, await oauth.discoveryRequest(url, connection))
    const client = { client_id: "dns" }
    const by = oauth.TlsClientAuth()
    const answer = await oauth.clientCredentialsGrantRequest(as, client, by, { scope: "read" }, connection)
    assert.isString((await oauth.processClientCredentialsResponse(as, client, answer)).access_token)
  })

  test("RFC 8705 §2.1: the same subject from nobody's authority, another certificate, or none is refused", async (issuer) => {
    for (const [clientId, certificate] of [
      ["dn", forged],
      ["dns", forged],
      ["dn", selfSigned],
      ["dn", undefined],
      ["self", signed],
      ["self", undefined]
    ] as const) {
      assert.strictEqual(await statusOf(issuer, clientId, certificate), 401)
    }
  })

  test("a header is no certificate where the socket is asked", async (issuer) => {
    const header = `:${Buffer.from(signed.der).toString("base64")}:`
    const answer = await fetchWith()(`${issuer}/token`, {
      method: "POST",
      headers: { "client-cert": header, "content-type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams({ grant_type: "client_credentials", client_id: "dns", scope: "read" }),
      redirect: "manual"
    })
    assert.strictEqual(answer.status, 401)
  })

  test("RFC 8705 §2: the methods are advertised, and no alias that is not there", async (issuer) => {
    const metadata = (await discover(issuer, "dn")).serverMetadata()
    for (const endpoint of ["token", "revocation", "introspection"] as const) {
      const methods = metadata[`${endpoint}_endpoint_auth_methods_supported`]
      assert.includeMembers(methods!, ["tls_client_auth", "self_signed_tls_client_auth"])
    }
    assert.isUndefined(metadata.mtls_endpoint_aliases)
  })
})

/** The same port by another name, as a second listener would be. */
const aliasOf = (issuer: string) => issuer.replace("localhost", "mtls.example")
const aliased = {
  tls,
  certificates: (issuer: string) => ClientCertificates.layerSocket({ aliases: { [issuer]: aliasOf(issuer) } })
}

suite("mutual TLS at an alias", aliased, (test) => {
  test("RFC 8705 §5: a client that uses the aliases authenticates there; its tokens are the issuer's", async (issuer) => {
    const config = await discover(issuer, "dn", signed, true)
    assert.strictEqual(config.serverMetadata().mtls_endpoint_aliases!.token_endpoint, `${aliasOf(issuer)}/token`)
    const { access_token } = await openid.clientCredentialsGrant(config, { scope: "read" })
    const { active, iss } = await openid.tokenIntrospection(config, access_token)
    assert.deepStrictEqual([active, iss], [true, issuer])
    await openid.tokenRevocation(config, access_token)
  })

  test("RFC 8705 §5: nothing but the aliased endpoints is there", async (issuer) => {
    for (const path of ["/authorize", "/jwks", "/.well-known/openid-configuration"]) {
      const answer = await fetchWith()(`${aliasOf(issuer)}${path}`, {
        method: "GET",
        headers: {},
        body: undefined,
        redirect: "manual"
      })
      assert.strictEqual(answer.status, 404, path)
    }
  })
})

const token = (issuer: string, clientId: string, headers: Record<string, string>) =>
  fetch(`${issuer}/token`, {
    method: "POST",
    headers,
    body: new URLSearchParams({ grant_type: "client_credentials", client_id: clientId, scope: "read" })
  })

const byProxy = (options: Partial<ClientCertificates.ProxyOptions>): TestIssuer.TestIssuerOptions => ({
  certificates: () =>
    ClientCertificates.layerHeader({
      trustedProxies: ["127.0.0.0/8", "::1"],
      header: "Client-Cert",
      format: "rfc9440",
      chainVerifiedByProxy: true,
      ...options
    })
})
const rfc9440 = ({ der }: Certificates.TestCertificate) => `:${Buffer.from(der).toString("base64")}:`

suite("client certificates from a proxy", byProxy({}), (test) => {
  test("RFC 9440 §2: the header of a named proxy is the certificate", async (issuer) => {
    assert.strictEqual((await token(issuer, "dns", { "client-cert": rfc9440(signed) })).status, 200)
    assert.strictEqual((await token(issuer, "self", { "client-cert": rfc9440(selfSigned) })).status, 200)
    assert.strictEqual((await token(issuer, "dns", { "client-cert": rfc9440(selfSigned) })).status, 401)
  })

  test("a header that is not exactly one certificate is none", async (issuer) => {
    const good = rfc9440(signed)
    for (const header of [
      "",
      ":",
      "::",
      good.slice(1),
      `${good}, ${good}`,
      `${good};x=1`,
      encodeURIComponent(signed.pem)
    ]) {
      assert.strictEqual((await token(issuer, "dns", { "client-cert": header })).status, 401, header)
    }
    assert.strictEqual((await token(issuer, "dns", {})).status, 401)
  })
})

suite("a header from somebody who is no proxy", byProxy({ trustedProxies: ["192.0.2.1"] }), (test) => {
  test("RFC 9440 §4: is ignored", async (issuer) => {
    assert.strictEqual((await token(issuer, "dns", { "client-cert": rfc9440(signed) })).status, 401)
    assert.strictEqual((await token(issuer, "self", { "client-cert": rfc9440(selfSigned) })).status, 401)
  })
})

const nginx = { header: "X-Client-Cert", format: "url-encoded-pem", chainVerifiedByProxy: false } as const

suite("a proxy that verifies no chain", byProxy(nginx), (test) => {
  test("RFC 8705 §2.2: vouches for the key alone, so that only registered certificates authenticate", async (issuer) => {
    const header = (certificate: Certificates.TestCertificate) => ({
      "x-client-cert": encodeURIComponent(certificate.pem)
    })
    assert.strictEqual((await token(issuer, "self", header(selfSigned))).status, 200)
    assert.strictEqual((await token(issuer, "dns", header(signed))).status, 401)
    assert.strictEqual((await token(issuer, "self", { "x-client-cert": "%zz" })).status, 401)
  })
})

suite("an issuer to which no certificate comes", {}, (test) => {
  test("RFC 8705 §2: advertises no method by certificate, and looks at no header", async (issuer) => {
    const metadata = (await (await fetch(`${issuer}/.well-known/openid-configuration`)).json()) as Record<
      string,
      string[]
    >
    for (const [name, values] of Object.entries(metadata)) {
      if (name.endsWith("_auth_methods_supported")) assert.notInclude(values.join(" "), "tls")
    }
    assert.strictEqual((await token(issuer, "self", { "client-cert": rfc9440(selfSigned) })).status, 401)
  })
})
