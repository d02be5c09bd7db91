import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { decode, longest } from "../../src/jose/Compact.ts"
import { parseObject } from "../../src/jose/Json.ts"

const base64url = (text: string) => Buffer.from(text).toString("base64url")
const object = (text: string) => parseObject(new TextEncoder().encode(text))
const jwt = (header: string, payload: string, signature = "c2ln") =>
  `${base64url(header)}.${base64url(payload)}.${signature}`

describe("strict JSON", () => {
  it("RFC 8259 §4: an object that repeats a name, at any depth and however it is escaped, is none", () => {
    for (const text of [
      '{"a":1,"a":1}',
      '{"a":1,"\\u0061":2}',
      '{"b":{"a":1,"c":[],"a":2}}',
      '{"b":[{"x":1},{"a":1,"a":2}]}',
      '{"":0,"":0}',
      '{"__proto__":1,"__proto__":2}',
      '{"a\\"":1,"a\\u0022":2}'
    ]) {
      assert.isUndefined(object(text), text)
    }
    for (const text of [
      "{}",
      '{"a":{"a":{"a":1}}}',
      '{"a":[{"a":1},{"a":2}],"b":"a"}',
      '{"a":"\\"a\\":1,","b":"{\\"b\\":1,\\"b\\":2}"}',
      '{"__proto__":{"x":1},"constructor":2}'
    ]) {
      assert.deepStrictEqual(object(text), JSON.parse(text))
    }
  })

  it("arrays, scalars, broken text, a byte order mark, other encodings and endless nesting are no objects", () => {
    for (const text of ["[]", "1", '"a"', "null", "", "{", '{"a":1}x', "\uFEFF{}", '{"a":01}', "{'a':1}"]) {
      assert.isUndefined(object(text), text)
    }
    assert.isUndefined(parseObject(new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])))
    assert.isUndefined(object(`{"a":${"[".repeat(40)}${"]".repeat(40)}}`))
    assert.isDefined(object(`{"a":${"[".repeat(31)}${"]".repeat(31)}}`))
  })

  it("RFC 8259 §6, §8.2: numbers that no double holds, NUL and half surrogate pairs are refused", () => {
    for (const text of [
      '{"exp":1e400}',
      '{"exp":-1e400}',
      '{"exp":9007199254740993}',
      '{"a":[{"b":123456789012345678901234567890}]}',
      String.raw`{"a":"\u0000"}`,
      String.raw`{"\u0000":1}`,
      String.raw`{"a":["\ud800"]}`,
      String.raw`{"\udc00":1}`
    ]) {
      assert.isUndefined(object(text), text)
    }
    for (const text of ['{"exp":9007199254740991}', '{"a":-0.5e-10}', String.raw`{"a":"\ud83d\ude00"}`]) {
      assert.deepStrictEqual(object(text), JSON.parse(text))
    }
  })

  const Text = Schema.String.check(Schema.makeFilter((text: string) => text.isWellFormed() && !text.includes("\0")))
  const Value = Schema.Union([
    Text,
    Schema.Int,
    Schema.Boolean,
    Schema.Null,
    Schema.Array(Text),
    Schema.Record(Text, Text)
  ])
  it.prop("whatever JSON.stringify writes of an object is read back", [Schema.Record(Text, Value)], ([value]) => {
    const text = JSON.stringify(value)
    assert.deepStrictEqual(object(text), JSON.parse(text))
  })
})

describe("strict compact JWTs", () => {
  const good = jwt('{"alg":"ES256"}', '{"sub":"a"}')

  it("RFC 7515 §7.1: the parts of a JWT, and what its signature is over", () => {
    const decoded = decode(good)!
    assert.deepStrictEqual(decoded.header, { alg: "ES256" })
    assert.deepStrictEqual(decoded.payload, { sub: "a" })
    assert.strictEqual(decoded.signed, good.slice(0, good.lastIndexOf(".")))
    assert.deepStrictEqual([...decoded.signature], [...Buffer.from("sig")])
  })

  it("RFC 4648 §3.5: base64url that is padded, has stray bits, or another alphabet is another spelling, and refused", () => {
    const [head, payload] = good.split(".") as [string, string]
    for (const signature of ["c2ln=", "c2l", "c2lo\n", "c2 ln", "c2+n", "c2/n", "", "c2lnA", "YR"]) {
      assert.isUndefined(decode(`${head}.${payload}.${signature}`), signature)
    }
    assert.isDefined(decode(`${head}.${payload}.YQ`))
    assert.isUndefined(decode(`${head}=.${payload}.c2ln`))
    assert.isUndefined(decode(`${head}.${payload}=.c2ln`))
  })

  it("another number of parts, JSON serialization, an encrypted or detached JWT is none", () => {
    const [head, payload] = good.split(".") as [string, string]
    for (const text of [
      "",
      ".",
      "..",
      "...",
      good.slice(0, good.lastIndexOf(".")),
      `${good}.`,
      `${good}.YQ.YQ`,
      `${head}..c2ln`,
      `.${payload}.c2ln`,
      ` ${good}`,
      `${good} `,
      '{"payload":"e30"}'
    ]) {
      assert.isUndefined(decode(text), text)
    }
  })

  it("RFC 7515 §4.1.11, RFC 7797: extensions that we do not understand are refused", () => {
    assert.isUndefined(decode(jwt('{"alg":"ES256","crit":["exp"],"exp":1}', "{}")))
    assert.isUndefined(decode(jwt('{"alg":"ES256","b64":false}', "{}")))
    assert.isUndefined(decode(jwt('{"alg":"none","alg":"ES256"}', "{}")))
    assert.isUndefined(decode(jwt('{"alg":"ES256"}', '{"sub":"a","sub":"b"}')))
    assert.isUndefined(decode(jwt('{"alg":"ES256"}', "[]")))
  })

  it("a JWT beyond the size limit is not even looked at", () => {
    const padded = (length: number) => jwt('{"alg":"ES256"}', JSON.stringify({ pad: "x".repeat(length) }))
    assert.isDefined(decode(padded(1000)))
    assert.isUndefined(decode(padded(1000), 1000))
    assert.isUndefined(decode(padded(longest)))
  })
})
