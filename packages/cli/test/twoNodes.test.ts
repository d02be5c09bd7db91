import { assert, describe, it } from "@effect/vitest"
import { TestDatabase } from "@lockspire/storage-pg/testing"
import { Effect, Exit, Redacted, Scope } from "effect"
import { createPublicKey, verify } from "node:crypto"
import { afterAll, beforeAll } from "vitest"
import { freePort, Person, type PublishedKey, seedClient, ServerNode, tokensOf } from "./app.ts"
import { folder, randomKey, type Running, run, start } from "./lockspire.ts"
import { query } from "./sql.ts"

/** Two processes on one database, as behind a load balancer; what both need is shared by all tests. */
const scope = Scope.makeUnsafe()
const key = { LOCKSPIRE_KEY_ENCRYPTION_KEY: randomKey() }
const running: Array<Running> = []
let databaseUrl: string
let issuer: string
let person: Person
let nodes: readonly [ServerNode, ServerNode]

beforeAll(async () => {
  using directory = folder()
  const seed = directory.file("seed.json", { clients: [seedClient(), seedClient("disabled-later")] })
  databaseUrl = Redacted.value(await Effect.runPromise(Scope.provide(TestDatabase.create(), scope)))
  const [port, other] = [await freePort(), await freePort()]
  issuer = `http://localhost:${port}`
  const args = ["dev", "--database-url", databaseUrl, "--issuer", issuer, "--seed", seed, "--port"]
  running.push(...(await Promise.all([port, other].map((port) => start([...args, String(port)], key)))))
  nodes = [new ServerNode(issuer), new ServerNode(issuer, other)]
  person = new Person(issuer)
  await person.code()
})

afterAll(async () => {
  nodes?.forEach((node) => node.close())
  await Promise.all(running.map((one) => one.stop("SIGKILL")))
  await Effect.runPromise(Scope.close(scope, Exit.void))
})

const signIn = async (client?: string) => tokensOf(await nodes[0].exchange(await person.code(client), client))

/** The rows that a token's family has, rotated and live. */
const familyOf = (refreshToken: string) =>
  query<{ readonly live: boolean }>(
    databaseUrl,
    `SELECT rotated_at IS NULL AS live FROM refresh_tokens WHERE grant_id =
       (SELECT grant_id FROM refresh_tokens
         WHERE token_hash = replace(rtrim(translate(encode(sha256('${refreshToken}'), 'base64'), '+/', '-_'), '='), E'\\n', ''))`
  )

const headerOf = (jwt: string): { readonly kid: string } =>
  JSON.parse(Buffer.from(jwt.split(".")[0]!, "base64url").toString())

