/** Grants at two processes on one database, by nobody but a stranger's requests. */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { formOf, TestBrowser } from "@lockspire/http/testing"
import { TestDatabase } from "@lockspire/storage-pg/testing"
import { Effect, Exit, Redacted, Scope } from "effect"
import { createHash } from "node:crypto"
import * as http from "node:http"
import { freePort } from "./app.ts"
import { folder, randomKey, start } from "./lockspire.ts"

const secret = "a-secret-of-more-than-thirty-two-characters"
const redirectUri = "https://client.example/callback"
const verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
const challenge = createHash("sha256").update(verifier).digest("base64url")
const exchangeType = "urn:ietf:params:oauth:grant-type:token-exchange"
const orders = "https://orders.example"

const web = {
  client_secret: secret,
  redirect_uris: [redirectUri],
  grant_types: ["authorization_code", "refresh_token"],
  first_party: true
}
const seed = {
  clients: [
    { client_id: "rotating", ...web },
    { client_id: "strict", ...web, refresh_token_replay_window: 0 },
    { client_id: "steady", ...web, refresh_token_rotation: "never" },
    { client_id: "service", client_secret: secret, grant_types: ["client_credentials", exchangeType] }
  ],
  resources: [{ identifier: orders, scopes: ["orders:read"], accessTokenFormat: "jwt" }],
  exchangeRules: [
    {
      name: "orders",
      clientId: "service",
      subjectClients: ["rotating"],
      targets: [orders],
      scopes: ["orders:read"],
      delegation: "allowed"
    }
  ]
}

interface Answer {
  readonly status: number
  readonly text: string
}

/** A token request to one node, by the name under which the world knows both. */
const ask = (node: string, clientId: string, form: Record<string, string>) =>
  new Promise<Answer>((resolve, reject) => {
    const request = http.request(
      `${node}/token`,
      {
        method: "POST",
        headers: {
          host: new URL(issuer).host,
          authorization: `Basic ${Buffer.from(`${clientId}:${secret}`).toString("base64")}`,
          "content-type": "application/x-www-form-urlencoded"
        }
      },
      (response) => {
        let text = ""
        response.on("data", (chunk) => (text += String(chunk)))
        response.on("end", () => resolve({ status: response.statusCode ?? 0, text }))
      }
    )
    request.on("error", reject)
    request.end(new URLSearchParams(form).toString())
  })

const membersOf = ({ text }: Answer) => JSON.parse(text) as Record<string, string>

/** Signs the demo account in for the client; its tokens. */
const signIn = async (clientId: string) => {
  const browser = new TestBrowser((url) => url.host === "client.example")
  const query = new URLSearchParams({
    client_id: clientId,
    redirect_uri: redirectUri,
    response_type: "code",
    scope: "openid offline_access orders:read",
    code_challenge: challenge,
    code_challenge_method: "S256"
  })
  const page = await browser.visit(`${issuer}/authorize?${query}`)
  assert.isDefined(formOf(page.body), page.body)
  const landed = await browser.submit(page, { username: "demo", password: "demo" })
  const answer = await ask(issuer, clientId, {
    grant_type: "authorization_code",
    code: landed.url.searchParams.get("code") ?? "",
    redirect_uri: redirectUri,
    code_verifier: verifier
  })
  assert.strictEqual(answer.status, 200, answer.text)
  return membersOf(answer)
}

/** Two servers of one issuer on one database, for every test here. */
const stack = new AsyncDisposableStack()
let issuer: string
let nodes: readonly [string, string]

beforeAll(async () => {
  const scope = Scope.makeUnsafe()
  stack.defer(() => Effect.runPromise(Scope.close(scope, Exit.void)))
  const database = await Effect.runPromise(Scope.provide(TestDatabase.create(), scope))
  const directory = stack.use(folder())
  const args = ["dev", "--database-url", Redacted.value(database), "--seed", directory.file("seed.json", seed)]
  const env = { LOCKSPIRE_KEY_ENCRYPTION_KEY: randomKey() }
  const port = await freePort()
  const first = stack.use(await start(args, env))
  stack.use(await start([...args, "--issuer", first.url, "--port", String(port)], env))
  issuer = first.url
  nodes = [first.url, `http://localhost:${port}`]
})
afterAll(() => stack.disposeAsync())

