/** Everything the metadata can list, and one request that puts a value of each list to work. */
import { Effect } from "effect"
import type { TestIssuer } from "../src/testing/index.ts"
import { type Answer, asserted, encrypts, type Endpoint, proofBy, signs, type Works } from "./advertisedKeys.ts"
import { requestEncrypted, requestSigned } from "./advertisedRequests.ts"
import { authorize, basic, browser, errorOf, exchange, payloadOf, post, refresh, secret, signIn } from "./flow.ts"

type Running = typeof TestIssuer.TestIssuer.Service
export type Metadata = Readonly<Record<string, unknown>>

export const metadataOf = async (issuer: string) =>
  (await (await fetch(`${issuer}/.well-known/openid-configuration`)).json()) as Metadata

const putClient = (running: Running, client: TestIssuer.TestClient) => Effect.runPromise(running.putClient(client))

/** Signs in with what may go wrong being an error, not a failure of the test. */
const obtain = async (issuer: string, clientId: string, changes?: Record<string, string>, person = browser()) => {
  const response = await authorize(issuer, clientId, changes, person)
  const answer = await exchange(issuer, clientId, response.get("code"))
  return answer.status === 200 ? ((await answer.json()) as Awaited<ReturnType<typeof signIn>>) : undefined
}

const isServed = async (issuer: string, endpoint: Endpoint, form: Record<string, string>, headers = {}) => {
  const body = new URLSearchParams({ grant_type: "refresh_token", refresh_token: "x", token: "x", ...form })
  const answer = await fetch(`${issuer}/${endpoint}`, { method: "POST", headers, body })
  return answer.status === 200 || (await errorOf(answer)) === "invalid_grant"
}

/** Whether a client of that method is served at the endpoint. */
const authenticates =
  (endpoint: Endpoint): Works =>
  async (issuer, method, running) => {
    if (method === "client_secret_jwt") return asserts(endpoint)(issuer, "HS256", running)
    if (method === "private_key_jwt") return asserts(endpoint)(issuer, "ES256", running)
    const clientId = `by-${method}`
    await putClient(running, { clientId, tokenEndpointAuthMethod: method, ...(method === "none" ? {} : { secret }) })
    if (method === "client_secret_basic") return isServed(issuer, endpoint, {}, basic(clientId))
    return isServed(issuer, endpoint, {
      client_id: clientId,
      ...(method === "client_secret_post" ? { client_secret: secret } : {})
    })
  }

/** Whether a client that asserts by that algorithm is served at the endpoint. */
const asserts =
  (endpoint: Endpoint): Works =>
  async (issuer, algorithm, running) =>
    isServed(issuer, endpoint, await asserted(issuer, algorithm, running))

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

interface List {
  readonly works: Works
  readonly candidates: ReadonlyArray<string>
}

const methods = ["tls_client_auth", "self_signed_tls_client_auth", "client_secret_jwt", "private_key_jwt", "made_up"]

const endpointLists = (name: string, endpoint: Endpoint): Readonly<Record<string, List>> => ({
  [`${name}_endpoint_auth_methods_supported`]: { works: authenticates(endpoint), candidates: methods },
  [`${name}_endpoint_auth_signing_alg_values_supported`]: {
    works: asserts(endpoint),
    candidates: ["none", "ES256K", "RS1", "HS1"]
  }
})

const answerLists = (answer: Answer): Readonly<Record<string, List>> => ({
  [`${answer}_signing_alg_values_supported`]: { works: signs(answer), candidates: [] },
  [`${answer}_encryption_alg_values_supported`]: {
    works: encrypts(answer, "alg"),
    candidates: ["RSA1_5", "RSA-OAEP", "dir", "A256KW"]
  },
  [`${answer}_encryption_enc_values_supported`]: {
    works: encrypts(answer, "enc"),
    candidates: ["A192GCM", "A256CBC-HS512", "made_up"]
  }
})

/** For every list: how a value is put to work, and values that are there or do not work. */
export const lists: Readonly<Record<string, List>> = {
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
    works: async (issuer, response_mode) => {
      const response = await authorize(issuer, "first", { response_mode })
      const jwt = response.get("response")
      return response_mode.endsWith("jwt") ? jwt !== null && "code" in payloadOf(jwt) : response.has("code")
    },
    candidates: ["web_message", "web_message.jwt", "JWT", "made_up"]
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
    works: async (issuer, type, running) => {
      const subs: Array<unknown> = []
      for (const sector of ["one", "two"]) {
        const clientId = `${type}-${sector}`
        const metadata = { subject_type: type, sector_identifier_uri: `https://${sector}.example/uris.json` }
        await putClient(running, { clientId, secret, firstParty: true, metadata })
        subs.push(payloadOf((await obtain(issuer, clientId))!.id_token)["sub"])
      }
      return type === "pairwise" ? new Set([...subs, "alice"]).size === 3 : type === "public" && subs[0] === subs[1]
    },
    candidates: ["ephemeral"]
  },
  ...answerLists("id_token"),
  ...answerLists("userinfo"),
  ...answerLists("introspection"),
  ...answerLists("authorization"),
  ...endpointLists("token", "token"),
  ...endpointLists("revocation", "revoke"),
  ...endpointLists("introspection", "introspect"),
  request_object_signing_alg_values_supported: {
    works: requestSigned,
    candidates: ["none", "ES256K", "RS1", "HS1"]
  },
  request_object_encryption_alg_values_supported: {
    works: requestEncrypted("alg"),
    candidates: ["RSA-OAEP", "RSA-OAEP-512", "ECDH-ES+A128KW", "dir", "A256KW", "RSA1_5"]
  },
  request_object_encryption_enc_values_supported: {
    works: requestEncrypted("enc"),
    candidates: ["A192GCM", "A192CBC-HS384", "A256CBC-HS512", "made_up"]
  },
  dpop_signing_alg_values_supported: {
    works: async (issuer, algorithm) => {
      const answer = await fetch(`${issuer}/token`, {
        method: "POST",
        headers: { ...basic("first"), dpop: await proofBy(algorithm, issuer) },
        body: new URLSearchParams({ grant_type: "refresh_token", refresh_token: "x" })
      })
      return (await errorOf(answer)) === "invalid_grant"
    },
    candidates: ["none", "HS256", "ES256K", "made_up"]
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
