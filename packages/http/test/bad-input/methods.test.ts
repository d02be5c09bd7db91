/** Methods that a route does not have, and the two that every server owes an answer. */
import { assert } from "@effect/vitest"
import { send } from "../raw.ts"
import { routes } from "../routes.ts"
import { suite } from "../suite.ts"

const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"]

suite("methods", (test) => {
  for (const { crossOrigin, methods: allowed, path } of routes) {
    const expected = [...allowed, ...(allowed.includes("GET") ? ["HEAD"] : []), ...(crossOrigin ? ["OPTIONS"] : [])]

    test(`RFC 9110 §15.5.6: ${path} answers 405 with Allow to every other method`, async (issuer) => {
      for (const method of methods.filter((one) => !expected.includes(one))) {
        const answer = await send(issuer, { method, target: path })
        assert.strictEqual(answer.status, 405, method)
        assert.sameMembers(answer.headers["allow"]!.split(", "), expected, method)
      }
    })

    if (allowed.includes("GET")) {
      test(`RFC 9110 §9.3.2: HEAD of ${path} is GET without the body`, async (issuer) => {
        const get = await send(issuer, { target: path })
        const head = await send(issuer, { method: "HEAD", target: path })
        assert.strictEqual(head.status, get.status)
        assert.strictEqual(head.headers["content-type"], get.headers["content-type"])
        assert.strictEqual(head.body, "")
      })
    }

    if (crossOrigin) {
      test(`Fetch §4.8: a preflight for ${path} names its methods`, async (issuer) => {
        const answer = await send(issuer, {
          method: "OPTIONS",
          target: path,
          headers: [
            ["Origin", "https://spa.example"],
            ["Access-Control-Request-Method", allowed[0]!],
            ["Access-Control-Request-Headers", "authorization,content-type"]
          ]
        })
        assert.strictEqual(answer.status, 204)
        assert.strictEqual(answer.headers["access-control-allow-origin"], "*")
        assert.sameMembers(answer.headers["access-control-allow-methods"]!.split(", "), [...allowed])
        assert.include(answer.headers["access-control-allow-headers"]!, "authorization")
        assert.notProperty(answer.headers, "access-control-allow-credentials")
      })
    } else {
      test(`Fetch §4.8: ${path} grants no preflight`, async (issuer) => {
        const answer = await send(issuer, {
          method: "OPTIONS",
          target: path,
          headers: [
            ["Origin", "https://spa.example"],
            ["Access-Control-Request-Method", "POST"]
          ]
        })
        assert.strictEqual(answer.status, 405)
        assert.notProperty(answer.headers, "access-control-allow-origin")
      })
    }
  }

  test("RFC 9110 §15.5.6: a method in lower case is another method", async (issuer) => {
    const answer = await send(issuer, { method: "get", target: "/jwks" })
    assert.isTrue(answer.status === 405 || answer.status === 400, String(answer.status))
  })

  test("RFC 9110 §9.3.6: CONNECT opens no tunnel", async (issuer) => {
    const answer = await send(issuer, { method: "CONNECT", target: "example.com:443" }).catch(() => undefined)
    assert.isTrue(answer === undefined || (answer.status >= 400 && answer.status < 500))
  })
})
