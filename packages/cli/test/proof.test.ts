import { assert, describe, it } from "@effect/vitest"
import { TestDatabase } from "@lockspire/storage-pg/testing"
import { Effect, Exit, Redacted, Scope } from "effect"
import { generateKeyPairSync, randomUUID, sign } from "node:crypto"
import { afterAll, beforeAll } from "vitest"
import { type Answer, clientId, freePort, Person, seedClient, ServerNode, tokensOf } from "./app.ts"
import { folder, randomKey, type Running, start } from "./lockspire.ts"

/** Two processes on one database, and what has to be remembered beyond either of them. */
const scope = Scope.makeUnsafe()
const key = { LOCKSPIRE_KEY_ENCRYPTION_KEY: randomKey() }
let running: Array<Running> = []
let again: (node: number) => Promise<void>
let issuer: string
let person: Person
let nodes: readonly [ServerNode, ServerNode]

beforeAll(async () => {
  using directory = folder()
  const seed = directory.file("seed.json", { clients: [seedClient()] })
  const databaseUrl = Redacted.value(await Effect.runPromise(Scope.provide(TestDatabase.create(), scope)))
  const ports = [await freePort(), await freePort()] as const
  issuer = `http://localhost:${ports[0]}`
  const args = ["dev", "--database-url", databaseUrl, "--issuer", issuer, "--port"]
  const launch = (port: number, more: ReadonlyArray<string>) => start([...args, String(port), ...more], key)
  running = await Promise.all(ports.map((port) => launch(port, ["--seed", seed])))
  again = async (node) => {
    await running[node]!.stop("SIGKILL")
    running[node] = await launch(ports[node]!, [])
  }
  nodes = [new ServerNode(issuer), new ServerNode(issuer, ports[1])]
  person = new Person(issuer)
  await person.code()
})

afterAll(async () => {
  nodes?.forEach((node) => node.close())
  await Promise.all(running.map((one) => one.stop("SIGKILL")))
  await Effect.runPromise(Scope.close(scope, Exit.void))
})

const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" })

/** RFC 9449 §4.2: a proof for the token endpoint, as good as any. */
const proof = (claims: Record<string, unknown> = {}): string => {
  const part = (members: unknown) => Buffer.from(JSON.stringify(members)).toString("base64url")
  const header = { alg: "ES256", typ: "dpop+jwt", jwk: publicKey.export({ format: "jwk" }) }
  const iat = Math.floor(Date.now() / 1000)
  const signed = `${part(header)}.${part({ htm: "POST", htu: `${issuer}/token`, jti: randomUUID(), iat, ...claims })}`
  const signature = sign("sha256", Buffer.from(signed), { key: privateKey, dsaEncoding: "ieee-p1363" })
  return `${signed}.${signature.toString("base64url")}`
}

const refresh = (node: ServerNode, refresh_token: string, dpop: string): Promise<Answer> =>
  node.send("/token", { grant_type: "refresh_token", client_id: clientId, refresh_token }, { dpop })

const freshToken = async () => tokensOf(await nodes[0].exchange(await person.code())).refresh_token

const errorOf = ({ body, status }: Answer) => `${status} ${JSON.parse(body).error}`

describe("proofs at two nodes", () => {
  it("RFC 9449 §11.1: of a proof that both get at once, many times, exactly one counts", async () => {
    const tokens = await Promise.all(Array.from({ length: 50 }, freshToken))
    for (const token of tokens) {
      const other = await freshToken()
      const dpop = proof()
      const answers = await Promise.all([
        refresh(nodes[0], token, dpop),
        refresh(nodes[1], other, dpop),
        refresh(nodes[0], other, dpop),
        refresh(nodes[1], token, dpop)
      ])
      const won = answers.filter(({ status }) => status === 200)
      assert.strictEqual(won.length, 1)
      assert.strictEqual(JSON.parse(won[0]!.body).token_type, "DPoP")
      const lost = answers.filter(({ status }) => status !== 200)
      assert.deepStrictEqual(new Set(lost.map(errorOf)), new Set(["400 invalid_dpop_proof"]))
    }
  })

  it("RFC 9449 §8: a nonce of one node is good at the other", async () => {
    for (const [one, other] of [nodes, nodes.toReversed() as unknown as typeof nodes]) {
      const token = await freshToken()
      const asked = await refresh(one, token, proof({ nonce: "not-ours" }))
      assert.strictEqual(errorOf(asked), "400 use_dpop_nonce")
      const nonce = asked.headers["dpop-nonce"]
      assert.isString(nonce)
      assert.strictEqual((await refresh(other, token, proof({ nonce }))).status, 200)
    }
  })

  it("RFC 9449 §11.1: a proof that was used before a process was killed is refused by it when it is back; its nonces live on", async () => {
    const [token, other] = [await freshToken(), await freshToken()]
    const nonce = (await refresh(nodes[1], token, proof({ nonce: "not-ours" }))).headers["dpop-nonce"]
    const dpop = proof({ nonce })
    const tokens = tokensOf(await refresh(nodes[1], token, dpop))
    await again(1)
    assert.strictEqual(errorOf(await refresh(nodes[1], other, dpop)), "400 invalid_dpop_proof")
    assert.strictEqual(errorOf(await refresh(nodes[1], tokens.refresh_token, dpop)), "400 invalid_dpop_proof")
    assert.strictEqual((await refresh(nodes[1], tokens.refresh_token, proof({ nonce }))).status, 200)
    // What the token is bound to outlives the process as well.
    const bearer = await nodes[1].refresh(tokensOf(await refresh(nodes[1], other, proof())).refresh_token)
    assert.strictEqual(errorOf(bearer), "400 invalid_request")
  })
})
