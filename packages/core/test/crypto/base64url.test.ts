import { assert, describe, it } from "@effect/vitest"
import * as base64url from "../../src/crypto/base64url.ts"

describe("base64url", () => {
  it("RFC 4648 §5: what other implementations write and read", () => {
    for (let length = 0; length < 200; length++) {
      const bytes = Uint8Array.from({ length }, (_, at) => (at * 167 + length * 31) % 256)
      const text = Buffer.from(bytes).toString("base64url")
      assert.strictEqual(base64url.encode(bytes), text)
      assert.deepStrictEqual(base64url.decode(text), length === 0 ? undefined : bytes)
    }
  })

  it("RFC 4648 §3.5: bytes have one spelling, and no other text has any", () => {
    const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".split("")
    for (const last of alphabet) {
      for (const text of [last, `A${last}`, `AA${last}`, `AAA${last}`]) {
        const canonical = Buffer.from(text, "base64url").toString("base64url") === text
        assert.strictEqual(base64url.decode(text) !== undefined, canonical, text)
      }
    }
    for (const text of ["", "AA==", "AAA=", "AA A", " AAAA", "AAAA\n", "AA+A", "AA/A", "AAéA", "AAAAA"]) {
      assert.isUndefined(base64url.decode(text), JSON.stringify(text))
    }
  })
})
