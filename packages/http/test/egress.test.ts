/** The one way out: what a stranger's URL can make the server fetch, and what not. */
import { assert, describe, it } from "@effect/vitest"
import { Egress } from "@lockspire/core"
import { Certificates } from "@lockspire/core/testing"
import { Effect } from "effect"
import { execFile } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import type { RequestListener } from "node:http"
import { createServer } from "node:https"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { getCACertificates, setDefaultCACertificates } from "node:tls"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { NodeEgress } from "../src/node/index.ts"

const authority = await Effect.runPromise(
  Certificates.makeCertificate({ subject: [["2.5.4.3", "Egress test CA"]], isAuthority: true })
)
const certificate = await Effect.runPromise(
  Certificates.makeCertificate({
    subject: [["2.5.4.3", "keys.example"]],
    names: { dns: "keys.example" },
    signer: authority
  })
)
setDefaultCACertificates([...getCACertificates("default"), authority.pem])

/** A TLS server on loopback for keys.example; how often it was reached. */
const serving = async (listener: RequestListener) => {
  let requests = 0
  const server = createServer({ cert: certificate.pem, key: certificate.privateKeyPem }, (request, response) => {
    requests++
    listener(request, response)
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  return {
    port,
    url: `https://keys.example:${port}/jwks`,
    requests: () => requests,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, "close")
    }
  }
}

const loopback = { address: "127.0.0.1", family: 4 }
/** The guard opened for keys.example alone, which is on loopback. */
const open: NodeEgress.Options = { allowHosts: ["keys.example"], resolve: () => Promise.resolve([loopback]) }

const get = (url: string, options: NodeEgress.Options = {}) =>
  Effect.runPromise(
    Egress.Egress.use((egress) => egress.get({ url, accept: "application/json" })).pipe(
      Effect.match({ onSuccess: (response) => response, onFailure: (refused) => refused.reason }),
      Effect.provide(NodeEgress.layer(options))
    )
  )

