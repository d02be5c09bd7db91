/** What the issuer says about itself is what it does: OpenID Connect Discovery, RFC 8414. */
import { assert } from "@effect/vitest"
import { Effect, Ref } from "effect"
import type { TestIssuer } from "../src/testing/index.ts"
import {
  authorize,
  basic,
  browser,
  errorOf,
  exchange,
  options,
  payloadOf,
  post,
  refresh,
  resource,
  secret,
  signIn
} from "./flow.ts"
import { suite } from "./suite.ts"

type Running = typeof TestIssuer.TestIssuer.Service
type Metadata = Readonly<Record<string, unknown>>

const metadataOf = async (issuer: string) =>
  (await (await fetch(`${issuer}/.well-known/openid-configuration`)).json()) as Metadata

/** One request made from a value of a list: whether the server did what the value says. */
type Works = (issuer: string, value: string, running: Running) => Promise<boolean>

const putClient = (running: Running, client: TestIssuer.TestClient) => Effect.runPromise(running.putClient(client))

/** Signs in with what may go wrong being an error, not a failure of the test. */
const obtain = async (issuer: string, clientId: string, changes?: Record<string, string>, person = browser()) => {
  const response = await authorize(issuer, clientId, changes, person)
  const answer = await exchange(issuer, clientId, response.get("code"))
  return answer.status === 200 ? ((await answer.json()) as Awaited<ReturnType<typeof signIn>>) : undefined
}

/** Whether a client of that method is served at the endpoint. */
const authenticates =
  (endpoint: "token" | "revoke" | "introspect"): Works =>
  async (issuer, method, running) => {
    const clientId = `by-${method}`
    await putClient(running, { clientId, tokenEndpointAuthMethod: method, ...(method === "none" ? {} : { secret }) })
    const headers: Record<string, string> = method === "client_secret_basic" ? basic(clientId) : {}
    const form: Record<string, string> = {
      none: { client_id: clientId },
      client_secret_basic: {},
      client_secret_post: { client_id: clientId, client_secret: secret }
    }[method] ?? {
      client_id: clientId,
      client_assertion: "eyJhbGciOiJIUzI1NiJ9.e30.x",
      client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    }
    const body = new URLSearchParams({ grant_type: "refresh_token", refresh_token: "x", token: "x", ...form })
    const answer = await fetch(`${issuer}/${endpoint}`, { method: "POST", headers, body })
    return answer.status === 200 || (await errorOf(answer)) === "invalid_grant"
  }

const given = new Map<string, Promise<ReadonlySet<string>>>()

/** What a client receives that asks for every claim there is, and for some that there are not. */
const claimsGiven = (issuer: string) => {
  const ask = async () => {
    const { candidates } = lists["claims_supported"]!
    const names = [...((await metadataOf(issuer))["claims_supported"] as ReadonlyArray<string>), ...candidates]
    const each = Object.fromEntries(names.map((name) => [name, null]))
    const claims = JSON.stringify({ id_token: each, userinfo: each })
    const tokens = await signIn(issuer, "first", { scope: "openid", claims })
    const headers = { authorization: `Bearer ${tokens.access_token}` }
    const userinfo = (await (await fetch(`${issuer}/userinfo`, { headers })).json()) as object
    return new Set([...Object.keys(payloadOf(tokens.id_token)), ...Object.keys(userinfo)])
  }
  if (!given.has(issuer)) given.set(issuer, ask())
  return given.get(issuer)!
}

