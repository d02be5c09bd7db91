/** JARM: authorization responses as JWTs, read by libraries that are not ours. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import * as jose from "jose"
import * as oauth from "oauth4webapi"
import * as client from "openid-client"
import { formOf, type TestIssuer } from "../src/testing/index.ts"
import {
  authorizationUrl,
  authorize,
  browser,
  exchange,
  options,
  redirectUri,
  responseOf,
  secret,
  verifier
} from "./flow.ts"
import { suite } from "./suite.ts"

const modes = ["jwt", "query.jwt", "fragment.jwt", "form_post.jwt"] as const
const pair = await jose.generateKeyPair("ECDH-ES", { crv: "P-256", extractable: true })
const jwks = { keys: [{ ...(await jose.exportJWK(pair.publicKey)), kid: "the key", use: "enc" }] } as never

const algorithms = { signed: "PS256", encrypted: "ES256" } as const
const forms = ["signed", "encrypted"] as const

const clients: ReadonlyArray<TestIssuer.TestClient> = [
  { clientId: "signed", metadata: { authorization_signed_response_alg: "PS256" } },
  {
    clientId: "encrypted",
    metadata: {
      jwks,
      authorization_signed_response_alg: "ES256",
      authorization_encrypted_response_alg: "ECDH-ES",
      authorization_encrypted_response_enc: "A256GCM"
    }
  },
  { clientId: "keyless", metadata: { authorization_signed_response_alg: "ES384" } },
  {
    clientId: "broken",
    metadata: {
      jwks: { keys: [{ kty: "EC", crv: "P-256", x: "A", y: "A" }] },
      authorization_encrypted_response_alg: "ECDH-ES"
    }
  }
].map((one) => ({ secret, firstParty: true, ...one }))

/** Where the browser ends, and what the client finds there. */
const landing = async (issuer: string, clientId: string, changes: Record<string, string>) => {
  const landed = await browser().visit(authorizationUrl(issuer, clientId, changes))
  return { landed, response: responseOf(landed) }
}

/** The claims, with nothing but jose: decrypted where they are encrypted, and verified by the published keys. */
const claimsOf = async (issuer: string, clientId: keyof typeof algorithms, response: URLSearchParams) => {
  assert.deepStrictEqual([...response.keys()], ["response"])
  const sent = response.get("response")!
  const decrypted = clientId === "encrypted" ? await jose.compactDecrypt(sent, pair.privateKey) : undefined
  if (decrypted !== undefined) {
    assert.deepInclude(decrypted.protectedHeader, { alg: "ECDH-ES", enc: "A256GCM", cty: "JWT", kid: "the key" })
  }
  const jwt = decrypted === undefined ? sent : new TextDecoder().decode(decrypted.plaintext)
  const keys = (await (await fetch(`${issuer}/jwks`)).json()) as jose.JSONWebKeySet
  const { payload } = await jose.jwtVerify(jwt, jose.createLocalJWKSet(keys), {
    issuer,
    audience: clientId,
    requiredClaims: ["exp"],
    algorithms: [algorithms[clientId]]
  })
  assert.isAtMost(payload.exp! - Math.floor(Date.now() / 1000), 600)
  return payload
}

const configured = async (issuer: string, clientId: keyof typeof algorithms) => {
  const config = await client.discovery(
    new URL(issuer),
    clientId,
    { authorization_signed_response_alg: algorithms[clientId] },
    client.ClientSecretBasic(secret),
    { execute: [client.allowInsecureRequests, client.useJwtResponseMode] }
  )
  if (clientId === "encrypted") {
    client.enableDecryptingResponses(config, ["A256GCM"], { key: pair.privateKey, alg: "ECDH-ES", kid: "the key" })
  }
  return config
}

