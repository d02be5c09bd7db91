/**
 * Valid requests, mutated by a seed: no bytes produce a 5xx, a hang or a partial write. `FUZZ_SEED` repeats a run,
 * `FUZZ_REQUESTS` makes it longer.
 */
import { assert, layer } from "@effect/vitest"
import { TestDatabase } from "@lockspire/storage-pg/testing"
import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { formOf, TestIssuer } from "../../src/testing/index.ts"
import { authorization, authorizationUrl, authorize, browser, options, post, signIn, type Tokens } from "../flow.ts"
import { type RawResponse, sendBytes } from "../raw.ts"
import { memory, postgres } from "../storages.ts"
import { fuzzer, generator, type Pool } from "./mutate.ts"

const seed = Number(process.env["FUZZ_SEED"] ?? crypto.getRandomValues(new Uint32Array(1))[0])
const requests = Number(process.env["FUZZ_REQUESTS"] ?? 10_000)
const lanes = 8

const fill = async (issuer: string): Promise<Pool> => {
  const person = browser()
  await authorize(issuer, "first", {}, person)
  const codes: Array<string> = []
  const requestUris: Array<string> = []
  const tokens: Array<Tokens> = []
  const interactions: Array<Pool["interactions"][number]> = []
  for (let count = 0; count < 20; count++) {
    codes.push((await authorize(issuer, "first", {}, person)).get("code")!)
    const push = await post(`${issuer}/par`, "first", Object.fromEntries(authorization("first")))
    requestUris.push(((await push.json()) as { readonly request_uri: string }).request_uri)
    if (count < 8) tokens.push(await signIn(issuer, "first", {}, person))
    const page = await person.visit(authorizationUrl(issuer, "basic"))
    interactions.push({ path: page.url.pathname, csrf: formOf(page.body)!.fields.get("csrf")! })
  }
  return {
    codes,
    requestUris,
    accessTokens: tokens.map((one) => one.access_token),
    refreshTokens: tokens.map((one) => one.refresh_token),
    idTokens: tokens.map((one) => one.id_token),
    interactions,
    cookie: [...person.cookies].map(([name, value]) => `${name}=${value}`).join("; ")
  }
}

/** Whether the answer says no: an error, or a redirect with an error. */
const isRefused = (answer: RawResponse): boolean =>
  answer.status >= 400 ||
  /[?&#]error=/.test(answer.headers["location"] ?? "") ||
  /<input type="hidden" name="error"/.test(answer.body)

const explain = (index: number, bytes: Buffer, answer: unknown) =>
  `FUZZ_SEED=${seed}, request ${index}: ${JSON.stringify(bytes.toString("latin1"))}\n→ ${JSON.stringify(answer)}`

/** Sends one request; fails when the answer is a 5xx or does not come. */
const attempt = async (issuer: string, index: number, { bytes, method }: { bytes: Buffer; method: string }) => {
  const answer = await sendBytes(issuer, bytes, method).catch((cause: unknown) => {
    throw new Error(explain(index, bytes, String(cause)), { cause })
  })
  assert.isTrue(answer === undefined || (answer.status >= 100 && answer.status < 500), explain(index, bytes, answer))
  return answer
}

layer(TestIssuer.layer(memory, options), { timeout: "60 seconds", excludeTestServices: true })(
  "fuzz in memory",
  (it) => {
    it.effect(
      `${requests} requests of seed ${seed}: zero 5xx, and none hangs`,
      () =>
        Effect.flatMap(TestIssuer.TestIssuer, ({ issuer }) =>
          Effect.promise(async () => {
            const next = fuzzer(generator(seed), await fill(issuer), new URL(issuer).host)
            const seen = new Map<string, number>()
            let index = 0
            const lane = async () => {
              while (index < requests) {
                const answer = await attempt(issuer, index++, next())
                const outcome = String(answer?.status ?? "closed")
                seen.set(outcome, (seen.get(outcome) ?? 0) + 1)
              }
            }
            await Promise.all(Array.from({ length: lanes }, lane))
            // A fuzz that is refused at the door tests the door alone.
            assert.isAbove(seen.get("200") ?? 0, requests / 50)
            assert.isAbove(seen.get("400") ?? 0, requests / 10)
            assert.isBelow(seen.get("closed") ?? 0, requests / 5)
          })
        ),
      600_000
    )
  }
)

/** Refusals that end something: they leave the trace of what they ended, and nothing else. */
const transitions = new Set([
  "authorization_code.spent",
  "authorization_code.replayed",
  "refresh_token.reused",
  "grant.revoked",
  "interaction.denied",
  "interaction.refused",
  "pushed_request.used"
])

layer(Layer.merge(TestIssuer.layer(postgres, options), TestDatabase.layer), {
  timeout: "60 seconds",
  excludeTestServices: true
})("fuzz on PostgreSQL", (it) => {
  const share = Math.ceil(requests / 10)
  it.effect(
    `${share} requests of seed ${seed}: a refused one leaves every table as it was`,
    () =>
      Effect.gen(function* () {
        const { issuer } = yield* TestIssuer.TestIssuer
        const sql = yield* SqlClient.SqlClient
        const tables = yield* sql<{ readonly name: string }>`
          SELECT table_name AS name FROM information_schema.tables
          WHERE table_schema = current_schema() AND table_type = 'BASE TABLE'`
        assert.isAbove(tables.length, 10)
        const counting = tables
          .map(({ name }) => `SELECT '${name}' AS name, count(*)::int AS rows FROM "${name}"`)
          .join(" UNION ALL ")
        const counts = Effect.map(sql.unsafe<{ readonly name: string; readonly rows: number }>(counting), (rows) =>
          Object.fromEntries(rows.map(({ name, rows }) => [name, rows]))
        )
        const newest = (count: number) =>
          sql<{ readonly action: string }>`SELECT action FROM audit_events ORDER BY id DESC LIMIT ${count}`

        const working = sql<{ readonly busy: boolean }>`
          SELECT EXISTS (
            SELECT FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'
          ) AS busy`
        const rest = Effect.repeat(
          Effect.delay(
            Effect.map(working, ([row]) => row!.busy),
            "10 millis"
          ),
          { while: (busy) => busy }
        )

        const next = fuzzer(generator(seed), yield* Effect.promise(() => fill(issuer)), new URL(issuer).host)
        let before = yield* counts
        let refused = 0
        for (let index = 0; index < share; index++) {
          const request = next()
          const answer = yield* Effect.promise(() => attempt(issuer, index, request))
          // A connection that ended without an answer says nothing: a statement on its way may have been stored by now.
          if (answer === undefined) yield* rest
          const after = yield* counts
          if (answer !== undefined && isRefused(answer)) {
            refused++
            const events = after["audit_events"]! - before["audit_events"]!
            const told = events === 0 ? [] : yield* newest(events)
            const isTold = told.every(({ action }) => transitions.has(action))
            assert.isTrue(isTold, explain(index, request.bytes, told))
            const expected = { ...before, audit_events: after["audit_events"]! }
            assert.deepStrictEqual(after, expected, explain(index, request.bytes, answer))
          }
          before = after
        }
        assert.isAbove(refused, share / 3)
      }),
    600_000
  )
})
