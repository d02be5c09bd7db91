/** What `fapi2-security-profile-final-test-plan` checks of an authorization server, by its modules' names. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { decodeProtectedHeader } from "jose"
import type { TestIssuer } from "../../src/testing/index.ts"
import { metadataOf } from "../advertised.ts"
import { browser, errorOf, payloadOf, redirectUri } from "../flow.ts"
import { suite } from "../suite.ts"
import { type Changes, type FapiClient, fapiClient, makeKey } from "./fapi2.ts"

type Running = typeof TestIssuer.TestIssuer.Service

const clients = new Map<string, Promise<readonly [FapiClient, FapiClient]>>()

/** The suite's two clients, the second with keys of its own. */
const both = (issuer: string, running: Running) => {
  const make = async () => {
    const pair = [await fapiClient(issuer, "client-1", "PS256"), await fapiClient(issuer, "client-2", "ES256")] as const
    for (const client of pair) await Effect.runPromise(running.putClient(client.registered()))
    return pair
  }
  if (!clients.has(issuer)) clients.set(issuer, make())
  return clients.get(issuer)!
}

const answerOf = async (answer: Response) => `${answer.status} ${await errorOf(answer)}`

suite(
  "fapi2-security-profile-final",
  (define) => {
    const test = (module: string, run: (first: FapiClient, second: FapiClient, issuer: string) => Promise<void>) =>
      define(`fapi2-security-profile-final-${module}`, async (issuer, running) => {
        const [first, second] = await both(issuer, running)
        await run(first, second, issuer)
      })

    test("discovery-end-point-verification", async (_first, _second, issuer) => {
      const metadata = await metadataOf(issuer)
      const has = (name: string, value: string) => assert.include(metadata[name] as ReadonlyArray<string>, value, name)
      assert.strictEqual(metadata["authorization_response_iss_parameter_supported"], true)
      assert.strictEqual(metadata["pushed_authorization_request_endpoint"], `${issuer}/par`)
      has("dpop_signing_alg_values_supported", "PS256")
      has("id_token_signing_alg_values_supported", "PS256")
      has("token_endpoint_auth_methods_supported", "private_key_jwt")
      has("token_endpoint_auth_signing_alg_values_supported", "PS256")
      has("code_challenge_methods_supported", "S256")
      has("response_types_supported", "code")
      has("scopes_supported", "openid")
      has("grant_types_supported", "authorization_code")
    })

    test("happy-flow", async (first, second) => {
      for (const client of [first, second]) {
        const push = await client.push()
        assert.strictEqual(push.status, 201)
        const { expires_in, request_uri } = (await push.json()) as {
          readonly request_uri: string
          readonly expires_in: number
        }
        assert.isTrue(expires_in >= 5 && expires_in < 600)
        const landed = await client.visit(request_uri, {
          response_type: "code",
          scope: "openid",
          redirect_uri: redirectUri
        })
        assert.sameMembers([...landed.url.searchParams.keys()], ["code", "state", "iss"])
        assert.strictEqual(landed.url.searchParams.get("state"), "the-state")
        const tokens = await client.tokensOf(await client.exchange(landed.url.searchParams.get("code")!))
        assert.strictEqual(tokens.token_type, "DPoP")
        const { alg, kid } = decodeProtectedHeader(tokens.id_token)
        assert.strictEqual(alg, "PS256")
        assert.isString(kid)
        assert.strictEqual(payloadOf(tokens.id_token)["nonce"], "the-nonce")
        const answer = await client.resource(tokens.access_token)
        assert.strictEqual(answer.status, 200)
        assert.isTrue(Math.abs(Date.parse(answer.headers.get("date")!) - Date.now()) < 300_000)
        const query = await fetch(`${answer.url}?access_token=${tokens.access_token}`)
        assert.strictEqual(query.status, 401)
      }
      const tokens = await second.signIn()
      const wrongKey = await second.resource(tokens.access_token, { proofKey: first.dpopKey })
      assert.strictEqual(await answerOf(wrongKey), "401 invalid_token")
    })

    test("access-token-type-header-case-sensitivity", async (first) => {
      const { access_token } = await first.signIn()
      assert.strictEqual((await first.resource(access_token, { scheme: "dpOp" })).status, 200)
    })

    test("ensure-dpopproof-with-iat-10seconds-before-and-8-seconds-after-succeeds", async (first) => {
      for (const seconds of [-10, 8]) {
        const proof = { iat: Math.floor(Date.now() / 1000) + seconds }
        const code = await first.codeOf(first.request(), { proof })
        const tokens = await first.tokensOf(await first.exchange(code, { proof }))
        assert.strictEqual((await first.resource(tokens.access_token, { proof })).status, 200)
      }
    })

    test("check-dpop-proof-nbf-exp", async (first) => {
      const at = Math.floor(Date.now() / 1000)
      const proof = { nbf: at, exp: at + 300 }
      const tokens = await first.tokensOf(await first.exchange(await first.codeOf(), { proof }))
      assert.strictEqual((await first.resource(tokens.access_token, { proof })).status, 200)
    })

    test("ensure-dpopproof-at-par-endpoint-binding-success", async (first) => {
      const code = await first.codeOf(first.request(), { proof: {} })
      await first.tokensOf(await first.exchange(code))
      const other = await makeKey("ES256")
      const bound = await first.codeOf(first.request(), { proof: {} })
      assert.strictEqual(await answerOf(await first.exchange(bound, { proofKey: other })), "400 invalid_grant")
    })

    test("ensure-mismatched-dpop-jkt-fails", async (first) => {
      const push = await first.push(first.request({ dpop_jkt: "A".repeat(43) }), { proof: {} })
      assert.strictEqual(await answerOf(push), "400 invalid_request")
      const code = await first.codeOf(first.request({ dpop_jkt: "A".repeat(43) }))
      assert.strictEqual(await answerOf(await first.exchange(code)), "400 invalid_grant")
    })

    test("ensure-authorization-request-without-state-success", async (first) => {
      const landed = await first.visit(await first.requestUriOf(first.request({ state: undefined })))
      assert.isFalse(landed.url.searchParams.has("state"))
      assert.isTrue(landed.url.searchParams.has("code"))
    })

    test("ensure-authorization-request-with-64-char-nonce-and-long-values-success", async (first) => {
      for (const nonce of ["n".repeat(64), "n".repeat(384)]) {
        const tokens = await first.signIn(first.request({ nonce }))
        assert.strictEqual(payloadOf(tokens.id_token)["nonce"], nonce)
      }
      const landed = await first.visit(await first.requestUriOf(first.request({ state: "s".repeat(1000) })))
      assert.strictEqual(landed.url.searchParams.get("state"), "s".repeat(1000))
    })

    test("state-and-nonce-only-outside-request-object-not-used", async (first) => {
      const landed = await first.visit(await first.requestUriOf(first.request({ state: undefined })), {
        state: "beside"
      })
      assert.isFalse(landed.url.searchParams.has("state"))
    })

    test("par-ensure-reused-request-uri-prior-to-auth-completion-succeeds", async (first, _second, issuer) => {
      const requestUri = await first.requestUriOf(first.request({ prompt: "login" }))
      const url = `${issuer}/authorize?${new URLSearchParams({ client_id: first.clientId, request_uri: requestUri })}`
      const loaded = await fetch(url, { redirect: "manual" })
      assert.strictEqual(loaded.status, 302)
      assert.isTrue((await first.visit(requestUri)).url.searchParams.has("code"))
    })

    test("par-attempt-reuse-request_uri", async (first) => {
      const requestUri = await first.requestUriOf()
      assert.isTrue((await first.visit(requestUri)).url.searchParams.has("code"))
      const again = await first.visit(requestUri)
      assert.strictEqual(again.url.searchParams.get("error"), "invalid_request_uri")
      assert.strictEqual(again.url.searchParams.get("state"), "the-state")
    })

    test("par-attempt-to-use-request_uri-for-different-client", async (first, second) => {
      const page = await second.visit(await first.requestUriOf())
      assert.strictEqual(page.status, 400)
      assert.include(page.body, "invalid_request_uri")
    })

    test("par-authorization-request-containing-request_uri-form-param", async (first) => {
      const push = await first.push(first.request({ request_uri: "urn:ietf:params:oauth:request_uri:x" }))
      assert.strictEqual(await answerOf(push), "400 invalid_request")
    })

    test("par-attempt-invalid-http-method", async (_first, _second, issuer) => {
      assert.strictEqual((await fetch(`${issuer}/par`, { method: "PUT" })).status, 405)
    })

    test("par-ensure-pkce-required and par-plain-pkce-rejected", async (first) => {
      for (const changes of [
        { code_challenge: undefined, code_challenge_method: undefined },
        { code_challenge_method: "plain" },
        { code_challenge_method: undefined }
      ]) {
        assert.strictEqual(await answerOf(await first.push(first.request(changes))), "400 invalid_request")
      }
    })

    test("ensure-redirect-uri-in-authorization-request", async (first) => {
      const without = await first.push(first.request({ redirect_uri: undefined, scope: undefined }))
      assert.strictEqual(await answerOf(without), "400 invalid_request")
      const foreign = await first.push(first.request({ redirect_uri: "https://other.example/callback" }))
      assert.strictEqual(await answerOf(foreign), "400 invalid_request")
    })

    test("ensure-response-type-code-idtoken-fails and -token-fails", async (first) => {
      for (const response_type of ["code id_token", "token"]) {
        const push = await first.push(first.request({ response_type }))
        assert.strictEqual(await answerOf(push), "400 unsupported_response_type")
      }
    })

    test("ensure-unsigned-authorization-request-without-using-par-fails", async (first, _second, issuer) => {
      const query = new URLSearchParams(first.request() as Record<string, string>)
      const landed = await browser().visit(`${issuer}/authorize?${query}`)
      assert.strictEqual(landed.url.searchParams.get("error"), "invalid_request")
      assert.strictEqual(landed.url.searchParams.get("iss"), issuer)
    })

    test("ensure-authorization-code-is-bound-to-client", async (first, second) => {
      assert.strictEqual(await answerOf(await second.exchange(await first.codeOf())), "400 invalid_grant")
    })

    test("attempt-reuse-authorization-code-after-one-second", async (first) => {
      const code = await first.codeOf()
      const { access_token } = await first.tokensOf(await first.exchange(code))
      assert.strictEqual(await answerOf(await first.exchange(code)), "400 invalid_grant")
      assert.strictEqual(await answerOf(await first.resource(access_token)), "401 invalid_token")
    })

    test("ensure-pkce-code-verifier-required and incorrect-pkce-code-verifier-rejected", async (first) => {
      for (const code_verifier of [undefined, "x".repeat(43)]) {
        const answer = await first.exchange(await first.codeOf(), { form: { code_verifier } })
        assert.strictEqual(await answerOf(answer), "400 invalid_grant")
      }
    })

    test("ensure-client-id-in-token-endpoint", async (first, second) => {
      const claims = { iss: second.clientId, sub: second.clientId }
      const answer = await first.exchange(await first.codeOf(), {
        assertion: claims,
        form: { client_id: second.clientId }
      })
      assert.strictEqual(await answerOf(answer), "401 invalid_client")
    })

    test("ensure-holder-of-key-required", async (first) => {
      const answer = await first.exchange(await first.codeOf(), { proof: false })
      assert.strictEqual(await answerOf(answer), "400 invalid_request")
    })

    test("ensure-invalid-client-assertions-fail", async (first, second, issuer) => {
      const at = Math.floor(Date.now() / 1000)
      const rs256 = await makeKey("RS256")
      const cases: ReadonlyArray<Changes> = [
        { form: { client_assertion: undefined, client_assertion_type: undefined } },
        { form: { client_assertion_type: undefined } },
        { form: { client_assertion_type: "urn:wrong" } },
        { assertion: { sub: undefined } },
        { assertion: { sub: second.clientId } },
        { assertion: { iss: undefined } },
        { assertion: { iss: second.clientId } },
        { assertion: { aud: undefined } },
        { assertion: { aud: "https://other.example" } },
        { assertion: { aud: `${issuer}/par` } },
        { assertion: { aud: `${issuer}/token` } },
        { assertion: { aud: [issuer] } },
        { assertion: { aud: [issuer, `${issuer}/token`] } },
        { assertion: { exp: at - 300 } },
        { assertion: { iat: at + 62, exp: at + 122 } },
        { assertion: { nbf: at + 62, exp: at + 122 } },
        { assertionKey: rs256, assertionHeader: { kid: undefined } },
        { assertionKey: second.key }
      ]
      for (const changes of cases) {
        const answer = await first.push(first.request(), changes)
        assert.include([400, 401], answer.status)
        assert.include(["invalid_client", "invalid_request"], await errorOf(answer), JSON.stringify(changes))
      }
      const ahead = { iat: at + 8, nbf: at + 8, exp: at + 68 }
      assert.strictEqual((await first.push(first.request(), { assertion: ahead })).status, 201)
    })

    test("dpop-negative-tests", async (first, _second, issuer) => {
      const { access_token } = await first.signIn()
      const url = `${issuer}/userinfo`
      const at = Math.floor(Date.now() / 1000)
      const rs256 = await makeKey("RS256")
      const privateJwk = { ...first.dpopKey.publicJwk, d: "AAAA" }
      const refused: ReadonlyArray<Changes & { readonly scheme?: string }> = [
        ...["jti", "htm", "htu", "iat", "ath"].map((claim) => ({ proof: { [claim]: undefined } })),
        ...["typ", "jwk"].map((member) => ({ proofHeader: { [member]: undefined } })),
        { proofHeader: { typ: "jwt" } },
        { proofHeader: { jwk: privateJwk } },
        { proof: { htm: "PUT" } },
        { proof: { htu: `${url}/other` } },
        { proof: { iat: at - 3600 } },
        { proof: { iat: at + 3600 } },
        { proof: { ath: "A".repeat(43) } },
        { proofKey: await makeKey("PS256") },
        { proofKey: rs256 },
        { proof: false },
        { proof: false, scheme: "Bearer" },
        { scheme: "Bearer" }
      ]
      for (const changes of refused) {
        const answer = await first.resource(access_token, changes)
        assert.include([400, 401], answer.status, JSON.stringify(changes))
      }
      const { hash, host, protocol } = new URL(url)
      const accepted = [
        `${url}?query=1${hash}`,
        `${url}#fragment`,
        url.replace(`${protocol}//${host}`, `${protocol.toUpperCase()}//${host.toUpperCase()}`)
      ]
      for (const htu of accepted) {
        assert.strictEqual((await first.resource(access_token, { proof: { htu } })).status, 200, htu)
      }
      const jti = "used-once"
      assert.strictEqual((await first.resource(access_token, { proof: { jti } })).status, 200)
      assert.strictEqual((await first.resource(access_token, { proof: { jti } })).status, 401)
    })

    test("refresh-token", async (first, second) => {
      const tokens = await first.signIn()
      const newKey = await makeKey("PS256")
      const answer = await first.refresh(tokens.refresh_token, { proofKey: newKey })
      assert.strictEqual(answer.headers.get("cache-control"), "no-store")
      const refreshed = await first.tokensOf(answer)
      assert.strictEqual(refreshed.token_type, "DPoP")
      assert.strictEqual(refreshed.refresh_token, tokens.refresh_token)
      assert.strictEqual((await first.resource(refreshed.access_token, { proofKey: newKey })).status, 200)
      assert.strictEqual((await first.resource(refreshed.access_token)).status, 401)
      const unproved = await first.refresh(tokens.refresh_token, { proof: false })
      assert.strictEqual(await answerOf(unproved), "400 invalid_request")
      assert.strictEqual(await answerOf(await second.refresh(tokens.refresh_token)), "400 invalid_grant")
    })

    test("user-rejects-authentication", async (first, _second, issuer) => {
      const person = browser()
      const page = await first.visit(await first.requestUriOf(first.request({ prompt: "consent" })), {}, person)
      const landed = await person.submit(page, { decision: "deny" })
      assert.strictEqual(landed.url.searchParams.get("error"), "access_denied")
      assert.strictEqual(landed.url.searchParams.get("iss"), issuer)
    })
  },
  { options: { signingAlgorithms: ["RS256", "PS256", "ES256"] } }
)
