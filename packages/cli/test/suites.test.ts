/** `lockspire dev` as test suites need it: its own TLS, an issuer that is not localhost, keys as the seed asks for them. */
import { assert, describe, it } from "@effect/vitest"
import { Certificates } from "@lockspire/core/testing"
import { TestBrowser } from "@lockspire/http/testing"
import { TestDatabase } from "@lockspire/storage-pg/testing"
import { Effect, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { X509Certificate } from "node:crypto"
import { once } from "node:events"
import * as fs from "node:fs"
import * as http from "node:http"
import * as https from "node:https"
import type { AddressInfo } from "node:net"
import * as path from "node:path"
import * as tls from "node:tls"
import { vi } from "vitest"
import { fetchBy } from "../src/IssuerName.ts"
import * as OwnCertificate from "../src/OwnCertificate.ts"
import { freePort } from "./app.ts"
import { folder, randomKey, run, start } from "./lockspire.ts"

/** A status as a machine sees it whose hosts file leads the name here, and that trusts only this authority. */
const statusOf = (url: string, ca: string) =>
  new Promise<number>((resolve, reject) => {
    const { hostname, pathname, port } = new URL(url)
    https
      .get({
        host: "127.0.0.1",
        port,
        path: pathname,
        servername: hostname,
        headers: { host: `${hostname}:${port}` },
        ca
      })
      .on("response", (response) => {
        response.resume()
        resolve(response.statusCode!)
      })
      .on("error", reject)
  })

const discovery = "/.well-known/openid-configuration"
const caFileOf = (stdout: string) => /^ {2}Trust +(\S+)$/m.exec(stdout)![1]!

describe("lockspire dev --tls", () => {
  it("serves a name that does not resolve here, the demo included, by a certificate that a printed file vouches for", async () => {
    const port = await freePort()
    const issuer = `https://lockspire.test:${port}`
    await using server = await start(["dev", "--memory", "--tls", "--issuer", issuer, "--port", String(port)])
    assert.strictEqual(server.url, issuer)
    assert.match(server.output.stdout, /lockspire\.test does not resolve .*\n +127\.0\.0\.1 lockspire\.test\n/)
    const caFile = caFileOf(server.output.stdout)
    const ca = fs.readFileSync(caFile, "utf8")
    assert.strictEqual(await statusOf(`${issuer}${discovery}`, ca), 200)

    tls.setDefaultCACertificates([...tls.getCACertificates("default"), ca])
    vi.stubGlobal("fetch", fetchBy(issuer, { host: "127.0.0.1", port }))
    try {
      const browser = new TestBrowser(() => false)
      const form = await browser.visit(`${issuer}/demo/sign-in`)
      const consent = await browser.submit(form, { username: "demo", password: "demo" })
      const page = await browser.submit(consent, { decision: "approve" })
      assert.strictEqual(page.url.href, `${issuer}/demo`)
      assert.include(page.body, "demo@example.com")
      const called = await browser.visit(`${issuer}/demo/call-api`, { method: "POST", body: new URLSearchParams() })
      assert.match(called.body, /The API answered 200/)
      for (const name of browser.cookies.keys()) assert.match(name, /^__Host-/)
    } finally {
      vi.unstubAllGlobals()
    }
    assert.strictEqual((await server.stop()).code, 0)
    assert.isFalse(fs.existsSync(path.dirname(caFile)))
  })

  it.live("the data folder keeps the certificate for the next start", () =>
    Effect.scoped(
      Effect.flatMap(TestDatabase.create(), (databaseUrl) =>
        Effect.promise(async () => {
          using own = folder()
          const env = { LOCKSPIRE_KEY_ENCRYPTION_KEY: randomKey() }
          const data = ["--database-url", Redacted.value(databaseUrl), "--data-dir", own.path]
          const certificates: Array<string> = []
          for (const _ of ["first", "second"]) {
            await using server = await start(["dev", "--tls", ...data], env)
            const caFile = caFileOf(server.output.stdout)
            assert.strictEqual(caFile, path.join(own.path, "tls", "localhost", "ca.pem"))
            certificates.push(fs.readFileSync(caFile, "utf8"))
            assert.strictEqual(await statusOf(`${server.url}${discovery}`, certificates[0]!), 200)
            await server.stop()
          }
          assert.strictEqual(certificates[0], certificates[1])
          assert.strictEqual(fs.statSync(path.join(own.path, "tls", "localhost", "key.pem")).mode & 0o777, 0o600)
        })
      )
    )
  )

  it.effect("RFC 5280 §4.1.2.5: a certificate is made anew before it expires, and for another name", () =>
    Effect.gen(function* () {
      using own = folder()
      const take = (host: string) => OwnCertificate.inDataDirectory(own.path, host)
      const first = yield* take("lockspire.test")
      const certificate = new X509Certificate(first.cert)
      assert.strictEqual(certificate.checkHost("lockspire.test"), "lockspire.test")
      assert.strictEqual(certificate.checkIP("127.0.0.1"), "127.0.0.1")
      yield* TestClock.adjust("389 days")
      assert.deepStrictEqual(yield* take("lockspire.test"), first)
      yield* TestClock.adjust("2 days")
      assert.notStrictEqual((yield* take("lockspire.test")).cert, first.cert)
      const other = yield* take("192.0.2.1")
      assert.strictEqual(new X509Certificate(other.cert).checkIP("192.0.2.1"), "192.0.2.1")
      assert.deepStrictEqual(yield* take("192.0.2.1"), other)
    })
  )

  it("what does not go with it is a sentence, exit 1", async () => {
    const plain = await run(["dev", "--memory", "--tls", "--issuer", "http://localhost:3000"])
    assert.deepStrictEqual(
      [plain.code, plain.stderr],
      [1, "--tls serves https, but the issuer is http://localhost:3000.\n"]
    )
    const both = await run(["dev", "--memory", "--tls", "--tls-cert", "x.pem", "--tls-key", "y.pem"])
    assert.match(both.stderr, /^--tls makes a certificate, --tls-cert and --tls-key bring one/)
  })
})

describe("lockspire dev", () => {
  it("NODE_EXTRA_CA_CERTS: the demo reaches its issuer through a TLS proxy that only this variable vouches for", async () => {
    using own = folder()
    const cn = (name: string): Certificates.Subject => [["2.5.4.3", name]]
    const make = (options: Certificates.Options) => Effect.runPromise(Certificates.makeCertificate(options))
    const authority = await make({ subject: cn("Proxy CA"), isAuthority: true })
    const localhost = await make({ subject: cn("localhost"), names: { dns: "localhost" }, signer: authority })
    const port = await freePort()
    const proxy = https.createServer({ cert: localhost.pem, key: localhost.privateKeyPem }, (incoming, outgoing) => {
      const { headers, method, url } = incoming
      const forward = http.request({ host: "127.0.0.1", port, path: url, method, headers }, (answer) => {
        outgoing.writeHead(answer.statusCode!, answer.headers)
        answer.pipe(outgoing)
      })
      incoming.pipe(forward)
    })
    proxy.listen(0, "localhost")
    await once(proxy, "listening")
    const issuer = `https://localhost:${(proxy.address() as AddressInfo).port}`
    const dev = ["dev", "--memory", "--issuer", issuer, "--port", String(port)]
    try {
      const signIn = async (env: Record<string, string>) => {
        await using server = await start(dev, env)
        assert.strictEqual(server.url, issuer)
        return await statusOf(`${issuer}/demo/sign-in`, authority.pem)
      }
      assert.strictEqual(await signIn({ NODE_EXTRA_CA_CERTS: own.file("ca.pem", authority.pem) }), 303)
      assert.strictEqual(await signIn({}), 400)
    } finally {
      proxy.closeAllConnections()
      proxy.close()
    }
  })

  it("RFC 8705 §2: a FAPI client with a certificate is refused where none reach the server, and taken with --tls", async () => {
    using own = folder()
    const { jwk } = await Effect.runPromise(Certificates.makeCertificate({ subject: [["2.5.4.3", "bank"]] }))
    const bank = {
      client_id: "bank",
      token_endpoint_auth_method: "self_signed_tls_client_auth",
      jwks: { keys: [jwk] },
      redirect_uris: ["https://bank.example/cb"],
      id_token_signed_response_alg: "ES256",
      security_profile: "fapi_2_0_security"
    }
    const args = ["dev", "--memory", "--seed", own.file("seed.json", { clients: [bank] })]
    const refused = await run([...args, "--port", "0"])
    assert.strictEqual(refused.code, 1)
    assert.match(refused.stderr, /^clients\[0\]: fails fapi2-sp-client-authentication .* no client certificate reaches/)
    await using server = await start([...args, "--tls"])
    assert.match(server.url, /^https:/)
    await server.stop()
  })

  it("--seed: makes the keys that it asks for, and says so in one line", async () => {
    using own = folder()
    const seed = own.file("seed.json", {
      clients: [
        {
          client_id: "app",
          grant_types: [],
          id_token_signed_response_alg: "ES384",
          request_object_encryption_alg: "ECDH-ES"
        }
      ],
      resources: [{ identifier: "https://api.example/", accessTokenFormat: "jwt", signingAlgorithm: "EdDSA" }]
    })
    await using server = await start(["dev", "--memory", "--seed", seed])
    assert.match(server.output.stdout, /^Made keys for ES384, ECDH-ES, EdDSA, which the seed asks for\.$/m)
    assert.notInclude(server.output.stdout, "warning")
    const metadata = (await (await fetch(`${server.url}${discovery}`)).json()) as Record<string, ReadonlyArray<string>>
    assert.includeMembers([...metadata["id_token_signing_alg_values_supported"]!], ["ES256", "ES384", "EdDSA"])
  })
})
