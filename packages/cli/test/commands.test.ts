import { assert, describe, it } from "@effect/vitest"
import { Certificates } from "@lockspire/core/testing"
import { TestDatabase } from "@lockspire/storage-pg/testing"
import { Effect, Redacted } from "effect"
import * as fs from "node:fs"
import * as https from "node:https"
import { fileURLToPath } from "node:url"
import { folder, randomKey, run, start } from "./lockspire.ts"

const example = fileURLToPath(new URL("../../../seed.example.json", import.meta.url))
const core = import.meta.resolve("@lockspire/core")
const effect = import.meta.resolve("effect")

/** A test with a database of its own, migrated or empty. */
const onDatabase = (title: string, template: "template" | "template1", body: (databaseUrl: string) => Promise<void>) =>
  it.live(title, () =>
    Effect.scoped(
      Effect.flatMap(TestDatabase.create(template), (url) => Effect.promise(() => body(Redacted.value(url))))
    )
  )

it("--version says the version of the package", async () => {
  const { version } = JSON.parse(fs.readFileSync(new URL("../package.json", import.meta.url), "utf8"))
  assert.include((await run(["--version"])).stdout, version)
})

describe("lockspire seed", () => {
  it("check: the example is good", async () => {
    const { code, stdout } = await run(["seed", "check", example])
    assert.strictEqual(code, 0)
    assert.match(stdout, /is good: 2 accounts, 6 clients, 1 resource\./)
  })

  it("check: one line of path and reason for each problem, exit 1", async () => {
    using directory = folder()
    const file = directory.file("bad.json", { users: [], clients: [{ redirect_uris: ["javascript:x"] }] })
    const { code, stderr } = await run(["seed", "check", file])
    assert.deepStrictEqual(
      [code, stderr],
      [1, "users: is not a member that a seed has here\nclients[0].client_id: is missing\n"]
    )
  })

  it("check: a client fails a rule of the profile that the seed sets, for itself or for the server", async () => {
    using directory = folder()
    const client = {
      client_id: "shop",
      redirect_uris: ["https://shop.example/cb"],
      id_token_signed_response_alg: "ES256"
    }
    for (const [name, seed] of [
      ["client", { clients: [{ ...client, security_profile: "fapi_2_0_security" }] }],
      ["server", { policy: { securityProfile: "fapi_2_0_security" }, clients: [client] }]
    ] as const) {
      const { code, stderr } = await run(["seed", "check", directory.file(`${name}.json`, seed)])
      assert.strictEqual(code, 1)
      assert.match(stderr, /^clients\[0\]: fails fapi2-sp-client-authentication .*To mend it: .*\n$/)
    }
  })

  onDatabase("apply: a second time changes nothing", "template", async (databaseUrl) => {
    const args = ["seed", "apply", example, "--database-url", databaseUrl, "--issuer", "https://login.example.com"]
    const first = await run(args)
    assert.strictEqual(first.stdout.match(/^created /gm)?.length, 9, first.stderr)
    assert.strictEqual((await run(args)).stdout, "10 unchanged at https://login.example.com.\n")
  })
})

describe("lockspire migrate", () => {
  onDatabase("--plan prints the pending migrations and changes nothing", "template1", async (databaseUrl) => {
    const env = { LOCKSPIRE_DATABASE_URL: databaseUrl, LOCKSPIRE_SCHEMA: "own" }
    const plan = await run(["migrate", "--plan"], env)
    assert.match(plan.stdout, /^pending 0001_initial\n/, plan.stderr)
    assert.strictEqual((await run(["migrate", "--plan"], env)).stdout, plan.stdout)
    assert.strictEqual((await run(["migrate"], env)).stdout, plan.stdout.replaceAll("pending", "ran"))
    assert.strictEqual((await run(["migrate", "--plan"], env)).stdout, "Nothing is pending.\n")
  })

  it("a database that is not there is a sentence without the password, exit 1", async () => {
    const { code, stderr } = await run(["migrate", "--database-url", "postgres://a:hunter2@127.0.0.1:1/x"])
    assert.strictEqual(code, 1)
    assert.match(stderr, /^The database at 127\.0\.0\.1:1 cannot be used: .*\n$/)
    assert.notInclude(stderr, "hunter2")
  })
})

