/** Clients that prove themselves by keys and certificates, against `lockspire dev --seed` as its users have it. */
import { Certificates } from "@lockspire/core/testing"
import { Effect } from "effect"
import type { webcrypto } from "node:crypto"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import { createServer, request } from "node:https"
import type { AddressInfo } from "node:net"
import { fileURLToPath } from "node:url"
import * as openid from "openid-client"
import { assert, describe, it } from "vitest"
import { folder, run, start } from "./lockspire.ts"

const make = (options: Certificates.Options) => Effect.runPromise(Certificates.makeCertificate(options))
const cn = (name: string): Certificates.Subject => [["2.5.4.3", name]]

const authority = await make({ subject: cn("Test CA"), isAuthority: true })
const localhost = await make({ subject: cn("localhost"), names: { dns: "localhost" }, signer: authority })
const machine = { grant_types: ["client_credentials"], response_types: [], scope: "read" }
const resources = [{ identifier: "https://api.example/", scopes: ["read"] }]

interface Answer {
  readonly status: number
  readonly json: Readonly<Record<string, unknown>>
}

/** One request over TLS, with a certificate of the client's or without. */
const ask = (
  url: string,
  form?: Record<string, string>,
  certificate?: Certificates.TestCertificate,
  more: Record<string, string> = {}
) =>
  new Promise<Answer>((resolve, reject) => {
    const shown = certificate && { cert: certificate.pem, key: certificate.privateKeyPem }
    const headers = { ...(form === undefined ? {} : { "content-type": "application/x-www-form-urlencoded" }), ...more }
    request(url, { method: form === undefined ? "GET" : "POST", headers, agent: false, ca: authority.pem, ...shown })
      .on("response", (response) => {
        let text = ""
        response.on("data", (chunk) => (text += String(chunk)))
        response.on("end", () =>
          resolve({ status: response.statusCode!, json: JSON.parse(text) as Record<string, unknown> })
        )
      })
      .on("error", reject)
      .end(form && new URLSearchParams(form).toString())
  })

const token = (url: string, form: Record<string, string>, certificate?: Certificates.TestCertificate) =>
  ask(`${url}/token`, { grant_type: "client_credentials", scope: "read", ...form }, certificate)

const encoded = (json: unknown) => Buffer.from(JSON.stringify(json)).toString("base64url")

/** RFC 7523 §2.2 by WebCrypto alone. */
const assertion = async (issuer: string, clientId: string, key: Certificates.TestCertificate) => {
  const seconds = Math.floor(Date.now() / 1000)
  const claims = { iss: clientId, sub: clientId, aud: issuer, exp: seconds + 60, jti: crypto.randomUUID() }
  const signed = `${encoded({ alg: "ES256", kid: "1" })}.${encoded(claims)}`
  const by = { name: "ECDSA", hash: "SHA-256" }
  const signature = await crypto.subtle.sign(by, key.privateKey, new TextEncoder().encode(signed))
  return {
    client_assertion: `${signed}.${Buffer.from(signature).toString("base64url")}`,
    client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
  }
}