/** For every list: how a value is put to work, and values that are there or do not work. */
const lists: Readonly<Record<string, { readonly works: Works; readonly candidates: ReadonlyArray<string> }>> = {
  scopes_supported: {
    works: async (issuer, scope) => {
      const tokens = await obtain(issuer, "first", { scope: `openid ${scope}` })
      return tokens?.scope.split(" ").includes(scope) === true
    },
    candidates: ["made_up", "admin"]
  },
  response_types_supported: {
    works: async (issuer, response_type) => (await authorize(issuer, "first", { response_type })).has("code"),
    candidates: ["token", "id_token", "code id_token", "code token", "id_token token", "none", "made_up"]
  },
  response_modes_supported: {
    works: async (issuer, response_mode) => (await authorize(issuer, "first", { response_mode })).has("code"),
    candidates: ["web_message", "jwt", "query.jwt", "made_up"]
  },
  grant_types_supported: {
    works: async (issuer, grantType) => {
      if (grantType !== "authorization_code" && grantType !== "refresh_token") {
        return (
          (await errorOf(await post(`${issuer}/token`, "first", { grant_type: grantType }))) !==
          "unsupported_grant_type"
        )
      }
      const tokens = await obtain(issuer, "first")
      if (grantType === "authorization_code") return tokens !== undefined
      return (await refresh(issuer, "first", tokens!.refresh_token)).status === 200
    },
    candidates: [
      "password",
      "implicit",
      "urn:ietf:params:oauth:grant-type:device_code",
      "urn:ietf:params:oauth:grant-type:token-exchange",
      "urn:ietf:params:oauth:grant-type:jwt-bearer",
      "urn:openid:params:grant-type:ciba"
    ]
  },
  subject_types_supported: {
    works: async (issuer, type) => {
      const [first, other] = [await obtain(issuer, "first"), await obtain(issuer, "other")]
      const isSame = payloadOf(first!.id_token)["sub"] === payloadOf(other!.id_token)["sub"]
      return isSame === (type === "public")
    },
    candidates: ["pairwise"]
  },
  id_token_signing_alg_values_supported: {
    works: async (issuer, algorithm, running) => {
      const clientId = `signed-${algorithm}`
      const known = algorithm as "RS256"
      await putClient(running, { clientId, secret, firstParty: true, idTokenSignedResponseAlg: known })
      const response = await authorize(issuer, clientId)
      const answer = await exchange(issuer, clientId, response.get("code"))
      const { id_token } = (await answer.json()) as { readonly id_token: string }
      return (JSON.parse(Buffer.from(id_token.split(".")[0]!, "base64url").toString()) as Metadata)["alg"] === algorithm
    },
    candidates: []
  },
  token_endpoint_auth_methods_supported: {
    works: authenticates("token"),
    candidates: ["client_secret_jwt", "private_key_jwt", "tls_client_auth", "made_up"]
  },
  revocation_endpoint_auth_methods_supported: {
    works: authenticates("revoke"),
    candidates: ["client_secret_jwt", "private_key_jwt"]
  },
  introspection_endpoint_auth_methods_supported: {
    works: authenticates("introspect"),
    candidates: ["client_secret_jwt", "private_key_jwt"]
  },
  code_challenge_methods_supported: {
    works: async (issuer, code_challenge_method) =>
      (await authorize(issuer, "first", { code_challenge_method })).has("code"),
    candidates: ["plain", "s256", "S512"]
  },
  prompt_values_supported: {
    works: async (issuer, prompt) => {
      const person = browser()
      await authorize(issuer, "first", {}, person)
      return (await authorize(issuer, "first", { prompt }, person)).has("code")
    },
    candidates: ["made_up", "none login"]
  },
  claims_supported: {
    works: async (issuer, claim) => (await claimsGiven(issuer)).has(claim),
    candidates: ["favourite_colour", "password"]
  }
}

