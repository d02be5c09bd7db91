import { assert, it } from "@effect/vitest"
import { TestDatabase } from "@lockspire/storage-pg/testing"
import { Effect, Redacted } from "effect"
import { folder, run } from "./lockspire.ts"

const seed = {
  policy: { accessTokenLifetime: 500, idTokenLifetime: 400 },
  clients: [{ client_id: "app", client_secret: "x".repeat(40), grant_types: [], id_token_lifetime: 300 }],
  resources: [{ identifier: "https://api.example/", scopes: ["read"], accessTokenLifetime: 77 }]
}

it.live("client lifetimes: the shortest of policy, client and resource, with its source", () =>
  Effect.scoped(
    Effect.gen(function* () {
      const databaseUrl = Redacted.value(yield* TestDatabase.create())
      yield* Effect.promise(async () => {
        using own = folder()
        const file = own.file("seed.json", seed)
        const where = ["--database-url", databaseUrl, "--issuer", "https://login.example.com"]
        const applied = await run(["seed", "apply", file, ...where])
        assert.strictEqual(applied.code, 0, applied.stderr)
        const { stdout } = await run(["client", "lifetimes", "app", "--resource", "https://api.example/", ...where])
        assert.match(stdout, /^access token +77 s {2}resource https:\/\/api\.example\/$/m)
        assert.match(stdout, /^ID token +300 s {2}client$/m)
        assert.match(stdout, /^refresh token, unused +1209600 s {2}policy$/m)
        const without = await run(["client", "lifetimes", "app", ...where])
        assert.match(without.stdout, /^access token +500 s {2}policy$/m)
        const unknown = await run(["client", "lifetimes", "nobody", ...where])
        assert.strictEqual(unknown.code, 1)
        assert.match(unknown.stderr, /^There is no client "nobody"/)
      })
    })
  )
)
