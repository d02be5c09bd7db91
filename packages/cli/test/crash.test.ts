/**
 * `kill -9` at random moments of sign-ins and refreshes: what the database holds afterwards is whole, and the client
 * goes on. `CRASH_RUNS` kills, five unless said otherwise; `CRASH_SEED` repeats the moments of an earlier run.
 */
import { assert, it } from "@effect/vitest"
import * as fs from "node:fs"
import * as path from "node:path"
import { type Answer, freePort, Person, seedClient, ServerNode, tokensOf } from "./app.ts"
import { folder, processesNaming, type Running, start } from "./lockspire.ts"
import { query } from "./sql.ts"

const runs = Number(process.env.CRASH_RUNS ?? 5)
const seed = Number(process.env.CRASH_SEED ?? crypto.getRandomValues(new Uint32Array(1))[0])

/** mulberry32: small, and the same everywhere. */
const randomFrom = (seed: number) => {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** What must never be found, whatever the moment: each statement counts what is half-done. */
const halfDone: Readonly<Record<string, string>> = {
  "a redeemed code without tokens": `
    SELECT FROM authorization_codes c WHERE redeemed_at IS NOT NULL
       AND NOT EXISTS (SELECT FROM access_tokens t WHERE t.issuer = c.issuer AND t.grant_id = c.grant_id)`,
  "tokens of a code that is not redeemed": `
    SELECT FROM access_tokens t WHERE NOT EXISTS
       (SELECT FROM authorization_codes c WHERE c.issuer = t.issuer AND c.grant_id = t.grant_id
         AND redeemed_at IS NOT NULL)`,
  "access tokens that are more, or fewer, than the refresh tokens beside them": `
    SELECT FROM grants g WHERE
       (SELECT count(*) FROM access_tokens t WHERE t.issuer = g.issuer AND t.grant_id = g.grant_id) <>
       (SELECT count(*) FROM refresh_tokens t WHERE t.issuer = g.issuer AND t.grant_id = g.grant_id)`,
  "a family with two live refresh tokens, or none": `
    SELECT FROM refresh_tokens GROUP BY issuer, grant_id HAVING count(*) FILTER (WHERE rotated_at IS NULL) <> 1`,
  "a code without its grant": `
    SELECT FROM authorization_codes c WHERE NOT EXISTS
       (SELECT FROM grants g WHERE g.issuer = c.issuer AND g.grant_id = c.grant_id)`,
  "a grant without its code": `
    SELECT FROM grants g WHERE NOT EXISTS
       (SELECT FROM authorization_codes c WHERE c.issuer = g.issuer AND c.grant_id = g.grant_id)`,
  "a redemption without its event, or an event without it": `
    SELECT FROM authorization_codes c FULL JOIN audit_events e ON e.issuer = c.issuer AND e.target_id = c.grant_id
        AND e.action = 'authorization_code.redeemed'
     WHERE (e.action = 'authorization_code.redeemed' OR c.redeemed_at IS NOT NULL)
       AND (e.action IS NULL OR c.redeemed_at IS NULL)`,
  "a rotation without its event, or an event without it": `
    SELECT FROM refresh_tokens t FULL JOIN audit_events e ON e.issuer = t.issuer AND e.target_id = t.token_hash
        AND e.action = 'refresh_token.rotated'
     WHERE (e.action = 'refresh_token.rotated' OR t.rotated_at IS NOT NULL)
       AND (e.action IS NULL OR t.rotated_at IS NULL)`
}

const nothingIsHalfDone = async (databaseUrl: string) => {
  const counts = Object.entries(halfDone).map(
    ([what, rows], i) => `SELECT ${i} AS i, '${what}' AS what, count(*)::int AS found FROM (${rows}) q`
  )
  const found = await query<{ readonly what: string; readonly found: number }>(
    databaseUrl,
    `${counts.join(" UNION ALL ")} ORDER BY i`
  )
  assert.deepStrictEqual(
    found.map(({ found, what }) => [what, found]),
    Object.keys(halfDone).map((what) => [what, 0])
  )
}

/** One client of the server, and what it was doing when the server died. */
class App {
  #person: Person
  #code: string | undefined
  #refreshToken: string | undefined
  readonly #node: ServerNode
  readonly #random: () => number

  constructor(node: ServerNode, random: () => number) {
    this.#node = node
    this.#random = random
    this.#person = new Person(node.issuer.origin)
  }

  /** Signs in, exchanges and refreshes until the server is gone. */
  async workUntilItDies(): Promise<void> {
    for (;;) {
      try {
        await this.#step()
      } catch (error) {
        if (isGone(error)) return
        throw error
      }
    }
  }

  async #step() {
    if (this.#code !== undefined) {
      const { refresh_token } = tokensOf(await this.#node.exchange(this.#code))
      this.#refreshToken = refresh_token
      this.#code = undefined
    } else if (this.#refreshToken !== undefined && this.#random() < 0.6) {
      this.#refreshToken = tokensOf(await this.#node.refresh(this.#refreshToken)).refresh_token
    } else {
      if (this.#random() < 0.3) this.#person = new Person(this.#node.issuer.origin)
      this.#refreshToken = undefined
      this.#code = await this.#person.code()
    }
  }

  /**
   * Goes on as a client does: sends again what got no answer. A lost refresh gets its response (the window is open); a
   * lost exchange makes tokens if it did not before, and is refused as a replay if it did.
   */
  async goOn(databaseUrl: string): Promise<void> {
    if (this.#refreshToken !== undefined && this.#code === undefined) {
      const again = tokensOf(await this.#node.refresh(this.#refreshToken))
      this.#refreshToken = tokensOf(await this.#node.refresh(again.refresh_token)).refresh_token
    }
    if (this.#code === undefined) return
    const wasRedeemed = await isRedeemed(databaseUrl, this.#code)
    const answer = await this.#node.exchange(this.#code)
    assert.deepStrictEqual(summary(answer), wasRedeemed ? [400, "invalid_grant"] : [200, undefined])
    if (answer.status === 200) await this.#node.refresh(tokensOf(answer).refresh_token).then(tokensOf)
    this.#code = undefined
    this.#refreshToken = undefined
  }
}

const summary = ({ body, status }: Answer) => [status, JSON.parse(body).error]

const isRedeemed = async (databaseUrl: string, code: string): Promise<boolean> => {
  const hash = Buffer.from(await crypto.subtle.digest("SHA-256", Buffer.from(code))).toString("base64url")
  const [row] = await query<{ readonly redeemed: boolean }>(
    databaseUrl,
    `SELECT redeemed_at IS NOT NULL AS redeemed FROM authorization_codes WHERE code_hash = '${hash}'`
  )
  return row!.redeemed
}

/** The connection broke, or nobody listens any more: by `http`, and by `fetch`. */
const isGone = (error: unknown): boolean => {
  const { cause, code } = error as { readonly cause?: unknown; readonly code?: string }
  if (code === "ECONNRESET" || code === "ECONNREFUSED" || code === "EPIPE" || code === "UND_ERR_SOCKET") return true
  return cause !== undefined && isGone(cause)
}

it(
  `${runs} times kill -9 at a random moment: nothing is half-done, clients go on, PostgreSQL ends too`,
  async () => {
    console.log(`CRASH_SEED=${seed}`)
    const random = randomFrom(seed)
    using directory = folder()
    const dataDir = path.join(directory.path, "data")
    const port = await freePort()
    const node = new ServerNode(`http://localhost:${port}`)
    const clients = directory.file("seed.json", { clients: [seedClient()] })
    const args = ["dev", "--data-dir", dataDir, "--port", String(port), "--seed", clients]
    const databaseUrl = () => fs.readFileSync(path.join(dataDir, "database-url"), "utf8")
    const apps = Array.from({ length: 4 }, () => new App(node, random))
    let server: Running = await start(args)
    try {
      for (let run = 0; run < runs; run++) {
        const working = Promise.all(apps.map((app) => app.workUntilItDies()))
        await new Promise((resolve) => setTimeout(resolve, 20 + random() * 600))
        await Promise.all([server.stop("SIGKILL"), working])
        server = await start(args)
        await nothingIsHalfDone(databaseUrl())
        await Promise.all(apps.map((app) => app.goOn(databaseUrl())))
      }
    } finally {
      await server.stop("SIGKILL")
      node.close()
    }
    // PostgreSQL sees that its owner is gone a moment later.
    for (let left = 100; left > 0 && processesNaming(directory.path).length > 0; left--) {
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    assert.deepStrictEqual(processesNaming(directory.path), [])
  },
  runs * 15_000 + 30_000
)