describe("lockspire serve", () => {
  it("refuses to start with a sentence for each reason", async () => {
    const nothing = await run(["serve"])
    assert.strictEqual(nothing.code, 1)
    assert.match(
      nothing.stderr,
      /^There is no key-encryption key: .*\nThere is no issuer: .*\nThere is no database: .*\n$/
    )
    const wrong = await run(["serve", "--issuer", "http://login.example.com"], {
      LOCKSPIRE_KEY_ENCRYPTION_KEY: "too-short",
      LOCKSPIRE_HOST_MODULE: "/nowhere.ts",
      LOCKSPIRE_TLS_CERT: "cert.pem"
    })
    assert.match(wrong.stderr, /KEY_ENCRYPTION_KEY is not 32 bytes/)
    assert.match(wrong.stderr, /is plain http outside loopback/)
    assert.match(wrong.stderr, /--tls-cert and --tls-key go together/)
    assert.match(wrong.stderr, /The host module \/nowhere\.ts cannot be loaded/)
  })

  onDatabase("refuses to start with pending migrations", "template1", async (databaseUrl) => {
    const env = { LOCKSPIRE_KEY_ENCRYPTION_KEY: randomKey(), LOCKSPIRE_DATABASE_URL: databaseUrl }
    const { code, stderr } = await run(["serve", "--issuer", "https://login.example.com"], env)
    assert.strictEqual(code, 1)
    assert.match(stderr, /pending \(0001_initial.*\): run `lockspire migrate` first\.\n$/)
  })

  onDatabase("serves the accounts in the database, without demo and sign-up", "template", async (databaseUrl) => {
    const env = { LOCKSPIRE_KEY_ENCRYPTION_KEY: randomKey(), LOCKSPIRE_DATABASE_URL: databaseUrl }
    // The issuer is another than the address, as behind a proxy: `Host` selects it.
    await using server = await start(["serve", "--issuer", "http://localhost:4999"], env)
    const port = /on localhost:(\d+)/.exec(server.output.stdout)![1]!
    const statuses = await Promise.all(
      ["/.well-known/openid-configuration", "/sign-in", "/sign-up", "/demo"].map((path) =>
        statusOf(Number(port), path, "localhost:4999")
      )
    )
    assert.deepStrictEqual(statuses, [200, 200, 404, 404])
    assert.strictEqual(await statusOf(Number(port), "/.well-known/openid-configuration", "evil.example"), 404)
    assert.strictEqual((await server.stop()).code, 0)
  })

  onDatabase(
    "RFC 6797 §7.1: by its own https it tells browsers to come by nothing else",
    "template",
    async (databaseUrl) => {
      using directory = folder()
      const made = await Effect.runPromise(
        Certificates.makeCertificate({ subject: [["2.5.4.3", "localhost"]], names: { dns: "localhost" } })
      )
      const env = { LOCKSPIRE_KEY_ENCRYPTION_KEY: randomKey(), LOCKSPIRE_DATABASE_URL: databaseUrl }
      const tls = [
        "--tls-cert",
        directory.file("cert.pem", made.pem),
        "--tls-key",
        directory.file("key.pem", made.privateKeyPem)
      ]
      await using server = await start(["serve", "--issuer", "https://localhost:4999", ...tls], env)
      const port = Number(/on localhost:(\d+)/.exec(server.output.stdout)![1]!)
      const headers = { host: "localhost:4999" }
      for (const path of ["/.well-known/openid-configuration", "/nowhere"]) {
        const policy = await new Promise<string | undefined>((resolve, reject) => {
          https
            .get({ host: "localhost", port, path, ca: made.pem, headers, agent: false }, (answer) => {
              answer.resume()
              resolve(answer.headers["strict-transport-security"])
            })
            .on("error", reject)
        })
        assert.strictEqual(policy, "max-age=31536000")
      }
    }
  )

  onDatabase(
    "--host-module brings a Layer of HostResolver, or a sentence says that it does not",
    "template",
    async (databaseUrl) => {
      using directory = folder()
      const env = { LOCKSPIRE_KEY_ENCRYPTION_KEY: randomKey(), LOCKSPIRE_DATABASE_URL: databaseUrl }
      const serve = ["serve", "--issuer", "http://localhost:4999", "--host-module"]
      const host = directory.file(
        "host.mjs",
        `import { HostResolver } from ${JSON.stringify(core)}
       import { Effect, Layer, Option } from ${JSON.stringify(effect)}
       export default Layer.succeed(HostResolver, {
         authentication: () => Effect.succeed(Option.none()),
         signIn: () => Effect.succeed("/my-sign-in"),
         claims: () => Effect.succeed(Option.none()),
         mayUse: () => Effect.succeed(true)
       })`
      )
      await using server = await start([...serve, host], env)
      const port = Number(/on localhost:(\d+)/.exec(server.output.stdout)![1])
      assert.strictEqual(await statusOf(port, "/.well-known/openid-configuration", "localhost:4999"), 200)
      assert.strictEqual(await statusOf(port, "/sign-in", "localhost:4999"), 404)

      const none = await run([...serve, directory.file("none.mjs", "export default {}")], env)
      assert.match(none.stderr, /none\.mjs has no default export that is a Layer of HostResolver\.\n$/)
      const other = await run(
        [
          ...serve,
          directory.file("other.mjs", `import { Layer } from ${JSON.stringify(effect)}; export default Layer.empty`),
          "--port",
          "0"
        ],
        env
      )
      assert.strictEqual(other.code, 1)
      assert.match(other.stderr, /is a Layer, but not of HostResolver\.\n$/)
    }
  )
})