/** The same refresh, from many tabs at once, at one node or the other in turn. */
const refreshed = (clientId: string, tokens: ReadonlyArray<string>, form: Record<string, string> = {}) =>
  Promise.all(
    tokens.map((refresh_token, at) =>
      ask(nodes[at % 2]!, clientId, { grant_type: "refresh_token", refresh_token, ...form })
    )
  )

const tabs = <A>(count: number, value: A): ReadonlyArray<A> => Array.from({ length: count }, () => value)
const different = (values: ReadonlyArray<unknown>): number => new Set(values).size

describe("two processes of lockspire dev on one database", () => {
  it("RFC 9700 §4.14.2: refreshes from many tabs give one new token and the same bytes at both; reuse ends the family at both", async () => {
    const { refresh_token } = await signIn("rotating")
    let token = refresh_token!
    const given = [token]
    for (let round = 0; round < 4; round++) {
      const answers = await refreshed("rotating", tabs(10, token))
      assert.deepStrictEqual([...new Set(answers.map(({ status }) => status))], [200])
      assert.strictEqual(different(answers.map(({ text }) => text)), 1)
      token = membersOf(answers[0]!)["refresh_token"]!
      given.push(token)
    }
    // Another request with a token that was used is not its retry, whichever node sees it.
    const [stolen] = await refreshed("rotating", [given[1]!], { scope: "openid" })
    assert.strictEqual(stolen!.status, 400)
    for (const late of await refreshed("rotating", [...given, ...given.toReversed()])) {
      assert.deepStrictEqual([late.status, membersOf(late)["error"]], [400, "invalid_grant"])
    }
  })

  it("RFC 9700 §4.14.2: without a window at most one of many gets tokens, the family is dead at both, and nothing is a 5xx", async () => {
    const { refresh_token } = await signIn("strict")
    const answers = await refreshed("strict", tabs(12, refresh_token!))
    const won = answers.filter(({ status }) => status === 200)
    assert.isAtMost(won.length, 1)
    for (const { status, text } of answers) assert.isTrue(status === 200 || status === 400, text)
    const last = won[0] === undefined ? refresh_token! : membersOf(won[0])["refresh_token"]!
    for (const late of await refreshed("strict", tabs(2, last))) assert.strictEqual(late.status, 400)
  })

  it("FAPI 2.0 §5.3.2.1: a token that is not rotated serves both at once", async () => {
    const { refresh_token } = await signIn("steady")
    const answers = await refreshed("steady", tabs(16, refresh_token!))
    assert.deepStrictEqual([...new Set(answers.map(({ status }) => status))], [200])
    assert.strictEqual(different(answers.map((answer) => membersOf(answer)["access_token"])), 16)
    assert.deepStrictEqual([...new Set(answers.map((answer) => membersOf(answer)["refresh_token"]))], [refresh_token])
  })

  it("RFC 8693: the seed's rule lets a service exchange, at either, what a person gave", async () => {
    const { access_token } = await signIn("rotating")
    const exchange = (node: string, form: Record<string, string> = {}) =>
      ask(node, "service", {
        grant_type: exchangeType,
        subject_token: access_token!,
        subject_token_type: "urn:ietf:params:oauth:token-type:access_token",
        ...form
      })
    for (const node of nodes) {
      const answer = await exchange(node, { resource: orders })
      assert.strictEqual(answer.status, 200, answer.text)
      const [, payload] = membersOf(answer)["access_token"]!.split(".")
      const claims = JSON.parse(Buffer.from(payload!, "base64url").toString()) as Record<string, unknown>
      assert.deepInclude(claims, { sub: "demo", client_id: "service", aud: orders, scope: "orders:read" })
      const elsewhere = await exchange(node, { resource: "https://elsewhere.example" })
      assert.strictEqual(membersOf(elsewhere)["error"], "invalid_target")
    }
  })
})
