/** Requests that are hardly HTTP: targets, headers, hosts and framing. */
import { assert } from "@effect/vitest"
import { authorization, browser, authorizationUrl } from "../flow.ts"
import { bytesOf, Closed, formRequest, RawConnection, send } from "../raw.ts"
import { routes } from "../routes.ts"
import { suite } from "../suite.ts"

/** What the server says to these bytes, or undefined when it hangs up without a word. */
const say = async (issuer: string, bytes: string, method?: string) => {
  const connection = await RawConnection.open(issuer)
  try {
    connection.write(bytes)
    return await connection.next(method)
  } catch (error) {
    if (error instanceof Closed) return undefined
    throw error
  } finally {
    connection.close()
  }
}

const isAlive = async (issuer: string) => assert.strictEqual((await send(issuer, { target: "/jwks" })).status, 200)

suite("requests", (test) => {
  for (const { path } of routes) {
    test(`RFC 6585 §5: headers of 100 kB to ${path} are 431, and the connection ends`, async (issuer) => {
      for (const headers of [
        [["X-Long", "a".repeat(100_000)]],
        [["Cookie", "a=".padEnd(100_000, "b")]],
        Array.from({ length: 5_000 }, (_, i) => [`X-Header-${i}`, "abcdefgh"])
      ] as ReadonlyArray<ReadonlyArray<[string, string]>>) {
        const connection = await RawConnection.open(issuer)
        connection.write(bytesOf({ target: path, headers }, new URL(issuer).host))
        assert.strictEqual((await connection.next()).status, 431)
        await connection.whenClosed()
      }
    })

    test(`RFC 9110 §7.2: ${path} is not there for a host that is no issuer's`, async (issuer) => {
      const { host, port } = new URL(issuer)
      for (const wrong of [
        "evil.example",
        `evil.example:${port}`,
        "localhost",
        `${host}.`,
        `a.${host}`,
        `${host}@x`,
        "",
        "[::1"
      ]) {
        const answer = await send(issuer, { target: path, headers: [["Host", wrong]] })
        const isRefused = answer.status === 404 || answer.status === 400 || answer.status === 405
        assert.isTrue(isRefused, `${wrong}: ${answer.status}`)
        assert.notInclude(answer.body, "evil.example")
      }
    })

    test(`${path} exists at its own spelling alone`, async (issuer) => {
      for (const target of [
        `/${path}`,
        `${path}/`,
        `${path}//`,
        `/.${path}`,
        `/x/..${path}`,
        `/%2e${path}`,
        `/%2e%2e${path}`,
        `/x/%2e%2e${path}`,
        `${path}%00`,
        `${path}%20`,
        `${path};x=1`,
        `${path}%2f`,
        path.replace(
          /\/([a-z])([^/]*)$/,
          (_, first: string, rest: string) => `/%${first.charCodeAt(0).toString(16)}${rest}`
        ),
        path.toUpperCase(),
        `/\\${path.slice(1)}`
      ]) {
        const answer = await send(issuer, { target })
        // An interaction handle may hold any character: such a path names one that does not exist.
        const isHandle = path.startsWith("/interaction/") && answer.status === 400
        assert.isTrue(answer.status === 404 || isHandle, `${target}: ${answer.status}`)
      }
    })
  }

  test("RFC 9112 §3.2: a request without Host, or with two, is 400", async (issuer) => {
    const { host } = new URL(issuer)
    assert.strictEqual((await say(issuer, "GET /jwks HTTP/1.1\r\n\r\n"))?.status, 400)
    const twice = `GET /jwks HTTP/1.1\r\nHost: ${host}\r\nHost: evil.example\r\n\r\n`
    const answer = await say(issuer, twice)
    assert.isTrue(answer === undefined || (answer.status < 500 && !answer.body.includes("evil.example")))
  })

  test("HTTP/1.0 without Host belongs to no issuer", async (issuer) => {
    const answer = await say(issuer, "GET /jwks HTTP/1.0\r\n\r\n")
    assert.isTrue(answer === undefined || answer.status === 404 || answer.status === 400)
  })

  test("RFC 9112 §3.2.2: the absolute form means the same as the origin form, and never another host", async (issuer) => {
    const { host } = new URL(issuer)
    const own = await send(issuer, { target: `${issuer}/jwks` })
    assert.isTrue(own.status === 200 || own.status === 400 || own.status === 404, String(own.status))
    for (const target of ["http://evil.example/jwks", "https://evil.example/.well-known/openid-configuration"]) {
      const answer = await send(issuer, { target, headers: [["Host", host]] })
      assert.isBelow(answer.status, 500)
      assert.notInclude(answer.body, "evil.example")
    }
  })

  test("RFC 9112 §3.2: request targets of no form are refused", async (issuer) => {
    for (const target of [
      "*",
      "",
      "jwks",
      "?x",
      "#",
      "http://",
      "http:///jwks",
      "//",
      "///",
      "\x00",
      "/\x00",
      "/ jwks",
      "/%",
      "/%zz",
      "/\xff",
      "/[",
      "/:handle",
      "/*"
    ]) {
      const answer = await say(
        issuer,
        `GET ${target} HTTP/1.1\r\nHost: ${new URL(issuer).host}\r\nConnection: close\r\n\r\n`
      )
      assert.isTrue(
        answer === undefined || (answer.status >= 400 && answer.status < 500),
        `${target}: ${answer?.status}`
      )
    }
    await isAlive(issuer)
  })

  test("forwarding headers choose no issuer and appear in no URL", async (issuer) => {
    const headers = [
      ["X-Forwarded-Host", "evil.example"],
      ["X-Forwarded-Proto", "https"],
      ["X-Forwarded-Port", "1"],
      ["X-Forwarded-Prefix", "/evil"],
      ["X-Forwarded-For", "192.0.2.1"],
      ["X-Original-URL", "/evil"],
      ["X-Rewrite-URL", "/evil"],
      ["Forwarded", "for=192.0.2.1;host=evil.example;proto=https"],
      ["X-HTTP-Method-Override", "POST"]
    ] as const
    const target = "/.well-known/openid-configuration"
    const plain = await send(issuer, { target })
    const forwarded = await send(issuer, { target, headers })
    assert.strictEqual(forwarded.status, 200)
    assert.strictEqual(forwarded.body, plain.body)
    const begun = await send(issuer, { target: `/authorize?${authorization("public").toString()}`, headers })
    assert.strictEqual(begun.status, 302)
    assert.notInclude(JSON.stringify(begun.headers), "evil")
  })

  test("an interaction handle of any length and any character names none", async (issuer) => {
    const handles = [
      "a".repeat(15_000),
      "%00",
      "%ff",
      "%",
      "%zz",
      "%ed%a0%80",
      "%2e%2e%2f",
      "'--",
      "%3Cscript%3E",
      "__proto__",
      "constructor",
      "%E2%80%AE",
      "%0d%0aX-Injected:%201"
    ]
    for (const handle of handles) {
      for (const method of ["GET", "POST"]) {
        const request =
          method === "GET"
            ? { target: `/interaction/${handle}` }
            : formRequest(`/interaction/${handle}`, "decision=approve")
        const answer = await send(issuer, request)
        assert.isTrue(
          answer.status === 400 || answer.status === 404,
          `${method} ${handle.slice(0, 20)}: ${answer.status}`
        )
        assert.notProperty(answer.headers, "x-injected")
        assert.notInclude(answer.body, "<script>")
      }
    }
  })

  test("cookies that nobody set open nothing and break nothing", async (issuer) => {
    const page = await browser().visit(authorizationUrl(issuer, "public"))
    const target = page.url.pathname
    for (const cookie of [
      "",
      ";",
      "=",
      "=;=",
      "a",
      "%",
      "%zz=%zz",
      "__proto__=1",
      "interaction-=x",
      `${"a=b; ".repeat(1500)}c=d`,
      '"',
      "\xff=\xff"
    ]) {
      const answer = await send(issuer, { target, headers: [["Cookie", cookie]] })
      assert.strictEqual(answer.status, 400, cookie)
      assert.include(answer.body, "another browser")
    }
  })

  test("garbage gets a 400 or nothing, and only its own connection suffers", async (issuer) => {
    const host = `Host: ${new URL(issuer).host}`
    const garbage = [
      "\0\0\0\0\r\n\r\n",
      "\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03 a TLS hello\r\n\r\n",
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
      "GET\r\n\r\n",
      "GET /jwks\r\n\r\n",
      "GET /jwks HTTP/9.9\r\n\r\n",
      `GET /jwks HTTP/1.1\r\n${host}\r\nno colon here\r\n\r\n`,
      `GET /jwks HTTP/1.1\r\n${host}\r\nBad Name: x\r\n\r\n`,
      `GET /jwks HTTP/1.1\r\n${host}\r\nX: a\0b\r\n\r\n`,
      `GET /jwks HTTP/1.1\r\n${host}\r\nX: a\r\n folded\r\n\r\n`,
      `POST /token HTTP/1.1\r\n${host}\r\nContent-Length: -1\r\n\r\n`,
      `POST /token HTTP/1.1\r\n${host}\r\nContent-Length: 1, 2\r\n\r\nab`,
      `POST /token HTTP/1.1\r\n${host}\r\nContent-Length: 0x10\r\n\r\n`,
      `POST /token HTTP/1.1\r\n${host}\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab`,
      `POST /token HTTP/1.1\r\n${host}\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      `POST /token HTTP/1.1\r\n${host}\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`,
      `POST /token HTTP/1.1\r\n${host}\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n`,
      `POST /token HTTP/1.1\r\n${host}\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n`,
      `GET /jwks HTTP/1.1\r\n${host}\r\nExpect: a-miracle\r\n\r\n`
    ]
    for (const bytes of garbage) {
      const answer = await say(issuer, bytes)
      const isRefused = answer === undefined || (answer.status >= 400 && answer.status < 500)
      assert.isTrue(isRefused, `${JSON.stringify(bytes)}: ${answer?.status}`)
    }
    await isAlive(issuer)
  })

  test("RFC 9112 §9.3.2: pipelined requests are answered in order", async (issuer) => {
    const { host } = new URL(issuer)
    const connection = await RawConnection.open(issuer)
    const good = bytesOf({ target: "/jwks" }, host)
    const refused = bytesOf(formRequest("/token", "client_id=public"), host)
    connection.write(Buffer.concat([good, refused, good, refused]))
    for (const status of [200, 400, 200, 400]) assert.strictEqual((await connection.next()).status, status)
    connection.close()
  })

  test("RFC 9112 §9.3.2: garbage after pipelined requests ends the connection, and no other", async (issuer) => {
    const { host } = new URL(issuer)
    const connection = await RawConnection.open(issuer)
    const good = bytesOf({ target: "/jwks" }, host)
    connection.write(Buffer.concat([good, good, Buffer.from("rubbish rubbish\r\n\r\n"), good]))
    await connection.whenClosed()
    await isAlive(issuer)
  })

  test("RFC 9112 §9.3: a refused body leaves nothing behind for the next request on the connection", async (issuer) => {
    const { host } = new URL(issuer)
    const connection = await RawConnection.open(issuer)
    // The body is itself a request: whoever answers without reading it would answer it next.
    const smuggled = bytesOf({ target: "/authorize" }, host)
    connection.write(
      bytesOf({ method: "POST", target: "/token", body: smuggled, headers: [["Content-Type", "text/plain"]] }, host)
    )
    assert.strictEqual((await connection.next()).status, 400)
    connection.write(bytesOf({ target: "/jwks" }, host))
    const next = await connection.next().catch((error: unknown) => error)
    if (!(next instanceof Closed)) assert.strictEqual((next as { readonly status: number }).status, 200)
    connection.close()
  })

  test("RFC 9110 §7.8: nobody is upgraded to another protocol", async (issuer) => {
    for (const protocol of ["websocket", "h2c"]) {
      const answer = await send(issuer, {
        target: "/jwks",
        headers: [
          ["Connection", "Upgrade"],
          ["Upgrade", protocol],
          ["Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="],
          ["Sec-WebSocket-Version", "13"]
        ]
      })
      assert.isTrue(answer.status === 200 || (answer.status >= 400 && answer.status < 500), String(answer.status))
    }
  })
})