describe.concurrent("two nodes on one database", () => {
  it("RFC 6749 §4.1.2: of a code that both get at once one makes tokens, and the replay revokes them", async () => {
    const codes: Array<string> = []
    while (codes.length < 200) codes.push(...(await Promise.all(Array.from({ length: 10 }, () => person.code()))))
    const answers = await Promise.all(codes.flatMap((code) => nodes.map((node) => node.exchange(code))))
    const won = answers.filter((answer) => answer.status === 200)
    const lost = answers.filter((answer) => answer.status !== 200)
    assert.strictEqual(won.length, 200)
    assert.deepStrictEqual(
      new Set(lost.map(({ body, status }) => `${status} ${JSON.parse(body).error}`)),
      new Set(["400 invalid_grant"])
    )
    const userinfo = await Promise.all(won.map((answer, i) => nodes[i % 2]!.userinfo(tokensOf(answer).access_token)))
    assert.deepStrictEqual(new Set(userinfo.map(({ status }) => status)), new Set([401]))
  })

  it("RFC 9700 §4.14.2: a refresh sent to both at once is answered with the same bytes, and rotates once", async () => {
    await Promise.all(
      Array.from({ length: 20 }, async () => {
        const { refresh_token } = await signIn()
        const [one, other] = await Promise.all(nodes.map((node) => node.refresh(refresh_token)))
        assert.strictEqual(one!.status, 200, one!.body)
        assert.strictEqual(other!.body, one!.body)
        assert.deepStrictEqual((await familyOf(refresh_token)).map(({ live }) => String(live)).toSorted(), [
          "false",
          "true"
        ])
      })
    )
  })

  it("RFC 9700 §4.14.2: forty refreshes of one token over both rotate once, and all get the same bytes", async () => {
    const { refresh_token } = await signIn()
    const answers = await Promise.all(Array.from({ length: 40 }, (_, i) => nodes[i % 2]!.refresh(refresh_token)))
    assert.deepStrictEqual(new Set(answers.map(({ status }) => status)), new Set([200]))
    assert.strictEqual(new Set(answers.map(({ body }) => body)).size, 1)
    assert.deepStrictEqual((await familyOf(refresh_token)).map(({ live }) => String(live)).toSorted(), [
      "false",
      "true"
    ])
    const next = await nodes[1].refresh(tokensOf(answers[0]!).refresh_token)
    assert.strictEqual(next.status, 200)
  })

  it("a client that is disabled is refused by every node at once", async () => {
    const { access_token, refresh_token } = await signIn("disabled-later")
    const code = await person.code("disabled-later")
    const refreshed = tokensOf(await nodes[1].refresh(refresh_token, "disabled-later"))
    await query(databaseUrl, "UPDATE clients SET disabled = true WHERE client_id = 'disabled-later'")
    for (const node of nodes) {
      for (const answer of [
        await node.refresh(refreshed.refresh_token, "disabled-later"),
        await node.exchange(code, "disabled-later")
      ]) {
        assert.deepStrictEqual([answer.status, JSON.parse(answer.body).error], [401, "invalid_client"])
      }
      assert.strictEqual((await node.userinfo(access_token)).status, 401)
    }
  })

  it("`key rotate` beside them: both sign with the new key within ten seconds, and publish every key that signs", async () => {
    let tokens = await Promise.all(nodes.map(() => signIn()))
    const before = new Set(tokens.map((each) => headerOf(each.id_token).kid))
    const { code, stderr } = await run(
      ["key", "rotate", "--algorithm", "RS256", "--database-url", databaseUrl, "--issuer", issuer],
      key
    )
    assert.strictEqual(code, 0, stderr)
    const rotatedAt = performance.now()
    const [active] = await query<{ readonly kid: string }>(
      databaseUrl,
      `SELECT kid FROM signing_keys WHERE algorithm = 'RS256' AND activated_at IS NOT NULL AND retiring_since IS NULL`
    )
    assert.isFalse(before.has(active!.kid))
    for (;;) {
      tokens = await Promise.all(nodes.map(async (node, i) => tokensOf(await node.refresh(tokens[i]!.refresh_token))))
      const took = performance.now() - rotatedAt
      const published = await Promise.all(nodes.map((node) => node.publishedKeys()))
      for (const { id_token } of tokens) {
        for (const keys of published) assert.isTrue(isSignedByOne(id_token, keys), `after ${Math.round(took)} ms`)
      }
      if (tokens.every(({ id_token }) => headerOf(id_token).kid === active!.kid)) break
      // Ten seconds are the promise; the rest is for the requests that find out.
      assert.isBelow(took, 11_000)
      await new Promise((resolve) => setTimeout(resolve, 250))
    }
  })
})

const isSignedByOne = (jwt: string, keys: ReadonlyArray<PublishedKey>): boolean => {
  const jwk = keys.find((one) => one.kid === headerOf(jwt).kid)
  if (jwk === undefined) return false
  const at = jwt.lastIndexOf(".")
  const publicKey = createPublicKey({ key: { ...jwk }, format: "jwk" })
  return verify("sha256", Buffer.from(jwt.slice(0, at)), publicKey, Buffer.from(jwt.slice(at + 1), "base64url"))
}
