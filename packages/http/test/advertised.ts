/** Everything the metadata can list, and one request that puts a value of each list to work. */
import { Effect } from "effect"
import type { TestIssuer } from "../src/testing/index.ts"
import { authorize, basic, browser, errorOf, exchange, payloadOf, post, refresh, secret, signIn } from "./flow.ts"

type Running = typeof TestIssuer.TestIssuer.Service
export type Metadata = Readonly<Record<string, unknown>>

export const metadataOf = async (issuer: string) =>
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
export const lists: Readonly<Record<string, { readonly works: Works; readonly candidates: ReadonlyArray<string> }>> = {
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
