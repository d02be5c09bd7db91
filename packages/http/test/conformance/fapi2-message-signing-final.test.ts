/** What `fapi2-message-signing-final-test-plan` checks beyond the security profile, by its modules' names. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { createRemoteJWKSet, jwtVerify } from "jose"
import type { TestIssuer } from "../../src/testing/index.ts"
import { metadataOf } from "../advertised.ts"
import { browser, errorOf, redirectUri } from "../flow.ts"
import { suite } from "../suite.ts"
import { type FapiClient, fapiClient, makeKey } from "./fapi2.ts"

type Running = typeof TestIssuer.TestIssuer.Service
type Members = Readonly<Record<string, unknown>>

const clients = new Map<string, Promise<readonly [FapiClient, FapiClient]>>()

/** One client that signs with PS256, one with ES256. */
const both = (issuer: string, running: Running) => {
  const make = async () => {
    const pair = [await fapiClient(issuer, "client-1", "PS256"), await fapiClient(issuer, "client-2", "ES256")] as const
    for (const client of pair) {
      const metadata = { security_profile: "fapi_2_0_message_signing", authorization_signed_response_alg: "PS256" }
      await Effect.runPromise(running.putClient(client.registered(metadata)))
    }
    return pair
  }
  if (!clients.has(issuer)) clients.set(issuer, make())
  return clients.get(issuer)!
}

const answerOf = async (answer: Response) => `${answer.status} ${await errorOf(answer)}`

/** The suite sends nothing beside the object and the client's assertion. */
const pushObject = (client: FapiClient, request: string) => client.push({ request })

const pushMembers = async (
  client: FapiClient,
  members: Members = {},
  changes?: Parameters<FapiClient["requestObject"]>[1]
) => pushObject(client, await client.requestObject({ response_mode: "jwt", ...members }, changes))

const requestUriOf = async (client: FapiClient, members?: Members) => {
  const push = await pushMembers(client, members)
  assert.strictEqual(push.status, 201, await push.clone().text())
  return ((await push.json()) as { readonly request_uri: string }).request_uri
}

