/** What programs are answered: status, headers, content types and bodies, endpoint by endpoint. */
import { assert } from "@effect/vitest"
import { authorize, basic, errorOf, exchange, payloadOf, post, refresh, resource, secret, signIn } from "../flow.ts"
import { routes } from "../routes.ts"
import { suite } from "../suite.ts"

const isNeverStored = (response: Response) => {
  assert.strictEqual(response.headers.get("cache-control"), "no-store")
  assert.strictEqual(response.headers.get("pragma"), "no-cache")
}

const isJson = (response: Response) => assert.match(response.headers.get("content-type")!, /^application\/json\b/)

const userinfo = (issuer: string, init?: RequestInit) => fetch(`${issuer}/userinfo`, init)
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

suite("answers", (test) => {
  test("RFC 6749 §5.1: a token response is JSON that nobody stores, with exactly its members", async (issuer) => {
    const { headers, ...response } = await authorize(issuer, "first").then(async (parameters) => {
      const answer = await exchange(issuer, "first", parameters.get("code"))
      assert.strictEqual(answer.status, 200)
      isNeverStored(answer)
      isJson(answer)
      return { headers: answer.headers, ...((await answer.json()) as Record<string, unknown>) }
    })
    assert.isNull(headers.get("set-cookie"))
    assert.sameMembers(Object.keys(response), [
      "access_token",
      "token_type",
      "expires_in",
      "refresh_token",
      "id_token",
      "scope"
    ])
    assert.strictEqual((response as Record<string, unknown>)["token_type"], "Bearer")
    assert.strictEqual((response as Record<string, unknown>)["expires_in"], 600)
  })

  test("OpenID Connect Core §11: without offline_access there is no refresh token", async (issuer) => {
    const tokens = await signIn(issuer, "first", { scope: "openid" })
    assert.notProperty(tokens, "refresh_token")
    assert.strictEqual(tokens.scope, "openid")
  })

  test("OpenID Connect Core §11: offline_access means nothing to a client that cannot refresh", async (issuer) => {
    const tokens = await signIn(issuer, "once", { scope: "openid offline_access" })
    assert.notProperty(tokens, "refresh_token")
    assert.strictEqual(tokens.scope, "openid")
  })

  test("RFC 6749 §3.1: without openid there is no ID token", async (issuer) => {
    assert.notProperty(await signIn(issuer, "first", { scope: "profile" }), "id_token")
  })

  test("RFC 6749 §5.2: every error of /token is JSON that nobody stores, 401 for the client alone", async (issuer) => {
    const expected = [
      ["invalid_client", 401, await post(`${issuer}/token`, undefined, { grant_type: "refresh_token" })],
      ["invalid_request", 400, await post(`${issuer}/token`, "basic", {})],
      ["unsupported_grant_type", 400, await post(`${issuer}/token`, "basic", { grant_type: "password" })],
      ["unauthorized_client", 400, await refresh(issuer, "once", "x")],
      ["invalid_grant", 400, await refresh(issuer, "basic", "x")],
      [
        "invalid_scope",
        400,
        await refresh(issuer, "first", (await signIn(issuer, "first")).refresh_token, { scope: "address" })
      ],
      [
        "invalid_target",
        400,
        await refresh(issuer, "first", (await signIn(issuer, "first")).refresh_token, {
          resource: "https://other.example"
        })
      ]
    ] as const
    for (const [error, status, answer] of expected) {
      assert.strictEqual(answer.status, status, error)
      isNeverStored(answer)
      isJson(answer)
      assert.strictEqual(answer.headers.has("www-authenticate"), status === 401, error)
      const body = (await answer.json()) as Record<string, string>
      assert.strictEqual(body["error"], error)
      assert.sameMembers(Object.keys(body), ["error", "error_description"])
      // RFC 6749 §5.2: the characters of error_description.
      assert.match(body["error_description"]!, /^[\x20\x21\x23-\x5b\x5d-\x7e]+$/)
    }
  })

  for (const endpoint of ["token", "revoke", "introspect"] as const) {
    const form = { grant_type: "refresh_token", refresh_token: "x", token: "x" }
    const ask = (issuer: string, headers: Record<string, string>, body: Record<string, string> = {}) =>
      fetch(`${issuer}/${endpoint}`, { method: "POST", headers, body: new URLSearchParams({ ...form, ...body }) })

    test(`RFC 6749 §5.2: at /${endpoint} an unknown client and a wrong secret get the same answer`, async (issuer) => {
      const describe = async (answer: Response) => {
        const headers = new Headers(answer.headers)
        for (const name of ["date", "lockspire-trace"]) headers.delete(name)
        return { status: answer.status, headers: Object.fromEntries(headers), body: await answer.text() }
      }
      const wrong = await describe(await ask(issuer, basic("basic", "wrong")))
      assert.strictEqual(wrong.status, 401)
      assert.deepStrictEqual(await describe(await ask(issuer, basic("nobody", "wrong"))), wrong)
      assert.deepStrictEqual(await describe(await ask(issuer, basic("nobody", secret))), wrong)
      assert.deepStrictEqual(await describe(await ask(issuer, basic("disabled"))), wrong)
      assert.deepStrictEqual(await describe(await ask(issuer, basic("post"))), wrong)
      assert.deepStrictEqual(await describe(await ask(issuer, {}, { client_id: "nobody", client_secret: "x" })), wrong)
      assert.deepStrictEqual(
        await describe(await ask(issuer, {}, { client_id: "basic", client_secret: secret })),
        wrong
      )
      assert.deepStrictEqual(await describe(await ask(issuer, {}, { client_id: "basic" })), wrong)
    })

    test(`RFC 9110 §11.6.1: a 401 of /${endpoint} names the Basic scheme`, async (issuer) => {
      const answer = await ask(issuer, basic("basic", "wrong"))
      assert.strictEqual(answer.headers.get("www-authenticate"), `Basic realm="${issuer}", charset="UTF-8"`)
      isNeverStored(answer)
    })
  }

  test("RFC 7009 §2.2: a revocation is a 200, of an unknown token too", async (issuer) => {
    const { access_token } = await signIn(issuer, "first")
    for (const token of [access_token, access_token, "unknown"]) {
      const answer = await post(`${issuer}/revoke`, "first", { token })
      assert.strictEqual(answer.status, 200)
      isNeverStored(answer)
    }
    assert.strictEqual((await userinfo(issuer, { headers: bearer(access_token) })).status, 401)
  })

  test("RFC 7009 §2.1: a wrong token_type_hint finds the token all the same, and an unknown one is ignored", async (issuer) => {
    for (const token_type_hint of ["refresh_token", "made_up"]) {
      const { access_token } = await signIn(issuer, "first")
      assert.strictEqual(
        (await post(`${issuer}/revoke`, "first", { token: access_token, token_type_hint })).status,
        200
      )
      assert.strictEqual((await userinfo(issuer, { headers: bearer(access_token) })).status, 401)
    }
  })

  test("RFC 7009 §2.1: another client's token is not revoked", async (issuer) => {
    const { access_token, refresh_token } = await signIn(issuer, "first")
    for (const token of [access_token, refresh_token]) {
      const answer = await post(`${issuer}/revoke`, "other", { token })
      assert.strictEqual(answer.status, 400)
    }
    assert.strictEqual((await userinfo(issuer, { headers: bearer(access_token) })).status, 200)
  })

  test("RFC 7662 §2.2: the token's client, its resource and the operator's gateway see it; anyone else sees active: false", async (issuer) => {
    const { access_token, refresh_token } = await signIn(issuer, "first", {
      scope: "openid read offline_access",
      resource
    })
    const see = async (clientId: string, token: string) => {
      const answer = await post(`${issuer}/introspect`, clientId, { token })
      assert.strictEqual(answer.status, 200)
      isNeverStored(answer)
      isJson(answer)
      return (await answer.json()) as Record<string, unknown>
    }
    for (const clientId of ["first", "api", "gateway"]) {
      const seen = await see(clientId, access_token)
      assert.include(
        seen,
        {
          active: true,
          iss: issuer,
          client_id: "first",
          sub: "alice",
          scope: "read",
          aud: resource,
          token_type: "Bearer"
        },
        clientId
      )
    }
    for (const clientId of ["first", "gateway"]) assert.isTrue((await see(clientId, refresh_token))["active"])
    assert.deepStrictEqual(await see("api", refresh_token), { active: false })
    for (const clientId of ["other", "public"]) {
      for (const token of [access_token, refresh_token])
        assert.deepStrictEqual(await see(clientId, token), { active: false })
    }
    assert.deepStrictEqual(await see("first", "unknown"), { active: false })
  })

  test("OpenID Connect Core §5.3.2: userinfo is JSON that nobody stores, by GET, POST header and POST body", async (issuer) => {
    const { access_token } = await signIn(issuer, "first", { scope: "openid email" })
    const answers = [
      await userinfo(issuer, { headers: bearer(access_token) }),
      await userinfo(issuer, { headers: { authorization: `bEaReR  ${access_token}` } }),
      await userinfo(issuer, { method: "POST", headers: bearer(access_token) }),
      await userinfo(issuer, { method: "POST", body: new URLSearchParams({ access_token }) })
    ]
    for (const answer of answers) {
      assert.strictEqual(answer.status, 200)
      isNeverStored(answer)
      isJson(answer)
      assert.deepStrictEqual(await answer.json(), { sub: "alice", email: "alice@example.com", email_verified: true })
    }
  })

  test("RFC 6750 §3: without a token the challenge names no error", async (issuer) => {
    for (const headers of [{}, basic("first"), { authorization: "Digest x" }] as ReadonlyArray<
      Record<string, string>
    >) {
      const answer = await userinfo(issuer, { headers })
      assert.strictEqual(answer.status, 401)
      assert.isTrue(
        answer.headers.get("www-authenticate")!.startsWith(`Bearer realm="${issuer}", DPoP realm="${issuer}", algs="`)
      )
      isNeverStored(answer)
    }
  })

  test("RFC 6750 §2.3: a token in the query is no token", async (issuer) => {
    const { access_token } = await signIn(issuer, "first")
    const answer = await fetch(`${issuer}/userinfo?access_token=${access_token}`)
    assert.strictEqual(answer.status, 401)
    assert.isTrue(
      answer.headers.get("www-authenticate")!.startsWith(`Bearer realm="${issuer}", DPoP realm="${issuer}", algs="`)
    )
  })

  test("RFC 6750 §3.1: invalid_token is 401, insufficient_scope 403 with the scope, two tokens 400", async (issuer) => {
    const { access_token, id_token, refresh_token } = await signIn(issuer, "first", { scope: "openid offline_access" })
    const challengeOf = async (answer: Response, status: number, error: string) => {
      assert.strictEqual(answer.status, status)
      isNeverStored(answer)
      const challenge = answer.headers.get("www-authenticate")!
      assert.match(challenge, new RegExp(`^Bearer realm="[^"]+", error="${error}", error_description="[^"]+"`))
      assert.strictEqual(await errorOf(answer), error)
      return challenge
    }
    for (const token of ["unknown", id_token, refresh_token]) {
      await challengeOf(await userinfo(issuer, { headers: bearer(token) }), 401, "invalid_token")
    }
    const narrow = await signIn(issuer, "first", { scope: "profile" })
    const refused = await userinfo(issuer, { headers: bearer(narrow.access_token) })
    assert.match(await challengeOf(refused, 403, "insufficient_scope"), /, scope="openid"$/)
    const both = { method: "POST", headers: bearer(access_token), body: new URLSearchParams({ access_token }) }
    await challengeOf(await userinfo(issuer, both), 400, "invalid_request")
    for (const header of ["Bearer", "Bearer ", "Bearer a b", "Bearer a,b", 'Bearer "x"']) {
      const answer = await userinfo(issuer, { headers: { authorization: header } })
      await challengeOf(answer, 400, "invalid_request")
    }
  })

  test("OpenID Connect Core §3.1.3.7: the ID token names issuer, client, nonce and the access token's hash", async (issuer) => {
    const { access_token, id_token } = await signIn(issuer, "first")
    const claims = payloadOf(id_token)
    assert.include(claims, { iss: issuer, aud: "first", sub: "alice", nonce: "the-nonce" })
    const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(access_token))
    assert.strictEqual(claims["at_hash"], Buffer.from(hash).subarray(0, 16).toString("base64url"))
    assert.notProperty(claims, "azp")
    assert.isNumber(claims["auth_time"])
    assert.isString(claims["sid"])
    assert.strictEqual((claims["exp"] as number) - (claims["iat"] as number), 3600)
  })

  for (const { crossOrigin, methods, path, speaks } of routes) {
    const sends = crossOrigin ? "is for" : "is not for"
    test(`Fetch §3.2: ${path} ${sends} scripts of other origins, and never with credentials`, async (issuer) => {
      for (const method of methods) {
        const answer = await fetch(`${issuer}${path}`, { method, headers: { origin: "https://spa.example" } })
        const allowed = answer.headers.get("access-control-allow-origin")
        assert.strictEqual(allowed, crossOrigin ? "*" : null, method)
        assert.isNull(answer.headers.get("access-control-allow-credentials"))
        assert.include(answer.headers.get("content-type") ?? "json", speaks)
      }
    })
  }

  test("RFC 8414 §3.2: metadata and keys may be cached by anyone, for a while", async (issuer) => {
    for (const path of ["/jwks", "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"]) {
      const answer = await fetch(`${issuer}${path}`)
      assert.match(answer.headers.get("cache-control")!, /^public, max-age=[1-9][0-9]*$/)
      isJson(answer)
    }
  })
})
