import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Schema } from "effect"
import { acceptedValues, parseRequest, requested, select } from "../../src/oauth/Claims.ts"
import { every, optional, parse, required } from "../../src/oauth/Parameters.ts"
import { isSubset, parse as parseScope } from "../../src/oauth/Scope.ts"
import { form } from "../../src/testing/fixtures.ts"
import { refuses } from "../support.ts"

describe("request parameters", () => {
  it.effect("RFC 6749 Appendix B: form encoding, decoded strictly", () =>
    Effect.gen(function* () {
      const rows: ReadonlyArray<
        readonly [text: string, pairs: ReadonlyArray<readonly [string, ReadonlyArray<string>]>]
      > = [
        ["", []],
        ["&&", []],
        [
          "a=1&b=2&a=3",
          [
            ["a", ["1", "3"]],
            ["b", ["2"]]
          ]
        ],
        ["a", [["a", [""]]]],
        ["a=", [["a", [""]]]],
        ["=x", [["", ["x"]]]],
        ["a=b=c", [["a", ["b=c"]]]],
        ["a=+%2B%20", [["a", [" + "]]]],
        ["a=%C3%A9%F0%9F%98%80", [["a", ["\u00e9\u{1F600}"]]]],
        [
          "__proto__=x&constructor=y",
          [
            ["__proto__", ["x"]],
            ["constructor", ["y"]]
          ]
        ]
      ]
      for (const [text, pairs] of rows)
        assert.deepStrictEqual(
          [...(yield* parse(text))],
          pairs.map(([name, values]) => [name, [...values]])
        )
    })
  )

  it.effect("malformed percent-encoding, invalid UTF-8, NUL and lone surrogates are invalid_request", () =>
    Effect.gen(function* () {
      for (const bad of [
        "%",
        "%4",
        "%zz",
        "%u0041",
        "%ff",
        "%C3",
        "%C3%28",
        "%ED%A0%80",
        "%00",
        "\0",
        "\ud800",
        "%c0%80",
        "%F5%80%80%80"
      ]) {
        yield* refuses(parse(`a=${bad}`), "InvalidRequest ParameterMalformed")
        yield* refuses(parse(`${bad}=a`), "InvalidRequest ParameterMalformed")
      }
    })
  )

  it.effect.prop(
    "what a browser encodes is read back as it was",
    [Schema.Array(Schema.Tuple([Schema.String, Schema.String]))],
    ([pairs]) =>
      Effect.gen(function* () {
        const sent = pairs.filter((pair) => pair.every((text) => text.isWellFormed() && !text.includes("\0")))
        const read = yield* parse(new URLSearchParams(sent.map(([name, value]) => [name, value])).toString())
        assert.deepStrictEqual(
          [...read].flatMap(([name, values]) => values.map((value) => `${name}\0${value}`)).toSorted(),
          sent.map(([name, value]) => `${name}\0${value}`).toSorted()
        )
      })
  )

  it.effect("RFC 6749 §3.1: without a value it counts as left out; twice is refused whatever the values", () =>
    Effect.gen(function* () {
      const parameters = form({ one: "1", none: "", two: ["1", "1"], empty: ["", ""] })
      assert.strictEqual(yield* required(parameters, "one"), "1")
      assert.isUndefined(yield* optional(parameters, "none"))
      assert.isUndefined(yield* optional(parameters, "absent"))
      assert.deepStrictEqual(every(parameters, "two"), ["1", "1"])
      yield* refuses(required(parameters, "none"), "InvalidRequest ParameterMissing none")
      yield* refuses(required(parameters, "absent"), "InvalidRequest ParameterMissing absent")
      yield* refuses(optional(parameters, "two"), "InvalidRequest ParameterRepeated two")
      yield* refuses(optional(parameters, "empty"), "InvalidRequest ParameterRepeated empty")
    })
  )
})

describe("scope", () => {
  it.effect("RFC 6749 §3.3: visible ASCII without quote and backslash, in any order, once each", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* parseScope("b  a b"), ["b", "a"])
      assert.deepStrictEqual(yield* parseScope("urn:x:~!#[]{}|'"), ["urn:x:~!#[]{}|'"])
      for (const bad of ["", " ", 'a"b', "a\\b", "a\tb", "a\nb", "\u00e9", "a\u007f", "a\u00a0b"]) {
        yield* refuses(parseScope(bad), "InvalidScope ScopeMalformed")
      }
      assert.isTrue(isSubset([], []) && isSubset(["a"], ["b", "a"]) && !isSubset(["A"], ["a"]))
    })
  )
})

describe("the claims request", () => {
  it.effect("OpenID Connect Core §5.5: members that are not understood are ignored, null asks without conditions", () =>
    Effect.gen(function* () {
      const request = yield* parseRequest(
        JSON.stringify({
          unheard_of: 1,
          userinfo: { email: null, name: { purpose: "x", essential: true } },
          id_token: { acr: { values: ["1", "2"] } }
        })
      )
      assert.deepStrictEqual(request, {
        userinfo: { email: null, name: { essential: true } },
        id_token: { acr: { values: ["1", "2"] } }
      })
      assert.deepStrictEqual(acceptedValues(requested(request.id_token, "acr")), ["1", "2"])
      assert.isUndefined(requested(request.userinfo, "toString"))
    })
  )

  it.effect("OpenID Connect Core §5.5: anything but such an object is malformed", () =>
    Effect.gen(function* () {
      for (const bad of [
        "",
        "x",
        "null",
        "[]",
        "1",
        '"{}"',
        "{",
        '{"userinfo":[]}',
        '{"userinfo":null}',
        '{"id_token":{"a":true}}',
        '{"id_token":{"a":{"essential":"yes"}}}',
        '{"id_token":{"a":{"values":"x"}}}'
      ]) {
        assert.isTrue(Exit.isFailure(yield* Effect.exit(parseRequest(bad))), bad)
      }
    })
  )

  it("only own properties of what the host knows are claims, and empty ones are left out", () => {
    const known = { name: "Jane", zero: 0, no: false, empty: "", nothing: null }
    assert.deepStrictEqual(select(known, ["name", "name", "zero", "no", "empty", "nothing", "toString", "__proto__"]), {
      name: "Jane",
      zero: 0,
      no: false
    })
  })
})