suite(
  "fapi2-message-signing-final",
  (define) => {
    const test = (module: string, run: (first: FapiClient, second: FapiClient, issuer: string) => Promise<void>) =>
      define(`fapi2-security-profile-final-${module} (signed_non_repudiation, jarm)`, async (issuer, running) => {
        const [first, second] = await both(issuer, running)
        await run(first, second, issuer)
      })

    /** JARM §2.4: what the client finds in a verified response. */
    const opened = async (issuer: string, clientId: string, parameters: URLSearchParams) => {
      assert.deepStrictEqual([...parameters.keys()], ["response"])
      const jwks = createRemoteJWKSet(new URL(`${issuer}/jwks`))
      const verified = await jwtVerify(parameters.get("response")!, jwks, { issuer, audience: clientId })
      assert.include(["PS256", "ES256", "EdDSA"], verified.protectedHeader.alg)
      const { exp = 0 } = verified.payload
      assert.isTrue(exp - Date.now() / 1000 > 10 && exp - Date.now() / 1000 <= 600)
      return verified.payload
    }

    test("discovery-end-point-verification", async (_first, _second, issuer) => {
      const metadata = await metadataOf(issuer)
      const has = (name: string, value: string) => assert.include(metadata[name] as ReadonlyArray<string>, value, name)
      has("response_modes_supported", "jwt")
      has("authorization_signing_alg_values_supported", "PS256")
      has("request_object_signing_alg_values_supported", "PS256")
      assert.notInclude(metadata["request_object_signing_alg_values_supported"] as ReadonlyArray<string>, "none")
      assert.strictEqual(metadata["request_parameter_supported"], true)
    })

    test("happy-flow", async (first, second, issuer) => {
      const typed = { typ: "oauth-authz-req+jwt" }
      for (const [client, header] of [
        [first, {}],
        [second, typed],
        [second, { typ: "OAuth-Authz-Req+JWT" }]
      ] as const) {
        const push = await pushMembers(client, {}, { header })
        assert.strictEqual(push.status, 201)
        const { request_uri } = (await push.json()) as { readonly request_uri: string }
        const landed = await client.visit(request_uri, {
          response_type: "code",
          scope: "openid",
          redirect_uri: redirectUri
        })
        const response = await opened(issuer, client.clientId, landed.url.searchParams)
        assert.strictEqual(response["state"], "the-state")
        const tokens = await client.tokensOf(await client.exchange(response["code"] as string))
        assert.strictEqual((await client.resource(tokens.access_token)).status, 200)
      }
    })

    test("ensure-request-object-with-multiple-aud-succeeds", async (first, _second, issuer) => {
      const aud = [issuer, "https://other1.example.com", "invalid"]
      assert.strictEqual((await pushMembers(first, { aud })).status, 201)
    })

    test("ensure-request-object-with-nbf-8-seconds-in-the-future-is-accepted", async (first) => {
      const at = Math.floor(Date.now() / 1000)
      assert.strictEqual((await pushMembers(first, { nbf: at + 8, exp: at + 300 })).status, 201)
    })

    test("ensure-request-object-refusals", async (first, second, issuer) => {
      const at = Math.floor(Date.now() / 1000)
      const refused: ReadonlyArray<readonly [string, Members, Parameters<FapiClient["requestObject"]>[1]?]> = [
        ["without-exp-fails", { exp: undefined }],
        ["without-nbf-fails", { nbf: undefined }],
        ["expired-request-object-fails", { exp: at - 3600, nbf: at - 3900 }],
        ["with-bad-aud-fails", { aud: "https://www.other1.example.com/" }],
        ["with-exp-over-60-fails", { exp: at + 4200 }],
        ["with-nbf-over-60-fails", { nbf: at - 4200, exp: at + 60 }],
        ["nbf-over-60-seconds-in-the-future", { nbf: at + 62, exp: at + 300 }],
        ["matching-key-in-authorization-request", {}, { key: second.key }],
        ["signed-request-object-with-RS256-fails", {}, { key: await makeKey("RS256"), header: { kid: undefined } }],
        ["client_id of another", { client_id: second.clientId }],
        ["containing-request_uri", { request_uri: "urn:ietf:params:oauth:request_uri:x" }],
        ["iss of another", { iss: second.clientId }]
      ]
      for (const [what, members, changes] of refused) {
        assert.strictEqual(
          await answerOf(await pushMembers(first, members, changes)),
          "400 invalid_request_object",
          what
        )
      }
      const valid = await first.requestObject()
      const [header = "", payload = "", signature = ""] = valid.split(".")
      const none = Buffer.from('{"alg":"none"}').toString("base64url")
      for (const broken of [
        `${header}.${payload}.${signature.slice(0, -6)}AAAAAA`,
        `${none}.${payload}.`,
        `${none}.${payload}.${signature}`,
        "not a JWT"
      ]) {
        assert.strictEqual(await answerOf(await pushObject(first, broken)), "400 invalid_request_object")
      }
      assert.isString(issuer)
    })

    test("ensure-request-object-without-redirect-uri-fails", async (first) => {
      const push = await pushMembers(first, { redirect_uri: undefined })
      assert.strictEqual(await answerOf(push), "400 invalid_request")
    })

    test("ensure-unsigned-request-at-par-endpoint-fails", async (first) => {
      assert.strictEqual(
        await answerOf(await first.push(first.request({ response_mode: "jwt" }))),
        "400 invalid_request"
      )
    })

    test("ensure-unsigned-authorization-request-without-using-par-fails", async (first, _second, issuer) => {
      const query = new URLSearchParams(first.request({ response_mode: "jwt" }) as Record<string, string>)
      const landed = await browser().visit(`${issuer}/authorize?${query}`)
      const response = await opened(issuer, first.clientId, landed.url.searchParams)
      assert.strictEqual(response["error"], "invalid_request")
      assert.strictEqual(response["state"], "the-state")
    })

    test("user-rejects-authentication", async (first, _second, issuer) => {
      const person = browser()
      const page = await first.visit(await requestUriOf(first, { prompt: "consent" }), {}, person)
      const landed = await person.submit(page, { decision: "deny" })
      const response = await opened(issuer, first.clientId, landed.url.searchParams)
      assert.strictEqual(response["error"], "access_denied")
    })

    test("par-attempt-reuse-request_uri", async (first, _second, issuer) => {
      const requestUri = await requestUriOf(first)
      await opened(issuer, first.clientId, (await first.visit(requestUri)).url.searchParams)
      const again = await first.visit(requestUri)
      const response = await opened(issuer, first.clientId, again.url.searchParams)
      assert.strictEqual(response["error"], "invalid_request_uri")
    })

    test("ensure-response-mode-is-jwt", async (first, _second, issuer) => {
      const plain = await pushObject(first, await first.requestObject({ response_mode: "query" }))
      assert.strictEqual(await answerOf(plain), "400 invalid_request")
      const push = await pushObject(first, await first.requestObject())
      const { request_uri } = (await push.json()) as { readonly request_uri: string }
      const landed = await first.visit(request_uri)
      assert.isString((await opened(issuer, first.clientId, landed.url.searchParams))["code"])
    })

    test("ensure-introspection-response-is-signed", async (first, _second, issuer) => {
      const requestUri = await requestUriOf(first)
      const landed = await first.visit(requestUri)
      const { code } = await opened(issuer, first.clientId, landed.url.searchParams)
      const tokens = await first.tokensOf(await first.exchange(code as string))
      const body = new URLSearchParams({
        ...((await first.authentication()) as Record<string, string>),
        token: tokens.access_token
      })
      const answer = await fetch(`${issuer}/introspect`, {
        method: "POST",
        body,
        headers: { accept: "application/json" }
      })
      assert.strictEqual(answer.headers.get("content-type"), "application/token-introspection+jwt")
      const jwks = createRemoteJWKSet(new URL(`${issuer}/jwks`))
      const { payload, protectedHeader } = await jwtVerify(await answer.text(), jwks, {
        issuer,
        audience: first.clientId
      })
      assert.strictEqual(protectedHeader.typ, "token-introspection+jwt")
      const introspection = payload["token_introspection"] as { readonly active: boolean; readonly cnf: object }
      assert.isTrue(introspection.active)
      assert.hasAllKeys(introspection.cnf, ["jkt"])
    })
  },
  { options: { signingAlgorithms: ["RS256", "PS256", "ES256"] } }
)