describe("lockspire dev", () => {
  it("RFC 8705 §2: --tls-cert and --tls-key ask for a client certificate, without demanding one", async () => {
    using directory = folder()
    const own = await make({ subject: cn("one"), names: { dns: "client.example" }, signer: authority })
    const stranger = await make({ subject: cn("one"), names: { dns: "client.example" } })
    const selfSigned = await make({ subject: cn("self") })
    const seed = directory.file("seed.json", {
      resources,
      clients: [
        {
          client_id: "trusted",
          token_endpoint_auth_method: "tls_client_auth",
          tls_client_auth_san_dns: "client.example",
          ...machine
        },
        {
          client_id: "self",
          token_endpoint_auth_method: "self_signed_tls_client_auth",
          jwks: { keys: [selfSigned.jwk] },
          tls_client_certificate_bound_access_tokens: true,
          ...machine
        }
      ]
    })
    const ca = directory.file("ca.pem", authority.pem)
    const tls = [
      "--tls-cert",
      directory.file("cert.pem", localhost.pem),
      "--tls-key",
      directory.file("key.pem", localhost.privateKeyPem),
      "--tls-client-ca",
      ca
    ]
    await using server = await start(["dev", "--memory", "--seed", seed, ...tls], { NODE_EXTRA_CA_CERTS: ca })
    const metadata = await ask(`${server.url}/.well-known/openid-configuration`)
    assert.include(metadata.json["token_endpoint_auth_methods_supported"], "tls_client_auth")
    const statuses = [
      (await token(server.url, { client_id: "trusted" }, own)).status,
      (await token(server.url, { client_id: "self" }, selfSigned)).status,
      (await token(server.url, { client_id: "trusted" }, stranger)).status,
      (await token(server.url, { client_id: "trusted" })).status
    ]
    assert.deepStrictEqual(statuses, [200, 200, 401, 401])

    // RFC 8705 §3: the demo's API sees the connection's certificate too.
    const bound = (await token(server.url, { client_id: "self" }, selfSigned)).json["access_token"]
    const authorization = `Bearer ${String(bound)}`
    const called = async (certificate?: Certificates.TestCertificate) =>
      (await ask(`${server.url}/demo/api`, undefined, certificate, { authorization })).status
    assert.deepStrictEqual([await called(selfSigned), await called(own), await called()], [200, 401, 401])
  })

  it("private_key_jwt with keys inline, and with keys that the client publishes on this machine", async () => {
    using directory = folder()
    const key = await make({ subject: cn("key") })
    const jwks = { keys: [{ ...key.jwk, kid: "1", use: "sig", alg: "ES256" }] }
    const publisher = createServer({ cert: localhost.pem, key: localhost.privateKeyPem }, (_request, response) =>
      response.end(JSON.stringify(jwks))
    )
    publisher.listen(0, "localhost")
    await once(publisher, "listening")
    const { port } = publisher.address() as AddressInfo
    const method = { token_endpoint_auth_method: "private_key_jwt", ...machine }
    const seed = directory.file("seed.json", {
      resources,
      clients: [
        { client_id: "inline", jwks, ...method },
        { client_id: "published", jwks_uri: `https://localhost:${port}/jwks`, ...method }
      ]
    })
    const tls = [
      "--tls-cert",
      directory.file("cert.pem", localhost.pem),
      "--tls-key",
      directory.file("key.pem", localhost.privateKeyPem)
    ]
    const env = { NODE_EXTRA_CA_CERTS: directory.file("ca.pem", authority.pem) }
    try {
      const by = async (url: string, clientId: string) => (await token(url, await assertion(url, clientId, key))).status
      await using open = await start(["dev", "--memory", "--seed", seed, ...tls, "--egress-allow", "localhost"], env)
      assert.deepStrictEqual([await by(open.url, "inline"), await by(open.url, "published")], [200, 200])
      assert.match(open.output.stderr, /DANGER: the outbound guard is open for localhost/)
      await using guarded = await start(["dev", "--memory", "--seed", seed, ...tls], env)
      assert.deepStrictEqual([await by(guarded.url, "inline"), await by(guarded.url, "published")], [200, 401])
    } finally {
      publisher.closeAllConnections()
      publisher.close()
    }
  })

  it("RFC 9440 §4: a certificate in a header counts from the proxy that the operator names, and else not", async () => {
    using directory = folder()
    const selfSigned = await make({ subject: cn("self") })
    const seed = directory.file("seed.json", {
      resources,
      clients: [
        {
          client_id: "self",
          token_endpoint_auth_method: "self_signed_tls_client_auth",
          jwks: { keys: [selfSigned.jwk] },
          ...machine
        }
      ]
    })
    const statusBehind = async (proxy: string) => {
      const flags = ["--client-cert-header", "Client-Cert", "--trusted-proxy", proxy]
      await using server = await start(["dev", "--memory", "--seed", seed, ...flags])
      const answer = await fetch(`${server.url}/token`, {
        method: "POST",
        headers: { "client-cert": `:${Buffer.from(selfSigned.der).toString("base64")}:` },
        body: new URLSearchParams({ grant_type: "client_credentials", client_id: "self", scope: "read" })
      })
      return answer.status
    }
    assert.strictEqual(await statusBehind("127.0.0.0/8"), 200)
    assert.strictEqual(await statusBehind("192.0.2.1"), 401)
    const half = await run(["dev", "--memory", "--trusted-proxy", "127.0.0.1"])
    assert.deepStrictEqual([half.code, half.stderr], [1, "--client-cert-header and --trusted-proxy go together.\n"])
    const wrong = await run(["dev", "--memory", "--client-cert-header", "X", "--trusted-proxy", "proxy.example"])
    assert.match(wrong.stderr, /--trusted-proxy is an IP address/)
  })

  it("seed.example.json: a machine with a secret, and one with a key of its own", async () => {
    const root = (file: string) => fileURLToPath(new URL(`../../../${file}`, import.meta.url))
    const jwk = JSON.parse(readFileSync(root("seed.example.reports-key.json"), "utf8")) as webcrypto.JsonWebKey
    await using server = await start(["dev", "--memory", "--seed", root("seed.example.json")])
    const config = await openid.discovery(
      new URL(server.url),
      "reports",
      undefined,
      openid.PrivateKeyJwt(
        await crypto.subtle.importKey("jwk", jwk, { name: "ECDSA", namedCurve: "P-256" }, false, ["sign"])
      ),
      { execute: [openid.allowInsecureRequests] }
    )
    const tokens = await openid.clientCredentialsGrant(config, { scope: "notes:read" })
    assert.strictEqual(tokens.scope, "notes:read")
    const answer = await fetch(`${server.url}/token`, {
      method: "POST",
      headers: {
        authorization: `Basic ${Buffer.from("nightly:example-secret-of-the-nightly-job-0123456789").toString("base64")}`
      },
      body: new URLSearchParams({ grant_type: "client_credentials", scope: "notes:read" })
    })
    assert.strictEqual(answer.status, 200)
  })
})