describe("egress", () => {
  it("fetches by https, with no credentials, and shows status, headers and body", async () => {
    const seen: Array<Record<string, unknown>> = []
    await using server = await serving((request, response) => {
      seen.push(request.headers)
      response.setHeader("cache-control", "max-age=5").end('{"keys":[]}')
    })
    const response = await get(server.url, open)
    if (typeof response === "string") return assert.fail(response)
    assert.strictEqual(response.status, 200)
    assert.strictEqual(response.headers["cache-control"], "max-age=5")
    assert.strictEqual(new TextDecoder().decode(response.body), '{"keys":[]}')
    assert.deepStrictEqual(seen, [
      {
        accept: "application/json",
        "accept-encoding": "identity",
        "user-agent": "lockspire",
        host: `keys.example:${server.port}`,
        connection: "close"
      }
    ])
  })

  const special = [
    ..."0.0.0.0 10.0.0.1 100.64.0.1 127.0.0.1 127.1.2.3 169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.8".split(" "),
    ..."192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1 240.0.0.1".split(" "),
    ..."255.255.255.255 :: ::1 ::ffff:127.0.0.1 ::ffff:8.8.8.8 ::7f00:1 64:ff9b::7f00:1 64:ff9b:1::1".split(" "),
    ..."100::1 2001::1 2001:2::1 2001:db8::1 2002:7f00:1:: 3fff::1 5f00::1 fc00::1 fd12::1 fe80::1 fec0::1".split(" "),
    ..."ff02::1 ff0e::1".split(" ")
  ]
  it.each(special)("RFC 6890: %s is reached neither as an address nor by a name", async (address) => {
    const family = address.includes(":") ? 6 : 4
    const literal = family === 6 ? `[${address}]` : address
    assert.strictEqual(await get(`https://${literal}:9/jwks`), "AddressSpecialUse")
    const named = { resolve: () => Promise.resolve([{ address, family }]) }
    assert.strictEqual(await get("https://keys.example/jwks", named), "AddressSpecialUse")
    // One good address beside it changes nothing: which one is used would be chance.
    const mixed = {
      resolve: () =>
        Promise.resolve([
          { address: "8.8.8.8", family: 4 },
          { address, family }
        ])
    }
    assert.strictEqual(await get("https://keys.example/jwks", mixed), "AddressSpecialUse")
  })

  const public_ = ["8.8.8.8", "1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00:1450::1"]
  it.each(public_)("%s is public", (address) => assert.isFalse(Egress.isSpecialUse(address)))

  it.each([
    "https://0x7f.1/",
    "https://2130706433/",
    "https://0177.0.0.1/",
    "https://127.1/",
    "https://[::ffff:7f00:1]/"
  ])("%s is loopback, however it is spelled", async (url) => assert.strictEqual(await get(url), "AddressSpecialUse"))

  it("a name server that changes its answer changes nothing: the checked address is the one connected to", async () => {
    await using server = await serving((_request, response) => response.end("inside"))
    let asked = 0
    const resolve = () => {
      asked++
      return Promise.resolve(asked === 1 ? [{ address: "192.0.2.1", family: 4 }] : [loopback])
    }
    // 192.0.2.1 is let through here as a public address would be: nobody is there.
    const rebinding = { resolve, allowHosts: ["keys.example"], timeout: 300 }
    assert.match((await get(server.url, rebinding)) as string, /^(TooSlow|ConnectionFailed)$/)
    assert.strictEqual(asked, 1)
    assert.strictEqual(server.requests(), 0)
  })

  it("the guard that is open for one name is open for no other", async () => {
    await using server = await serving((_request, response) => response.end())
    assert.strictEqual(await get(`https://other.example:${server.port}/`, open), "AddressSpecialUse")
    assert.strictEqual(await get(`https://127.0.0.1:${server.port}/`, open), "AddressSpecialUse")
  })

  it("no redirect is followed", async () => {
    for (const status of [301, 302, 303, 307, 308]) {
      await using server = await serving((_request, response) =>
        response.writeHead(status, { location: "https://127.0.0.1/" }).end()
      )
      assert.strictEqual(await get(server.url, open), "Redirected")
      assert.strictEqual(server.requests(), 1)
    }
  })

  it("a body that is too large is cut off, whatever length it announces", async () => {
    await using endless = await serving((_request, response) => {
      const more = () => {
        while (response.write("x".repeat(16_384)));
      }
      response.on("drain", more)
      more()
    })
    assert.strictEqual(await get(endless.url, open), "TooLarge")
    await using exact = await serving((_request, response) => response.end("x".repeat(100)))
    assert.strictEqual(await get(exact.url, { ...open, maximumBytes: 99 }), "TooLarge")
    assert.isObject(await get(exact.url, { ...open, maximumBytes: 100 }))
  })

  it("a server that takes its time is given up on, before its headers and in the middle of its body", async () => {
    await using silent = await serving(() => undefined)
    assert.strictEqual(await get(silent.url, { ...open, timeout: 200 }), "TooSlow")
    await using slow = await serving((_request, response) => void response.write("{"))
    assert.strictEqual(await get(slow.url, { ...open, timeout: 200 }), "TooSlow")
  })

  it("a connection that breaks is a refusal, never half a document", async () => {
    await using server = await serving((_request, response) => {
      response.writeHead(200, { "content-length": "100" }).write("{")
      setImmediate(() => response.destroy())
    })
    assert.strictEqual(await get(server.url, open), "ConnectionFailed")
  })

  it("the certificate is that of the name", async () => {
    await using server = await serving((_request, response) => response.end())
    const elsewhere = { ...open, allowHosts: ["other.example"] }
    assert.strictEqual(await get(`https://other.example:${server.port}/`, elsewhere), "ConnectionFailed")
  })

  const malformed = ["", "keys.example", "https://", "https://user:pass@keys.example/", "https://user@keys.example/"]
  it.each(malformed)("%j is no URL to fetch", async (url) => assert.strictEqual(await get(url, open), "UrlMalformed"))

  const others = [
    "http://keys.example/",
    "file:///etc/passwd",
    "ftp://keys.example/",
    "data:,x",
    "gopher://keys.example/"
  ]
  it.each(others)("%s is not https", async (url) => assert.strictEqual(await get(url, open), "NotHttps"))

  it("a name without an address is refused", async () => {
    assert.strictEqual(await get("https://keys.example/", { resolve: () => Promise.resolve([]) }), "NameUnresolved")
    const fails = { resolve: () => Promise.reject(new Error("ENOTFOUND")) }
    assert.strictEqual(await get("https://keys.example/", fails), "NameUnresolved")
  })

  it("NODE_EXTRA_CA_CERTS: an operator's own certification authority is trusted", async () => {
    await using server = await serving((_request, response) => response.end("{}"))
    const directory = mkdtempSync(join(tmpdir(), "lockspire-egress-"))
    try {
      writeFileSync(join(directory, "ca.pem"), authority.pem)
      const script = fileURLToPath(new URL("egressOnce.ts", import.meta.url))
      const run = async (env: Record<string, string>) => {
        const { stdout } = await promisify(execFile)(process.execPath, [script, server.url], {
          env: { ...process.env, NODE_OPTIONS: "", ...env }
        })
        return stdout.trim()
      }
      assert.strictEqual(await run({}), "ConnectionFailed")
      assert.strictEqual(await run({ NODE_EXTRA_CA_CERTS: join(directory, "ca.pem") }), "200")
    } finally {
      rmSync(directory, { recursive: true })
    }
  })
})
