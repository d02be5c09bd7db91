/** Whoever reads the whole database learns nothing that opens anything: RFC 9700 §2.4, OWASP ASVS 6.5. */
import { assert, layer } from "@effect/vitest"
import { Sealed, SigningKeyStore } from "@lockspire/core"
import { TestDatabase } from "@lockspire/storage-pg/testing"
import { Effect, Layer, Option } from "effect"
import { SqlClient } from "effect/sql"
import { randomBytes } from "node:crypto"
import { formOf, TestIssuer } from "../src/testing/index.ts"
import {
  authorization,
  authorizationUrl,
  basic,
  browser,
  challenge,
  exchange,
  post,
  options,
  refresh,
  secret,
  signIn,
  verifier
} from "./flow.ts"
import { postgres } from "./storages.ts"

/** Every secret that passed over the wire, by what it is. */
type Secrets = Map<string, string>

/** Every way of spelling it that somebody could search for. */
const spellings = (value: string): ReadonlyArray<string> => {
  const text = Buffer.from(value)
  const forms = [value, text.toString("base64").replaceAll("=", ""), text.toString("base64url"), text.toString("hex")]
  // What is base64url itself stands for bytes, which a column could hold as they are.
  if (!/^[A-Za-z0-9_-]{22,}$/.test(value)) return forms
  const bytes = Buffer.from(value, "base64url")
  return [...forms, bytes.toString("hex"), bytes.toString("base64").replaceAll("=", "")]
}

/** A JWT is as good without its header, and its signature is what nobody else can make. */
const addToken = (secrets: Secrets, name: string, token: string) => {
  secrets.set(name, token)
  const [, , signature] = token.split(".")
  if (signature !== undefined) secrets.set(`${name} signature`, signature)
}

/** Signs in with consent, refreshes twice, fails in several ways; whatever was secret on the way is in `secrets`. */
const live = async (issuer: string, secrets: Secrets) => {
  const person = browser()
  const page = await person.visit(authorizationUrl(issuer, "basic"))
  secrets.set("interaction handle", page.url.pathname.slice(page.url.pathname.lastIndexOf("/") + 1))
  secrets.set("csrf token", formOf(page.body)!.fields.get("csrf")!)
  const landed = await person.submit(page, { decision: "approve" })
  secrets.set("code", landed.url.searchParams.get("code")!)
  for (const [name, value] of person.cookies) {
    secrets.set(`cookie ${name}`, value)
    for (const part of value.split(".").filter((one) => one.length > 16)) secrets.set(`cookie ${name} part`, part)
  }
  const begun = await browser().visit(authorizationUrl(issuer, "basic", { prompt: "consent" }))
  secrets.set("unanswered handle", begun.url.pathname.slice(begun.url.pathname.lastIndexOf("/") + 1))

  const answer = await exchange(issuer, "basic", secrets.get("code")!)
  assert.strictEqual(answer.status, 200)
  const tokens = (await answer.json()) as Record<string, string>
  for (const name of ["access_token", "refresh_token", "id_token"]) addToken(secrets, name, tokens[name]!)

  // The replay window: the response is kept, sealed, and given again.
  const rotated = await refresh(issuer, "basic", tokens["refresh_token"]!)
  const body = await rotated.text()
  assert.strictEqual(await (await refresh(issuer, "basic", tokens["refresh_token"]!)).text(), body)
  const again = JSON.parse(body) as Record<string, string>
  for (const name of ["access_token", "refresh_token", "id_token"]) addToken(secrets, `refreshed ${name}`, again[name]!)

  const jwt = await signIn(issuer, "first", { scope: "openid read", resource: "https://api.example/" })
  addToken(secrets, "JWT access_token", jwt.access_token)

  const push = await post(`${issuer}/par`, "basic", Object.fromEntries(authorization("basic")))
  secrets.set("request_uri", ((await push.json()) as { readonly request_uri: string }).request_uri.slice(-43))

  const unused = (await browser().visit(authorizationUrl(issuer, "first"))).url.searchParams.get("code")!
  secrets.set("unused code", unused)
  const guess = randomBytes(32).toString("base64url")
  secrets.set("wrong verifier", guess)
  assert.strictEqual((await exchange(issuer, "first", unused, { code_verifier: guess })).status, 400)
  const wrong = randomBytes(32).toString("base64url")
  secrets.set("wrong secret", wrong)
  for (const clientId of ["basic", "nobody"]) {
    const body = new URLSearchParams({ grant_type: "refresh_token", refresh_token: wrong })
    const refused = await fetch(`${issuer}/token`, { method: "POST", headers: basic(clientId, wrong), body })
    assert.strictEqual(refused.status, 401)
  }
  assert.strictEqual((await refresh(issuer, "basic", wrong)).status, 400)
  // A replayed code revokes, which is audited.
  assert.strictEqual((await exchange(issuer, "basic", secrets.get("code")!)).status, 400)
}

const settings = { ...options, resources: [{ ...options.resources[0], accessTokenFormat: "jwt" as const }] }

layer(Layer.merge(TestIssuer.layer(postgres, settings), TestDatabase.layer), {
  timeout: "60 seconds",
  excludeTestServices: true
})("secrets at rest", (it) => {
  it.effect("no token, code, secret, handle, cookie or private key stands in any column of any table", () =>
    Effect.gen(function* () {
      const { issuer } = yield* TestIssuer.TestIssuer
      const sql = yield* SqlClient.SqlClient
      const secrets: Secrets = new Map([
        ["client secret", secret],
        ["code verifier", verifier],
        ["key-encryption key", Buffer.alloc(32, 7).toString("base64url")]
      ])
      yield* Effect.promise(() => live(issuer, secrets))
      const keys = yield* SigningKeyStore.use((store) => store.list(issuer))
      for (const key of keys) {
        const opened = yield* Sealed.open(key.sealedPrivateJwk, `signing-key\0${key.issuer}\0${key.kid}`)
        const jwk = JSON.parse(new TextDecoder().decode(Option.getOrThrow(opened))) as Record<string, string>
        for (const member of ["d", "p", "q", "dp", "dq", "qi"]) {
          if (jwk[member] !== undefined) secrets.set(`${key.algorithm} ${member}`, jwk[member])
        }
      }
      assert.isTrue(secrets.has("RS256 d") && secrets.has("ES256 d") && secrets.has("RS256 qi"))
      assert.isAbove(secrets.size, 25)

      const tables = yield* sql<{ readonly name: string }>`
        SELECT table_name AS name FROM information_schema.tables
        WHERE table_schema = current_schema() AND table_type = 'BASE TABLE'`
      const rows: Array<string> = []
      for (const { name } of tables) {
        const found = yield* sql.unsafe<{ readonly row: string }>(`SELECT row_to_json(t)::text AS row FROM "${name}" t`)
        rows.push(...found.map(({ row }) => `${name}: ${row}`))
      }
      const everything = rows.join("\n")

      // What may be there is found: the search sees every kind of column.
      for (const known of [
        "interactions: ",
        "audit_events: ",
        keys[0]!.kid,
        challenge,
        "the-nonce",
        "sealed_response"
      ]) {
        assert.include(everything, known)
      }
      const sealed = Buffer.from(keys[0]!.sealedPrivateJwk).toString("hex")
      assert.include(everything, sealed, "bytea is searched as hex")

      for (const [name, value] of secrets) {
        assert.isAbove(value.length, 15, `${name} is long enough to be searched for`)
        for (const spelling of spellings(value)) {
          const place = rows.find((row) => row.includes(spelling))
          assert.isUndefined(place, `${name} stands in the database`)
        }
      }
    })
  )
})
