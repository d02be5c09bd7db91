/** Bodies that are not the form they should be. */
import { assert } from "@effect/vitest"
import { basic, secret } from "../flow.ts"
import { bytesOf, formRequest, RawConnection, type RawResponse, send } from "../raw.ts"
import { forms, posts, type Route } from "../routes.ts"
import { suite } from "../suite.ts"

const isInvalidRequest = ({ speaks }: Route, answer: RawResponse, status = 400) => {
  assert.strictEqual(answer.status, status, answer.body)
  if (speaks === "json") assert.strictEqual(JSON.parse(answer.body).error, "invalid_request")
  else assert.include(answer.body, "<code>invalid_request</code>")
}

const tenMegabytes = 10 * 1024 * 1024

/** Bodies that no two readers would read alike. */
const undecodable: ReadonlyArray<readonly [what: string, body: string]> = [
  ["a percent sign at the end", "client_id=%"],
  ["a percent sign with one digit", "client_id=%4"],
  ["a percent sign before no digits", "client_id=%zz"],
  ["an undecodable name", "%ff=1"],
  ["an overlong encoding of a slash", "client_id=%c0%af"],
  ["a lone continuation byte", "client_id=%80"],
  ["a lone surrogate in UTF-8", "client_id=%ed%a0%80"],
  ["a code point above U+10FFFF", "client_id=%f4%90%80%80"],
  ["an encoded NUL", "client_id=public%00"],
  ["a NUL in a name", "client_id%00=public"],
  ["a raw NUL", "client_id=public\0"],
  ["a raw newline", "client_id=public\r\n"],
  ["raw Latin-1", "client_id=\xe9"],
  ["raw UTF-8", "client_id=\xc3\xa9"],
  ["raw UTF-16", "\xff\xfec\0l\0i\0e\0n\0t\0"],
  ["%u escapes", "client_id=%u0041"]
]

const contentTypes: ReadonlyArray<readonly [what: string, type: string | undefined]> = [
  ["no content type", undefined],
  ["an empty content type", ""],
  ["JSON", "application/json"],
  ["multipart", "multipart/form-data; boundary=x"],
  ["plain text", "text/plain"],
  ["a longer name", "application/x-www-form-urlencoded2"],
  ["a name with a prefix", "xapplication/x-www-form-urlencoded"]
]

suite("bodies", (test) => {
  for (const route of forms) {
    const { path } = route

    test(`RFC 6749 Appendix B: ${path} reads nothing but a form`, async (issuer) => {
      for (const [what, type] of contentTypes) {
        const answer = await send(issuer, {
          method: "POST",
          target: path,
          headers: type === undefined ? [] : [["Content-Type", type]],
          body: "client_id=public&grant_type=refresh_token"
        })
        isInvalidRequest(route, answer)
        assert.isDefined(what)
      }
    })

    test(`RFC 6749 Appendix B: ${path} refuses what does not decode to one text`, async (issuer) => {
      for (const [what, body] of undecodable) {
        const answer = await send(issuer, formRequest(path, body))
        assert.strictEqual(answer.status, 400, what)
        isInvalidRequest(route, answer)
      }
    })

    test(`${path} takes the form's media type in any case and with parameters`, async (issuer) => {
      for (const type of [
        "Application/X-WWW-Form-URLEncoded",
        "application/x-www-form-urlencoded; charset=utf-8",
        "application/x-www-form-urlencoded ;charset=UTF-8",
        "application/x-www-form-urlencoded\t; charset=utf-8"
      ]) {
        const request = formRequest(path, "client_id=public")
        const answer = await send(issuer, { ...request, headers: [["Content-Type", type]] })
        assert.notInclude(answer.body, "application/x-www-form-urlencoded")
        assert.isBelow(answer.status, 500)
      }
    })
  }

  for (const route of posts) {
    const { path } = route

    test(`RFC 9110 §15.5.14: a body of 10 MB to ${path} is 413`, async (issuer) => {
      const body = Buffer.alloc(tenMegabytes, "a")
      for (const framing of ["content-length", "chunked"] as const) {
        const connection = await RawConnection.open(issuer)
        connection.write(bytesOf({ ...formRequest(path, ""), body, framing }, new URL(issuer).host))
        isInvalidRequest(route, await connection.next(), 413)
        connection.close()
      }
    })

    test(`RFC 9110 §15.5.14: ${path} does not wait for a body that is announced too long`, async (issuer) => {
      const answer = await send(issuer, {
        ...formRequest(path, "a=b"),
        headers: [
          ["Content-Type", "application/x-www-form-urlencoded"],
          ["Content-Length", String(tenMegabytes)]
        ]
      })
      isInvalidRequest(route, answer, 413)
    })
  }

  test("RFC 9110 §10.1.1: whoever asks before sending 10 MB is told not to", async (issuer) => {
    const answer = await send(issuer, {
      method: "POST",
      target: "/token",
      headers: [
        ["Content-Type", "application/x-www-form-urlencoded"],
        ["Content-Length", String(tenMegabytes)],
        ["Expect", "100-continue"]
      ]
    })
    assert.strictEqual(answer.status, 413)
  })

  test("RFC 6749 §3.2: JSON to the token endpoint is invalid_request, well-formed or not", async (issuer) => {
    for (const body of ['{"grant_type":"refresh_token"}', "{", "null", "[]", '{"__proto__":{"grant_type":"x"}}']) {
      const answer = await send(issuer, {
        method: "POST",
        target: "/token",
        headers: [["Content-Type", "application/json"], ...Object.entries(basic("basic"))],
        body
      })
      assert.strictEqual(answer.status, 400)
      assert.strictEqual(JSON.parse(answer.body).error, "invalid_request")
    }
  })

  test("a compressed body is not unpacked", async (issuer) => {
    const answer = await send(issuer, formRequest("/token", "\x1f\x8b\x08\0", [["Content-Encoding", "gzip"]]))
    assert.strictEqual(answer.status, 400)
  })

  test("a body that stops early keeps no answer and no server waiting", async (issuer) => {
    const connection = await RawConnection.open(issuer)
    connection.write("POST /token HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nclient_id=")
    connection.close()
    assert.strictEqual((await send(issuer, { target: "/jwks" })).status, 200)
  })

  test("a body of a GET is not read", async (issuer) => {
    const answer = await send(issuer, {
      target: "/userinfo",
      headers: [["Content-Type", "application/x-www-form-urlencoded"]],
      body: `access_token=${secret}`
    })
    assert.strictEqual(answer.status, 401)
    assert.notInclude(answer.headers["www-authenticate"]!, "error")
  })
})
