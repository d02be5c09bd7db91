/** Several issuers in one process: what belongs to one is nothing at another. RFC 8414 §2, RFC 9207. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import {
  authorization,
  authorizationUrl,
  authorize,
  browser,
  errorOf,
  exchange,
  options,
  payloadOf,
  post,
  refresh,
  secret,
  signIn
} from "./flow.ts"
import { send } from "./raw.ts"
import { suite } from "./suite.ts"

suite(
  "issuers",
  (test) => {
    const two = (issuers: ReadonlyArray<string>) => [issuers[0]!, issuers[1]!] as const

    test("each publishes its own metadata and its own keys", async (_, { issuers }) => {
      const kids: Array<string> = []
      for (const issuer of issuers) {
        const { host, origin } = new URL(issuer)
        const at = (path: string) =>
          send(issuers[0]!, { target: `${issuer.slice(origin.length)}${path}`, headers: [["Host", host]] })
        const metadata = JSON.parse((await at("/.well-known/openid-configuration")).body) as Record<string, unknown>
        assert.strictEqual(metadata["issuer"], issuer)
        for (const value of Object.values(metadata)) {
          if (typeof value === "string") assert.isTrue(value === issuer || value.startsWith(`${issuer}/`), value)
        }
        const { keys } = JSON.parse((await at("/jwks")).body) as {
          readonly keys: ReadonlyArray<{ readonly kid: string }>
        }
        kids.push(...keys.map(({ kid }) => kid))
      }
      assert.strictEqual(new Set(kids).size, kids.length)
    })

    test("a code of one is unknown at the other, and is not spent by asking there", async (_, { issuers }) => {
      const [one, other] = two(issuers)
      const response = await authorize(one, "first")
      assert.strictEqual(response.get("iss"), one)
      assert.strictEqual(await errorOf(await exchange(other, "first", response.get("code"))), "invalid_grant")
      assert.strictEqual((await exchange(one, "first", response.get("code"))).status, 200)
    })

    test("tokens of one are unknown at the other, at every endpoint", async (_, { issuers }) => {
      const [one, other] = two(issuers)
      const tokens = await signIn(one, "first")
      assert.strictEqual(payloadOf(tokens.id_token)["iss"], one)
      const userinfo = (issuer: string) =>
        fetch(`${issuer}/userinfo`, { headers: { authorization: `Bearer ${tokens.access_token}` } })
      assert.strictEqual((await userinfo(other)).status, 401)
      const seen = await post(`${other}/introspect`, "gateway", { token: tokens.access_token })
      assert.deepStrictEqual(await seen.json(), { active: false })
      assert.strictEqual((await post(`${other}/revoke`, "first", { token: tokens.access_token })).status, 200)
      assert.strictEqual((await userinfo(one)).status, 200)
      assert.strictEqual(await errorOf(await refresh(other, "first", tokens.refresh_token)), "invalid_grant")
      assert.strictEqual((await refresh(one, "first", tokens.refresh_token)).status, 200)
    })

    test("an ID token of one is no id_token_hint at the other", async (_, { issuers }) => {
      const [one, other] = two(issuers)
      const { id_token } = await signIn(one, "first")
      const response = await authorize(other, "first", { id_token_hint: id_token })
      assert.strictEqual(response.get("error"), "invalid_request")
    })

    test("a client of one does not exist at the other", async (_, { issuers, putClient }) => {
      const [one, other] = two(issuers)
      await Effect.runPromise(putClient({ clientId: "only-here", secret, firstParty: true }, one))
      assert.isTrue((await authorize(one, "only-here")).has("code"))
      const page = await fetch(authorizationUrl(other, "only-here"), { redirect: "manual" })
      assert.strictEqual(page.status, 400)
      assert.include(await page.text(), "<code>unauthorized_client</code>")
      assert.strictEqual(await errorOf(await refresh(other, "only-here", "x")), "invalid_client")
    })

    test("an interaction of one is unknown at the other, and their cookies have different names", async (_, {
      issuers
    }) => {
      const [one, other] = two(issuers)
      const person = browser()
      const page = await person.visit(authorizationUrl(one, "basic"))
      assert.strictEqual(page.status, 200)
      const handle = page.url.pathname.slice(page.url.pathname.lastIndexOf("/") + 1)
      const elsewhere = await person.visit(`${other}/interaction/${handle}`)
      assert.strictEqual(elsewhere.status, 400)
      assert.include(elsewhere.body, "does not exist")
      const before = new Set(person.cookies.keys())
      await person.visit(authorizationUrl(other, "basic", { prompt: "consent" }))
      const added = [...person.cookies.keys()].filter((name) => !before.has(name))
      assert.isNotEmpty(added)
    })

    test("the same person's session gives each issuer another sid", async (_, { issuers }) => {
      const [one, other] = two(issuers)
      const person = browser()
      const sids = [await signIn(one, "first", {}, person), await signIn(other, "first", {}, person)].map(
        ({ id_token }) => payloadOf(id_token)["sid"]
      )
      assert.notStrictEqual(sids[0], sids[1])
    })

    test("RFC 9110 §7.2: the host selects among issuers of one path, by exact match alone", async (_, { issuers }) => {
      const [one] = issuers
      const { port } = new URL(one!)
      const answer = async (host: string) => {
        const response = await send(one!, {
          target: "/one/.well-known/openid-configuration",
          headers: [["Host", host]]
        })
        return response.status === 200
          ? (JSON.parse(response.body) as { readonly issuer: string }).issuer
          : response.status
      }
      assert.strictEqual(await answer(`localhost:${port}`), `http://localhost:${port}/one`)
      assert.strictEqual(await answer(`LOCALHOST:${port}`), `http://localhost:${port}/one`)
      assert.strictEqual(await answer(`127.0.0.1:${port}`), `http://127.0.0.1:${port}/one`)
      for (const host of [
        `[::1]:${port}`,
        "localhost",
        `localhost.:${port}`,
        `evil.example`,
        `localhost:${port},127.0.0.1:${port}`
      ]) {
        assert.include([400, 404], await answer(host), host)
      }
    })

    test("RFC 9112 §3.2: a Host that is none, or two of them, is 400", async (_, { issuers }) => {
      const { host } = new URL(issuers[0]!)
      const target = "/one/.well-known/openid-configuration"
      for (const hosts of [[host, "evil.example"], ["evil.example", host], [`user@${host}`], [`${host}/x`]]) {
        const headers = hosts.map((one): [string, string] => ["Host", one])
        const answer = await send(issuers[0]!, { target, headers })
        assert.strictEqual(answer.status, 400, hosts.join(" and "))
        assert.strictEqual((JSON.parse(answer.body) as { readonly error: string }).error, "invalid_request")
      }
    })

    test("RFC 9112 §3.2.2: in the absolute form the target's host selects, whatever Host says", async (_, {
      issuers
    }) => {
      const [one] = issuers
      const { host, port } = new URL(one!)
      const target = `http://127.0.0.1:${port}/one/.well-known/openid-configuration`
      const answer = await send(one!, { target, headers: [["Host", host]] })
      assert.strictEqual(answer.status, 200)
      assert.strictEqual(
        (JSON.parse(answer.body) as { readonly issuer: string }).issuer,
        `http://127.0.0.1:${port}/one`
      )
    })

    test("RFC 6265bis §4.1.3.2: an https issuer's cookies are Secure and bound to its host by their name", async (_, {
      issuers
    }) => {
      const answer = await send(issuers[0]!, {
        target: `/one/authorize?${authorization("public").toString()}`,
        headers: [["Host", "secure.example"]]
      })
      assert.strictEqual(answer.status, 302)
      const cookie = answer.headers["set-cookie"]!
      assert.match(cookie, /^__Host-/)
      assert.match(cookie, /; *Secure/i)
      assert.match(cookie, /; *HttpOnly/i)
      assert.match(cookie, /; *Path=\/(;|$)/i)
      assert.notMatch(cookie, /Domain=/i)
      const returnTo = new URL(answer.headers["location"]!, issuers[0]).searchParams.get("returnTo")!
      assert.isTrue(returnTo.startsWith("https://secure.example/one/interaction/"))
    })

    test("a code of one host is unknown at the other host of the same path", async (_, { issuers }) => {
      const [one] = issuers
      const { port } = new URL(one!)
      const response = await authorize(one!, "public")
      const body = new URLSearchParams({
        ...Object.fromEntries(authorization("public")),
        grant_type: "authorization_code",
        code: response.get("code")!
      }).toString()
      const answer = await send(one!, {
        method: "POST",
        target: "/one/token",
        headers: [
          ["Host", `127.0.0.1:${port}`],
          ["Content-Type", "application/x-www-form-urlencoded"]
        ],
        body
      })
      assert.strictEqual((JSON.parse(answer.body) as { readonly error: string }).error, "invalid_grant")
      assert.strictEqual((await exchange(one!, "public", response.get("code"))).status, 200)
    })
  },
  {
    options: {
      ...options,
      path: "/one",
      alsoIssuers: (port) => [
        `http://localhost:${port}/other`,
        `http://localhost:${port}`,
        `http://127.0.0.1:${port}/one`,
        "https://secure.example/one"
      ]
    }
  }
)
