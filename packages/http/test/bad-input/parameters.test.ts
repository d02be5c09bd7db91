/** Forms and queries that decode, and mean nothing good. */
import { assert } from "@effect/vitest"
import { authorization, authorize, basic, errorOf, exchange, post, refresh, secret, signIn } from "../flow.ts"
import { formRequest, send } from "../raw.ts"
import { forms } from "../routes.ts"
import { suite } from "../suite.ts"

const prototypeNames = ["__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "__defineGetter__"]

const isInvalidRequest = async (response: Response) => {
  assert.strictEqual(response.status, 400)
  assert.strictEqual(await errorOf(response), "invalid_request")
}

suite("parameters", (test) => {
  for (const { path } of forms) {
    test(`${path} takes thousands of parameters in its stride`, async (issuer) => {
      const many = Array.from({ length: 8_000 }, (_, i) => `p${i}=1`).join("&")
      const same = "x&".repeat(30_000)
      for (const body of [many.slice(0, 60_000), same, "&".repeat(60_000), "=".repeat(60_000), "a=".repeat(30_000)]) {
        const answer = await send(issuer, formRequest(path, body))
        assert.isTrue(answer.status >= 400 && answer.status < 500, String(answer.status))
      }
    })

    test(`${path}: names of JavaScript's own objects are names like others`, async (issuer) => {
      const body = prototypeNames
        .map((name) => `${name}=1&${name}[client_id]=public&${name}.client_id=public`)
        .join("&")
      const answer = await send(issuer, formRequest(path, body))
      assert.isTrue(answer.status === 400 || answer.status === 401, String(answer.status))
      assert.isUndefined(({} as Record<string, unknown>)["client_id"])
    })
  }

  test("names of JavaScript's own objects as values are unknown values", async (issuer) => {
    for (const name of prototypeNames) {
      const grant = await post(`${issuer}/token`, "basic", { grant_type: name })
      assert.strictEqual(await errorOf(grant), "unsupported_grant_type")
      const client = await post(`${issuer}/token`, undefined, { grant_type: "refresh_token", client_id: name })
      assert.strictEqual(await errorOf(client), "invalid_client")
      const code = await exchange(issuer, "basic", name)
      assert.strictEqual(await errorOf(code), "invalid_grant")
      const token = await refresh(issuer, "basic", name)
      assert.strictEqual(await errorOf(token), "invalid_grant")
      for (const parameter of ["response_mode", "response_type", "prompt", "display", "scope"]) {
        const response = await authorize(issuer, "first", { [parameter]: name })
        assert.isString(response.get("error"), `${parameter}=${name}`)
        assert.isNull(response.get("code"))
      }
    }
  })

  test("claims named after JavaScript's own objects are claims nobody has", async (issuer) => {
    const claims = `{"userinfo":{"__proto__":null,"constructor":null,"name":null},"id_token":{"__proto__":{"essential":true}}}`
    const tokens = await signIn(issuer, "first", { scope: "openid", claims })
    const userinfo = await fetch(`${issuer}/userinfo`, { headers: { authorization: `Bearer ${tokens.access_token}` } })
    assert.deepStrictEqual(await userinfo.json(), { name: "Alice Liddell", sub: "alice" })
  })

  test("RFC 6749 §3.1: every parameter of /authorize but resource may be sent once", async (issuer) => {
    const names = [
      ...authorization("first").keys(),
      "response_mode",
      "prompt",
      "max_age",
      "login_hint",
      "id_token_hint",
      "ui_locales",
      "claims_locales",
      "acr_values",
      "display",
      "claims",
      "request",
      "request_uri",
      "registration"
    ]
    for (const name of names) {
      const parameters = authorization("first")
      if (!parameters.has(name)) parameters.append(name, "x")
      parameters.append(name, parameters.get(name)!)
      const answer = await fetch(`${issuer}/authorize?${parameters.toString()}`, { redirect: "manual" })
      if (name === "client_id" || name === "redirect_uri") {
        assert.strictEqual(answer.status, 400, name)
        assert.isNull(answer.headers.get("location"))
      } else {
        const location = new URL(answer.headers.get("location")!)
        assert.strictEqual(location.searchParams.get("error"), "invalid_request", name)
        // RFC 6749 §4.1.2.1: of two states neither is the client's.
        assert.strictEqual(location.searchParams.get("state"), name === "state" ? null : "the-state", name)
      }
    }
  })

  test("RFC 6749 §3.2: every parameter of /token may be sent once, an empty one counted", async (issuer) => {
    for (const name of [
      "grant_type",
      "client_id",
      "client_secret",
      "code",
      "redirect_uri",
      "code_verifier",
      "refresh_token",
      "scope",
      "assertion",
      "subject_token",
      "subject_token_type",
      "actor_token",
      "actor_token_type",
      "requested_token_type"
    ]) {
      for (const second of ["same", ""]) {
        const body = new URLSearchParams({ grant_type: "authorization_code", client_id: "public", code: "x" })
        body.set(name, "same")
        body.append(name, second)
        await isInvalidRequest(await fetch(`${issuer}/token`, { method: "POST", body }))
      }
    }
  })

  for (const endpoint of ["revoke", "introspect"] as const) {
    test(`RFC 6749 §3.2: every parameter of /${endpoint} may be sent once`, async (issuer) => {
      for (const name of ["token", "token_type_hint", "client_id", "client_secret"]) {
        const body = new URLSearchParams({ token: "x", client_id: "public" })
        body.set(name, "x")
        body.append(name, "x")
        await isInvalidRequest(await fetch(`${issuer}/${endpoint}`, { method: "POST", body }))
      }
    })
  }

  test("RFC 6749 §3.1: unknown parameters are ignored, repeated or not", async (issuer) => {
    const parameters = authorization("first")
    for (const value of ["1", "2"]) parameters.append("unknown", value)
    const answer = await fetch(`${issuer}/authorize?${parameters.toString()}`, { redirect: "manual" })
    assert.include(answer.headers.get("location")!, "/test/sign-in")
    const body = new URLSearchParams({ grant_type: "refresh_token", refresh_token: "x" })
    for (const value of ["1", "2"]) body.append("unknown", value)
    const token = await fetch(`${issuer}/token`, { method: "POST", body, headers: basic("basic") })
    assert.strictEqual(await errorOf(token), "invalid_grant")
  })

  test("RFC 6749 §3.1: a parameter without a value was not sent", async (issuer) => {
    const response = await authorize(issuer, "first", {
      login_hint: "",
      max_age: "",
      prompt: "",
      claims: "",
      request: ""
    })
    assert.isString(response.get("code"))
  })

  for (const endpoint of ["par", "token", "revoke", "introspect"] as const) {
    const form = { grant_type: "refresh_token", refresh_token: "x", token: "x" }

    test(`RFC 6749 §2.3: two authentication methods at /${endpoint} are invalid_request`, async (issuer) => {
      const twice = { ...form, client_id: "basic", client_secret: secret }
      const url = `${issuer}/${endpoint}`
      const send = (body: Record<string, string>, headers: Record<string, string>) =>
        fetch(url, { method: "POST", headers, body: new URLSearchParams(body) })
      await isInvalidRequest(await send(twice, basic("basic")))
      await isInvalidRequest(await send({ ...form, client_assertion: "x" }, basic("basic")))
      await isInvalidRequest(await send({ ...twice, client_assertion: "x" }, {}))
    })

    test(`RFC 6749 §2.3.1: credentials in the query of /${endpoint} are not read`, async (issuer) => {
      const query = new URLSearchParams({ client_id: "post", client_secret: secret, ...form }).toString()
      const answer = await fetch(`${issuer}/${endpoint}?${query}`, { method: "POST", body: new URLSearchParams(form) })
      assert.strictEqual(answer.status, 401)
      assert.strictEqual(await errorOf(answer), "invalid_client")
    })
  }

  test("RFC 6749 §3.2.1: a client_id beside Basic must name the same client", async (issuer) => {
    const body = (clientId: string) =>
      new URLSearchParams({ grant_type: "refresh_token", refresh_token: "x", client_id: clientId })
    const send = (clientId: string) =>
      fetch(`${issuer}/token`, { method: "POST", headers: basic("basic"), body: body(clientId) })
    assert.strictEqual(await errorOf(await send("basic")), "invalid_grant")
    await isInvalidRequest(await send("other"))
  })

  test("RFC 6749 §2.3.1: malformed Basic credentials are invalid_client", async (issuer) => {
    const encode = (text: string) => Buffer.from(text, "latin1").toString("base64")
    const headers = [
      "Basic",
      "Basic ",
      "Basic !!!",
      `Basic ${encode("no colon")}`,
      `Basic ${encode(`:${secret}`)}`,
      `Basic ${encode(`basic:${secret}`)}=`,
      `Basic ${encode("\xff\xfe:x")}`,
      `Basic ${encode("basic%zz:x")}`,
      `Basic ${encode("basic%00:x")}`,
      `Basic ${encode("basic\0:x")}`,
      `Basic ${encode(`basic:${secret}`)}, Basic ${encode(`basic:${secret}`)}`,
      "Bearer x",
      "Digest username=basic",
      "basic",
      "x".repeat(4000)
    ]
    for (const authorization of headers) {
      const body = new URLSearchParams({ grant_type: "refresh_token", refresh_token: "x" })
      const answer = await fetch(`${issuer}/token`, { method: "POST", headers: { authorization }, body })
      assert.strictEqual(answer.status, 401, authorization)
      assert.strictEqual(await errorOf(answer), "invalid_client", authorization)
    }
  })

  test("RFC 9110 §5.3: a repeated Authorization header authenticates nobody", async (issuer) => {
    const header = ["Authorization", basic("basic")["authorization"]!] as const
    const request = formRequest("/token", "grant_type=refresh_token&refresh_token=x", [header, header])
    const answer = await send(issuer, request)
    assert.isTrue(answer.status === 400 || answer.status === 401, String(answer.status))
    assert.notStrictEqual(JSON.parse(answer.body || "{}").error, undefined)
  })
})
