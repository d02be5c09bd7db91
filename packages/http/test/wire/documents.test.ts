/** The documents that everyone fetches, and fetches again. */
import { assert } from "@effect/vitest"
import { suite } from "../suite.ts"

suite("documents", (test) => {
  for (const path of ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server", "/jwks"]) {
    test(`RFC 9110 §13.1.2: ${path} is not sent again to who still has it`, async (issuer) => {
      const first = await fetch(`${issuer}${path}`)
      assert.strictEqual(first.status, 200)
      assert.strictEqual(first.headers.get("content-type"), "application/json")
      const etag = first.headers.get("etag")!
      assert.match(etag, /^"[A-Za-z0-9_-]{43}"$/)
      for (const held of [etag, `W/${etag}`, `"other", ${etag}`, "*"]) {
        const again = await fetch(`${issuer}${path}`, { headers: { "if-none-match": held } })
        assert.strictEqual(again.status, 304, held)
        assert.strictEqual(again.headers.get("etag"), etag)
        assert.strictEqual(again.headers.get("cache-control"), first.headers.get("cache-control"))
        assert.strictEqual(await again.text(), "")
      }
      const other = await fetch(`${issuer}${path}`, { headers: { "if-none-match": '"other"' } })
      assert.strictEqual(other.status, 200)
      assert.strictEqual(await other.text(), await first.text())
    })
  }
})
