import { assert, it } from "@effect/vitest"
import { EmbeddedPostgres } from "@lockspire/storage-pg"
import { Effect, Exit, Redacted, Scope } from "effect"
import * as path from "node:path"
import { type Answer, authorizationPath, freePort, Person, seedClient, ServerNode, tokensOf } from "./app.ts"
import { folder, randomKey, start } from "./lockspire.ts"

/** A PostgreSQL that goes and comes back at the same address. */
const database = (dataDir: string, port: number) => {
  let scope = Scope.makeUnsafe()
  return {
    start: async () => {
      scope = Scope.makeUnsafe()
      const made = EmbeddedPostgres.make({ dataDir, port, fast: true })
      return Redacted.value((await Effect.runPromise(Scope.provide(made, scope))).url("postgres"))
    },
    stop: () => Effect.runPromise(Scope.close(scope, Exit.void))
  }
}

/** Beyond this a load balancer has given up on the request. */
const patience = 5_000

it("PostgreSQL lost under load: 503 with Retry-After and no other fault; back, and the next request is served", async () => {
  using directory = folder()
  const postgres = database(path.join(directory.path, "postgres"), await freePort())
  const port = await freePort()
  const node = new ServerNode(`http://localhost:${port}`)
  const databaseUrl = await postgres.start()
  try {
    await using _ = await start(
      [
        "dev",
        "--database-url",
        databaseUrl,
        "--port",
        String(port),
        "--seed",
        directory.file("seed.json", { clients: [seedClient()] })
      ],
      { LOCKSPIRE_KEY_ENCRYPTION_KEY: randomKey() }
    )
    const person = new Person(node.issuer.origin)
    const codes = [await person.code(), await person.code()]
    const tokens = tokensOf(await node.exchange(codes[0]!))

    /** One request of every kind that needs the database. */
    const requests: ReadonlyArray<() => Promise<Answer>> = [
      () => node.send(authorizationPath()),
      () => node.send("/sign-in", { username: "demo", password: "demo" }),
      () => node.exchange("an-unknown-code"),
      () => node.refresh("an-unknown-token"),
      () => node.userinfo(tokens.access_token),
      () => node.send("/revoke", { token: "unknown", client_id: "app" }),
      () => node.send("/introspect", { token: tokens.access_token, client_id: "app" }),
      () => node.send("/.well-known/openid-configuration"),
      () => node.send("/jwks")
    ]
    const answers: Array<Answer> = []
    let slowest = 0
    const timed = async (request: () => Promise<Answer>): Promise<Answer> => {
      const from = performance.now()
      const answer = await request()
      slowest = Math.max(slowest, performance.now() - from)
      answers.push(answer)
      return answer
    }

    const traffic = { isOn: true }
    const load = Promise.all(
      Array.from({ length: 18 }, async (_, worker) => {
        for (let i = worker; traffic.isOn; i++) await timed(requests[i % requests.length]!)
      })
    )
    const beenAnswered = async (count: number) => {
      const from = answers.length
      while (answers.length < from + count) await new Promise((resolve) => setTimeout(resolve, 20))
    }
    await beenAnswered(100)
    await postgres.stop()
    await beenAnswered(200)
    traffic.isOn = false
    await load

    const down = await Promise.all([
      timed(() => node.exchange(codes[1]!)),
      timed(() => node.refresh(tokens.refresh_token)),
      timed(() => node.userinfo(tokens.access_token)),
      timed(() => node.send(authorizationPath()))
    ])
    for (const { headers, status } of down) {
      assert.deepStrictEqual([status, typeof headers["retry-after"]], [503, "string"])
    }
    assert.match(down[3].headers["content-type"] ?? "", /^text\/html/)
    assert.include(down[3].body, "Reload this page in a moment")
    const faults = answers.filter(({ status }) => status >= 500)
    assert.deepStrictEqual(new Set(faults.map(({ status }) => status)), new Set([503]), faults[0]!.body)
    assert.isTrue(faults.every(({ headers }) => /^\d+$/.test(headers["retry-after"] ?? "")))
    assert.isFalse(
      faults.some(({ body }) => /postgres|ECONN|127\.0\.0\.1/i.test(body)),
      "a fault tells nothing"
    )
    assert.isBelow(slowest, patience)

    await postgres.start()
    const served = tokensOf(await node.refresh(tokens.refresh_token))
    assert.strictEqual((await node.userinfo(served.access_token)).status, 200)
    assert.strictEqual((await node.exchange(codes[1]!)).status, 200)
  } finally {
    node.close()
    await postgres.stop()
  }
})
