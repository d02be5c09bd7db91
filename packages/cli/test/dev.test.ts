import { assert, describe, it } from "@effect/vitest"
import { TestBrowser } from "@lockspire/http/testing"
import * as fs from "node:fs"
import * as net from "node:net"
import * as path from "node:path"
import { folder, processesNaming, run, start } from "./lockspire.ts"

const discovery = (url: string) => fetch(`${url}/.well-known/openid-configuration`)

/** Signs in at the demo as `demo`; the page where it ends. */
const signIn = async (url: string) => {
  const browser = new TestBrowser(() => false)
  const form = await browser.visit(`${url}/demo/sign-in`)
  const consent = await browser.submit(form, { username: "demo", password: "demo" })
  return { browser, page: await browser.submit(consent, { decision: "approve" }) }
}

describe("lockspire dev --memory", () => {
  it("answers as soon as it says so, writes nothing to disk, and a signal stops it with 0", async () => {
    using directory = folder()
    const dataDir = path.join(directory.path, "data")
    await using server = await start(["dev", "--memory", "--data-dir", dataDir])
    const response = await discovery(server.url)
    assert.strictEqual(((await response.json()) as { readonly issuer: string }).issuer, server.url)
    const { code, stderr } = await server.stop("SIGINT")
    assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
    assert.isUndefined(await discovery(server.url).catch(() => undefined))
    assert.isFalse(fs.existsSync(dataDir))
  })

  it("signs the demo account in at the demo, which shows its claims and calls its API", async () => {
    await using server = await start(["dev", "--memory"])
    const { browser, page } = await signIn(server.url)
    assert.strictEqual(page.url.href, `${server.url}/demo`)
    assert.include(page.body, "demo@example.com")
    const called = await browser.visit(`${server.url}/demo/call-api`, { method: "POST", body: new URLSearchParams() })
    assert.strictEqual(called.status, 200)
    assert.match(called.body, /200/)
  })

  it("every flag is also a variable; the command line wins", async () => {
    await using server = await start(["dev"], {
      LOCKSPIRE_MEMORY: "true",
      LOCKSPIRE_ISSUER: "http://127.0.0.1:9/x",
      LOCKSPIRE_EGRESS_ALLOW: "10.0.0.1, rp.internal"
    })
    assert.strictEqual(server.url, "http://127.0.0.1:9/x")
    assert.match(server.output.stderr, /DANGER.*10\.0\.0\.1[\s\S]*DANGER.*rp\.internal/)
    await using other = await start(["dev", "--issuer", "http://127.0.0.1:9/y"], {
      LOCKSPIRE_MEMORY: "1",
      LOCKSPIRE_ISSUER: "http://127.0.0.1:9/x"
    })
    assert.strictEqual(other.url, "http://127.0.0.1:9/y")
  })

  it("a port in use is said in a sentence, exit 1", async () => {
    const taken = net.createServer()
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve))
    const { port } = taken.address() as net.AddressInfo
    const { code, stderr } = await run(["dev", "--memory", "--port", String(port)])
    taken.close()
    assert.deepStrictEqual(
      [code, stderr],
      [1, `Port ${port} is in use; stop what uses it, or choose another --port.\n`]
    )
  })

  it("--memory beside --database-url is a contradiction, exit 1", async () => {
    const { code, stderr } = await run(["dev", "--memory", "--database-url", "postgres://a:b@127.0.0.1:1/x"])
    assert.strictEqual(code, 1)
    assert.match(stderr, /^--memory and --database-url exclude one another/)
  })

  it("a bad seed names path and reason, and nothing starts", async () => {
    using directory = folder()
    const file = directory.file("seed.json", { clients: [{ client_id: "x", redirect_uris: ["http://x.example/"] }] })
    const { code, stderr } = await run(["dev", "--memory", "--seed", file])
    assert.deepStrictEqual([code, stderr], [1, "clients[0].redirect_uris[0]: is http outside loopback\n"])
  })

  it("the developer's own entries replace the demo's of the same name, and a generated secret is shown", async () => {
    using directory = folder()
    const file = directory.file("seed.json", {
      accounts: [{ username: "demo", password: "my own" }],
      clients: [
        { client_id: "mine", redirect_uris: ["https://mine.example/cb"], initiate_login_uri: "https://a.example/login" }
      ]
    })
    await using server = await start(["dev", "--memory", "--seed", file])
    assert.notInclude(server.output.stdout, "password demo")
    assert.match(server.output.stdout, /warning: clients\[0\].initiate_login_uri/)
    assert.match(server.output.stdout, /client secret of mine, shown only now: [\w-]{64}\n/)
  })
})

describe("lockspire dev on its own PostgreSQL", () => {
  it("one process at a time; keys rotate beside it; kill -9 and a new start keep everything; nothing is left", async () => {
    using directory = folder()
    const data = ["--data-dir", path.join(directory.path, "data")]
    await using first = await start(["dev", ...data])
    const keyFile = path.join(directory.path, "data", "key-encryption-key")
    assert.strictEqual(fs.statSync(keyFile).mode & 0o777, 0o600)

    const second = await run(["dev", ...data, "--port", "0"])
    assert.strictEqual(second.code, 1)
    assert.match(second.stderr, /^Lockspire is already running on the data in .* \(process \d+\); .*\.\n$/)

    const rotated = await run(["key", "rotate", ...data])
    assert.strictEqual(rotated.code, 0, rotated.stderr)
    assert.strictEqual(rotated.stdout.match(/^Retiring /gm)?.length, 2)
    const applied = await run([
      "seed",
      "apply",
      ...data,
      directory.file("seed.json", { clients: [{ client_id: "kept" }] })
    ])
    assert.match(applied.stdout, /created client kept/)

    await first.stop("SIGKILL")
    await using again = await start(["dev", ...data, "--issuer", first.url])
    assert.strictEqual((await again.stop("SIGTERM")).code, 0)
    const list = await run([
      "seed",
      "apply",
      ...data,
      directory.file("seed.json", { clients: [{ client_id: "kept" }] })
    ])
    assert.match(list.stdout, /^1 unchanged/m)
    assert.deepStrictEqual(processesNaming(directory.path), [])
    assert.deepStrictEqual(fs.readdirSync(path.join(directory.path, "data")).toSorted(), [
      "issuer",
      "key-encryption-key",
      "postgres"
    ])
  })

  it("key rewrap moves every signing key to the new key-encryption key; the old one opens nothing any more", async () => {
    using directory = folder()
    const data = ["--data-dir", path.join(directory.path, "data")]
    const server = await start(["dev", ...data])
    await server.stop()
    const keyFile = path.join(directory.path, "data", "key-encryption-key")
    const before = fs.readFileSync(keyFile, "utf8").trim()
    const after = "A".repeat(43)
    const { code, stderr, stdout } = await run(["key", "rewrap", ...data], { LOCKSPIRE_KEY_ENCRYPTION_KEY: after })
    assert.strictEqual(code, 0, stderr)
    assert.match(stdout, /^Sealed 4 signing keys/)
    assert.strictEqual(fs.readFileSync(keyFile, "utf8").trim(), after)
    const refused = await run(["dev", ...data, "--issuer", server.url], { LOCKSPIRE_KEY_ENCRYPTION_KEY: before })
    assert.strictEqual(refused.code, 1)
    assert.match(refused.stderr, /^The key-encryption key does not open the signing keys/)
  })
})