suite(
  "discovery of an issuer without a path",
  (test) => {
    for (const [list, { candidates, works }] of Object.entries(lists)) {
      test(`RFC 8414 §2: every value of ${list} works, and no other does`, async (issuer, running) => {
        await Effect.runPromise(Ref.set(running.person, { subject: "alice", acr: "urn:example:gold" }))
        const values = (await metadataOf(issuer))[list] as ReadonlyArray<string>
        for (const value of new Set([...values, ...candidates])) {
          assert.strictEqual(await works(issuer, value, running), values.includes(value), value)
        }
      })
    }

    test("RFC 8414 §2: every list is tried above, none is empty, and what is false is refused", async (issuer) => {
      const metadata = await metadataOf(issuer)
      const isList = ([, value]: readonly [string, unknown]) => Array.isArray(value)
      const names = Object.entries(metadata).filter(isList)
      assert.sameMembers(
        names.map(([name]) => name),
        Object.keys(lists)
      )
      for (const [name, values] of names) assert.isNotEmpty(values as ReadonlyArray<string>, name)
      const flags = Object.entries(metadata).filter(([, value]) => typeof value === "boolean")
      assert.deepStrictEqual(Object.fromEntries(flags), {
        claims_parameter_supported: true,
        request_parameter_supported: false,
        request_uri_parameter_supported: false,
        authorization_response_iss_parameter_supported: true
      })
      const refusals = [
        ["request", "eyJhbGciOiJub25lIn0.e30.", "request_not_supported"],
        ["request_uri", "https://client.example/request", "request_uri_not_supported"],
        ["registration", "{}", "registration_not_supported"]
      ] as const
      for (const [name, value, error] of refusals) {
        assert.strictEqual((await authorize(issuer, "first", { [name]: value })).get("error"), error)
      }
      assert.strictEqual((await authorize(issuer, "first")).get("iss"), issuer)
      // OpenID Connect Core §5.5: `claims_parameter_supported`.
      const tokens = await signIn(issuer, "first", { scope: "openid", claims: '{"id_token":{"email":null}}' })
      assert.strictEqual(payloadOf(tokens.id_token)["email"], "alice@example.com")
    })

    test("OpenID Connect Discovery §3: what is required is there, and both documents are one", async (issuer) => {
      const metadata = await metadataOf(issuer)
      assert.containsAllKeys(metadata, [
        "issuer",
        "authorization_endpoint",
        "token_endpoint",
        "jwks_uri",
        "response_types_supported",
        "subject_types_supported",
        "id_token_signing_alg_values_supported"
      ])
      assert.include(metadata["id_token_signing_alg_values_supported"], "RS256")
      const other = await fetch(`${issuer}/.well-known/oauth-authorization-server`)
      assert.deepStrictEqual(await other.json(), metadata)
    })

    test("RFC 8414 §2: every endpoint that is named answers, below the issuer", async (issuer) => {
      for (const [name, url] of Object.entries(await metadataOf(issuer))) {
        if (typeof url !== "string" || name === "issuer") continue
        assert.isTrue(url.startsWith(`${issuer}/`), name)
        const answer = await fetch(url, { redirect: "manual" })
        assert.include([200, 400, 401, 405], answer.status, name)
      }
    })

    test("RFC 7517 §4: published keys are public, whole and for signatures; they verify what is signed", async (issuer) => {
      const { keys } = (await (await fetch(`${issuer}/jwks`)).json()) as {
        readonly keys: ReadonlyArray<Readonly<Record<string, unknown>> & { readonly kid: string }>
      }
      assert.isNotEmpty(keys)
      for (const key of keys) {
        for (const member of ["d", "p", "q", "dp", "dq", "qi", "oth", "k"]) assert.notProperty(key, member)
        assert.containsAllKeys(key, ["kid", "kty", "alg"])
        assert.strictEqual(key["use"], "sig")
      }
      assert.strictEqual(new Set(keys.map(({ kid }) => kid)).size, keys.length)
      const { id_token } = await signIn(issuer, "first")
      const { kid } = JSON.parse(Buffer.from(id_token.split(".")[0]!, "base64url").toString()) as {
        readonly kid: string
      }
      assert.include(
        keys.map((key) => key.kid),
        kid
      )
    })

    test("RFC 7519 §7.2: an id_token_hint is verified, with the algorithm that signed it and no other", async (issuer) => {
      const person = browser()
      const { id_token } = await signIn(issuer, "first", {}, person)
      const [header = "", payload = "", signature = ""] = id_token.split(".")
      const unsigned = Buffer.from('{"alg":"none"}').toString("base64url")
      const another = `${signature.slice(0, -6)}AAAAAA`
      for (const hint of [
        `${unsigned}.${payload}.`,
        `${unsigned}.${payload}.${signature}`,
        `${header}.${payload}.${another}`,
        `${header}.${payload}.`
      ]) {
        const response = await authorize(issuer, "first", { id_token_hint: hint, prompt: "none" }, person)
        assert.strictEqual(response.get("error"), "invalid_request")
      }
      const response = await authorize(issuer, "first", { id_token_hint: id_token, prompt: "none" }, person)
      assert.isTrue(response.has("code"))
    })
  },
  { options }
)

suite(
  "discovery of an issuer with a path",
  (test) => {
    test("RFC 8414 §3.1, §5; OpenID Connect Discovery §4: all three well-known forms are the same document", async (issuer) => {
      const { origin, pathname } = new URL(issuer)
      const places = [
        `${issuer}/.well-known/openid-configuration`,
        `${origin}/.well-known/oauth-authorization-server${pathname}`,
        `${origin}/.well-known/openid-configuration${pathname}`
      ]
      const metadata = await metadataOf(issuer)
      assert.strictEqual(metadata["issuer"], issuer)
      for (const place of places) {
        const answer = await fetch(place)
        assert.strictEqual(answer.status, 200, place)
        assert.deepStrictEqual(await answer.json(), metadata)
      }
    })

    test("RFC 8414 §3.1: where no issuer is there is no metadata", async (issuer) => {
      const { origin, pathname } = new URL(issuer)
      for (const place of [
        "/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration/other",
        `/.well-known/openid-configuration${pathname}/x`,
        "/jwks",
        "/token"
      ]) {
        assert.strictEqual((await fetch(`${origin}${place}`)).status, 404, place)
      }
    })

    test("RFC 9110 §15.5.6: a wrong method at a well-known place of the host is 405", async (issuer) => {
      const { origin, pathname } = new URL(issuer)
      const answer = await fetch(`${origin}/.well-known/openid-configuration${pathname}`, { method: "POST" })
      assert.strictEqual(answer.status, 405)
      assert.strictEqual(answer.headers.get("allow"), "GET, HEAD")
    })

    test("every endpoint is below the path, and the whole flow works there", async (issuer) => {
      const { pathname } = new URL(issuer)
      for (const [name, url] of Object.entries(await metadataOf(issuer))) {
        if (typeof url === "string" && name !== "issuer")
          assert.isTrue(new URL(url).pathname.startsWith(`${pathname}/`), name)
      }
      const tokens = await signIn(issuer, "first", { scope: "openid read offline_access", resource })
      assert.strictEqual(payloadOf(tokens.id_token)["iss"], issuer)
      assert.strictEqual((await refresh(issuer, "first", tokens.refresh_token)).status, 200)
    })
  },
  { options: { ...options, path: "/a/tenant" } }
)