describe("lockspire key", () => {
  onDatabase("generate publishes a next key; rotate needs the key-encryption key", "template", async (databaseUrl) => {
    const env = { LOCKSPIRE_KEY_ENCRYPTION_KEY: randomKey(), LOCKSPIRE_DATABASE_URL: databaseUrl }
    const issuer = ["--issuer", "https://login.example.com"]
    const made = await run(["key", "generate", "--algorithm", "ES256", ...issuer], env)
    assert.match(made.stdout, /^Next {5}ES256 {2}[\w-]{43}\n$/, made.stderr)
    const rotated = await run(["key", "rotate", ...issuer], env)
    assert.match(rotated.stdout, /^Active {3}ES256/m, rotated.stderr)
    assert.match(
      rotated.stderr,
      /^warning: no ES256 key has been published for 300 seconds and does not sign yet: .*\n/
    )
    const other = await run(["key", "rotate", "--algorithm", "ES384", ...issuer], env)
    assert.match(other.stderr, /^warning: no ES384 key has been published/)
    const without = await run(["key", "rotate", ...issuer], { LOCKSPIRE_DATABASE_URL: databaseUrl })
    assert.strictEqual(without.code, 1)
    assert.match(without.stderr, /^There is no key-encryption key/)
  })

  onDatabase(
    "the issuer is the only one there is, and one that is not there is refused",
    "template",
    async (databaseUrl) => {
      const env = { LOCKSPIRE_KEY_ENCRYPTION_KEY: randomKey(), LOCKSPIRE_DATABASE_URL: databaseUrl }
      const none = await run(["key", "rotate"], env)
      assert.strictEqual(none.code, 1)
      assert.match(none.stderr, /^Say which issuer is meant, with --issuer: the database has none yet\.\n$/)
      const generate = ["key", "generate", "--algorithm", "ES256"]
      await run([...generate, "--issuer", "https://one.example"], env)
      const rotated = await run(["key", "rotate"], env)
      assert.match(rotated.stderr, /The keys of https:\/\/one\.example:\n$/)
      assert.match(rotated.stdout, /^Active {3}ES256/m)
      for (const command of [
        ["key", "rotate"],
        ["key", "list"],
        ["profile", "set", "none"]
      ]) {
        const misspelt = await run([...command, "--issuer", "https://won.example"], env)
        assert.strictEqual(misspelt.code, 1)
        assert.match(misspelt.stderr, /^There is no issuer https:\/\/won\.example in this database yet, only https:/)
      }
      const second = await run([...generate, "--issuer", "https://two.example"], env)
      assert.match(second.stderr, /^warning: There is no issuer https:\/\/two\.example/)
      const ambiguous = await run(["key", "list"], env)
      assert.match(ambiguous.stderr, /the database has https:\/\/one\.example, https:\/\/two\.example\.\n$/)
    }
  )

  onDatabase(
    "generate makes a key to encrypt to; its rotation warns of nothing, and the one before it is still there",
    "template",
    async (databaseUrl) => {
      const env = { LOCKSPIRE_KEY_ENCRYPTION_KEY: randomKey(), LOCKSPIRE_DATABASE_URL: databaseUrl }
      const issuer = ["--issuer", "https://login.example.com"]
      const made = await run(["key", "generate", "--algorithm", "ECDH-ES", ...issuer], env)
      assert.match(made.stdout, /^Next {5}ECDH-ES {2}[\w-]{43}\n$/, made.stderr)
      const first = await run(["key", "rotate", ...issuer], env)
      assert.match(first.stdout, /^Active {3}ECDH-ES {2}[\w-]{43}\nNext {5}ECDH-ES {2}[\w-]{43}\n$/, first.stderr)
      const second = await run(["key", "rotate", "--algorithm", "ECDH-ES", ...issuer], env)
      assert.match(second.stdout, /^Retiring {1}ECDH-ES .*\nActive {3}ECDH-ES .*\nNext {5}ECDH-ES .*\n$/)
      const heading = "The keys of https://login.example.com:\n"
      assert.deepStrictEqual([first.stderr, second.stderr], [heading, heading])
      const unknown = await run(["key", "generate", "--algorithm", "RSA1_5", ...issuer], env)
      assert.notStrictEqual(unknown.code, 0)
    }
  )

  onDatabase(
    "retire takes a key that does not sign out of the set, and refuses one that does",
    "template",
    async (databaseUrl) => {
      const env = { LOCKSPIRE_KEY_ENCRYPTION_KEY: randomKey(), LOCKSPIRE_DATABASE_URL: databaseUrl }
      const issuer = ["--issuer", "https://login.example.com"]
      await run(["key", "rotate", "--algorithm", "Ed25519", ...issuer], env)
      const listed = await run(["key", "list", ...issuer], env)
      assert.match(listed.stdout, /^Active {3}Ed25519 {2}[\w-]{43}\nNext {5}Ed25519 {2}[\w-]{43}\n$/, listed.stderr)
      const [active, next] = listed.stdout.match(/[\w-]{43}/g)!
      // After `--`, since a kid may begin with a hyphen.
      const refused = await run(["key", "retire", ...issuer, "--", active ?? ""], env)
      assert.deepStrictEqual([refused.code, refused.stdout], [1, ""])
      assert.match(refused.stderr, /^There is no key .* that could be retired: a key that signs is rotated first\.\n$/)
      const retired = await run(["key", "retire", ...issuer, "--", next ?? ""], env)
      assert.strictEqual(retired.stdout, `Active   Ed25519  ${active}\n`, retired.stderr)
      const hyphen = await run(["key", "retire", ...issuer, "--", "-x"], env)
      assert.match(hyphen.stderr, /^There is no key -x of/)
    }
  )
})

/** The status of a GET to this machine under another `Host`, which fetch does not let one choose. */
const statusOf = async (port: number, path: string, host: string): Promise<number> => {
  const { get } = await import("node:http")
  return new Promise((resolve, reject) => {
    get({ port, path, host: "127.0.0.1", headers: { host } }, (response) => {
      response.resume()
      resolve(response.statusCode ?? 0)
    }).on("error", reject)
  })
}
