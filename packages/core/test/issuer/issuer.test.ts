import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { isPlainHttpOutsideLoopback, make, url } from "../../src/issuer/Issuer.ts"
import { defaults, effective, PolicySettings as Settings } from "../../src/issuer/Policy.ts"

describe("an issuer identifier", () => {
  it.effect("RFC 8414 §2: a URL in its normal form, without query, fragment or trailing slash", () =>
    Effect.gen(function* () {
      const rows: ReadonlyArray<readonly [identifier: string, host: string, path: string]> = [
        ["https://issuer.example", "issuer.example", ""],
        ["https://issuer.example:8443", "issuer.example:8443", ""],
        ["https://issuer.example/tenant", "issuer.example", "/tenant"],
        ["https://issuer.example/a/b-c_d.e~f", "issuer.example", "/a/b-c_d.e~f"],
        ["https://xn--bcher-kva.example", "xn--bcher-kva.example", ""],
        ["https://[2001:db8::1]:8443/t", "[2001:db8::1]:8443", "/t"],
        ["http://localhost:3000", "localhost:3000", ""],
        ["http://127.0.0.1:3000/t", "127.0.0.1:3000", "/t"],
        ["http://[::1]:3000", "[::1]:3000", ""]
      ]
      for (const [identifier, host, path] of rows) {
        const issuer = yield* make(identifier)
        assert.deepStrictEqual(issuer, { identifier, host, path, secure: identifier.startsWith("https:") })
        assert.strictEqual(url(issuer, "/token"), `${identifier}/token`)
      }
    })
  )

  it.effect("RFC 8414 §2: anything else is refused, with a sentence that names it", () =>
    Effect.gen(function* () {
      for (const identifier of [
        "",
        "issuer.example",
        "//issuer.example",
        "https://",
        "https:issuer.example",
        "ftp://issuer.example",
        "javascript:alert(1)",
        "https://issuer.example/",
        "https://issuer.example/tenant/",
        "https://issuer.example//",
        "https://issuer.example//tenant",
        "https://issuer.example?",
        "https://issuer.example?a=1",
        "https://issuer.example/#",
        "https://issuer.example#a",
        "https://user@issuer.example",
        "https://user:password@issuer.example",
        "https://ISSUER.example",
        "HTTPS://issuer.example",
        "https://issuer.example:443",
        "http://localhost:80",
        "https://b\u00fccher.example",
        "https://issuer.example/a/../b",
        "https://issuer.example/./a",
        "https://issuer.example/a b",
        "https://issuer.example/%61",
        "https://issuer.example/\u00e9",
        "https://issuer.example\\a",
        " https://issuer.example",
        "https://issuer.example\n",
        "https://2130706433"
      ]) {
        const { message } = yield* Effect.flip(make(identifier))
        assert.include(message, JSON.stringify(identifier).slice(1, 3).replace("\\", ""), identifier)
        assert.isTrue(message.startsWith("The issuer "), identifier)
      }
    })
  )

  it.effect("RFC 9700 §2.6: plain http is for the machine itself", () =>
    Effect.gen(function* () {
      for (const [identifier, isExposed] of [
        ["https://issuer.example", false],
        ["http://localhost:3000", false],
        ["http://127.0.0.1:3000", false],
        ["http://[::1]:3000", false],
        ["http://issuer.example", true],
        ["http://localhost.evil.example", true],
        ["http://192.168.1.1", true]
      ] as const) {
        assert.strictEqual(isPlainHttpOutsideLoopback(yield* make(identifier)), isExposed, identifier)
      }
    })
  )
})

describe("policy", () => {
  it("without settings it is the defaults, and the defaults are allowed settings", () => {
    assert.deepStrictEqual(effective(), defaults)
    assert.deepStrictEqual(effective({}, {}), defaults)
    const { securityProfiles, ...settings } = defaults
    assert.deepStrictEqual(securityProfiles, [])
    assert.isTrue(Schema.is(Settings)(settings))
    assert.isAtMost(defaults.authorizationCodeLifetime, 60)
  })

  it("RFC 9700 §2: of all who set a member the strictest wins, whatever their order; the rest stay as they are", () => {
    const longest = { accessTokenLifetime: 900, firstPartySkipsConsent: true }
    const shorter = { accessTokenLifetime: 60, refreshReplayWindow: 0 }
    const strict = { accessTokenLifetime: 300, firstPartySkipsConsent: false }
    for (const layers of [
      [longest, shorter, strict],
      [strict, longest, shorter],
      [shorter, strict, longest]
    ]) {
      assert.deepStrictEqual(effective(...layers), {
        ...defaults,
        accessTokenLifetime: 60,
        refreshReplayWindow: 0,
        firstPartySkipsConsent: false
      })
    }
  })

  it.prop(
    "a layer more never makes any member laxer than it was set",
    [Schema.Array(Settings).check(Schema.isMaxLength(4)), Settings],
    ([layers, more]) => {
      const before = effective(...layers)
      const after = effective(...layers, more)
      const orders = [
        ["always", "public_only", "never", "by_client"],
        ["required", "opportunistic", "optional"]
      ]
      const isStricter = (one: unknown, other: unknown) => {
        if (typeof one === "number") return one <= (other as number)
        if (Array.isArray(other)) return other.every((value) => (one as ReadonlyArray<unknown>).includes(value))
        const order = orders.find((words) => words.includes(one as string))
        if (order !== undefined) return order.indexOf(one as string) <= order.indexOf(other as string)
        return !one || other === true
      }
      const { messageSigning: _parts, securityProfile: _profile, ...plain } = Settings.fields
      for (const name of Object.keys(plain) as Array<keyof typeof plain>) {
        const isSetBefore = layers.some((one) => one[name] !== undefined)
        const [was, is] = [before[name], after[name]]
        if (isSetBefore) assert.isTrue(isStricter(is, was), name)
        if (more[name] !== undefined) assert.isTrue(isStricter(is, more[name]), name)
      }
      for (const name of ["securityProfiles", "messageSigning"] as const) {
        assert.isTrue(isStricter(after[name], before[name]), name)
      }
      const named = more.securityProfile ?? "none"
      assert.isTrue(named === "none" || after.securityProfiles.includes(named))
    }
  )
})