suite(
  "JARM",
  (test) => {
    for (const mode of modes) {
      for (const form of forms) {
        test(`JARM §2.1, §2.3: ${mode}, ${form}: response is the only parameter, and everything is in it`, async (issuer) => {
          const success = await landing(issuer, form, { response_mode: mode })
          const failure = await landing(issuer, form, { response_mode: mode, scope: "openid unknown" })
          for (const { landed } of [success, failure]) {
            const { action } = formOf(landed.body) ?? {}
            const { hash, search } = landed.url
            if (mode === "form_post.jwt") {
              assert.strictEqual(action, redirectUri)
              assert.include(landed.headers.get("cache-control"), "no-store")
              continue
            }
            const isInFragment = mode === "fragment.jwt"
            assert.isTrue(landed.url.href.startsWith(`${redirectUri}${isInFragment ? "#" : "?"}response=`))
            assert.strictEqual(isInFragment ? search : hash, "")
          }
          const { code, exp: _exp, ...rest } = await claimsOf(issuer, form, success.response)
          assert.deepStrictEqual(rest, { state: "the-state", iss: issuer, aud: form })
          assert.strictEqual((await exchange(issuer, form, code as string)).status, 200)
          const { error_description, exp: _, ...error } = await claimsOf(issuer, form, failure.response)
          assert.deepStrictEqual(error, { error: "invalid_scope", state: "the-state", iss: issuer, aud: form })
          assert.isString(error_description)
        })
      }
    }

    for (const form of forms) {
      test(`JARM §2.4: openid-client signs in with ${form} responses, and reads their errors`, async (issuer) => {
        const config = await configured(issuer, form)
        const pkceCodeVerifier = client.randomPKCECodeVerifier()
        const expectedState = client.randomState()
        const parameters = {
          redirect_uri: redirectUri,
          scope: "openid",
          state: expectedState,
          code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
          code_challenge_method: "S256"
        }
        const url = client.buildAuthorizationUrl(config, parameters)
        assert.strictEqual(url.searchParams.get("response_mode"), "jwt")
        const checks = { pkceCodeVerifier, expectedState }
        const tokens = await client.authorizationCodeGrant(config, await browser().approve(url), checks)
        assert.strictEqual(tokens.claims()?.sub, "alice")

        const wrong = client.buildAuthorizationUrl(config, { ...parameters, prompt: "none", max_age: "-1" })
        const refused = await client.authorizationCodeGrant(config, await browser().approve(wrong), checks).then(
          () => undefined,
          (error: unknown) => error
        )
        assert.instanceOf(refused, client.AuthorizationResponseError)
        assert.strictEqual(refused.error, "invalid_request")
      })

      test(`JARM §2.3.3: openid-client takes the ${form} response that the page of form_post.jwt posts`, async (issuer) => {
        const config = await configured(issuer, form)
        const { landed } = await landing(issuer, form, { response_mode: "form_post.jwt" })
        const { action, fields } = formOf(landed.body)!
        const posted = new Request(action, { method: "POST", body: fields })
        const checks = { pkceCodeVerifier: verifier, expectedState: "the-state", expectedNonce: "the-nonce" }
        const tokens = await client.authorizationCodeGrant(config, posted, checks)
        assert.strictEqual(tokens.claims()?.sub, "alice")
      })

      test(`JARM §2.4: oauth4webapi validates ${form} responses, and takes no other client's`, async (issuer) => {
        const insecure = { [oauth.allowInsecureRequests]: true }
        const as = await oauth.processDiscoveryResponse(
          new URL(issuer),
          await oauth.discoveryRequest(new URL(issuer), insecure)
        )
        const me = { client_id: form, authorization_signed_response_alg: algorithms[form] }
        const { response } = await landing(issuer, form, { response_mode: "jwt" })
        const decrypting = {
          ...insecure,
          [oauth.jweDecrypt]: async (jwe: string) =>
            new TextDecoder().decode((await jose.compactDecrypt(jwe, pair.privateKey)).plaintext)
        }
        const validated = await oauth.validateJwtAuthResponse(as, me, response, "the-state", decrypting)
        assert.isString(validated.get("code"))
        const asAnother = await oauth
          .validateJwtAuthResponse(as, { ...me, client_id: "another" }, response, "the-state", decrypting)
          .then(
            () => true,
            () => false
          )
        assert.isFalse(asAnother)
      })
    }

    test("JARM §2.1: what is not asked for stays plain", async (issuer) => {
      const response = await authorize(issuer, "signed")
      assert.sameMembers([...response.keys()], ["code", "state", "iss"])
    })

    test("JARM §2.2: what cannot be secured is a page, with nothing of the response in it", async (issuer) => {
      for (const clientId of ["keyless", "broken"]) {
        for (const response_mode of modes) {
          for (const changes of [{ prompt: "consent" }, { prompt: "consent", scope: "openid unknown" }] as const) {
            const person = browser()
            const first = await person.visit(authorizationUrl(issuer, clientId, { response_mode, ...changes }))
            const isAsked = first.body.includes('name="decision"')
            const page = isAsked ? await person.submit(first, { decision: "approve" }) : first
            assert.strictEqual(page.status, 400, `${clientId} ${response_mode}`)
            assert.strictEqual(page.url.origin, issuer)
            assert.match(page.headers.get("content-type")!, /^text\/html\b/)
            assert.notInclude(page.body, "the-state")
            assert.notInclude(page.body, redirectUri)
          }
        }
      }
    })

    test("JARM §3: where the key is gone before the person denies, the denial is told on a page", async (issuer, running) => {
      const clientId = "rekeyed"
      await Effect.runPromise(running.putClient({ clientId, secret }))
      const person = browser()
      const page = await person.visit(authorizationUrl(issuer, clientId, { response_mode: "query.jwt" }))
      const metadata = { authorization_signed_response_alg: "ES384" }
      await Effect.runPromise(running.putClient({ clientId, secret, metadata }))
      const told = await person.submit(page, { decision: "deny" })
      assert.strictEqual(told.status, 400)
      assert.strictEqual(told.url.origin, issuer)
      assert.include(told.body, "no key for the signing algorithm")
    })
  },
  {
    options: { ...options, clients: [...options.clients, ...clients], signingAlgorithms: ["RS256", "PS256", "ES256"] }
  }
)

const introspectionJwt = "application/token-introspection+jwt"

suite(
  "signed introspection",
  (test) => {
    test("FAPI 2.0 Message Signing §5.5.1: who is held to signed answers gets one, whatever Accept says", async (issuer, running) => {
      const ask = async (clientId: string, accept: string) => {
        const answer = await fetch(`${issuer}/introspect`, {
          method: "POST",
          headers: { authorization: `Basic ${Buffer.from(`${clientId}:${secret}`).toString("base64")}`, accept },
          body: new URLSearchParams({ token: "unknown" })
        })
        assert.strictEqual(answer.status, 200, await answer.clone().text())
        return answer.headers.get("content-type")!.split(";")[0]
      }
      const metadata = {
        security_profile: "fapi_2_0_message_signing",
        message_signing: ["introspection"],
        dangerously_exempt_from: ["fapi2-sp-client-authentication"]
      }
      await Effect.runPromise(running.putClient({ clientId: "held", secret, metadata }))
      for (const accept of ["*/*", "application/json", `${introspectionJwt};q=0`, introspectionJwt]) {
        assert.strictEqual(await ask("held", accept), introspectionJwt, accept)
      }
      assert.strictEqual(await ask("first", "application/json"), "application/json")
    })
  },
  { options: { ...options, signingAlgorithms: ["RS256", "PS256", "ES256"] } }
)
