import { assert, layer } from "@effect/vitest"
import { DateTime, Effect, Option } from "effect"
import * as jose from "jose"
import { PageRefusal, RedirectRefusal } from "../../src/authorization-request/establish.ts"
import { type AuthorizationResponse, failure, secured } from "../../src/authorize/respond.ts"
import type { Client } from "../../src/client/Client.ts"
import { SigningKeys } from "../../src/key/SigningKeys.ts"
import { carrierOf, JwtResponseMode, PlainResponseMode } from "../../src/oauth/Metadata.ts"
import { push } from "../../src/par/push.ts"
import { securityProfile } from "../../src/profile/fapi2.ts"
import { aClient, form, register, testIssuer } from "../../src/testing/fixtures.ts"
import * as Server from "../../src/testing/TestServer.ts"
import { verifyAccessToken, verifyIdToken } from "../../src/token/verify.ts"
import { heldTo, refuses } from "../support.ts"

type Members = Record<string, string | ReadonlyArray<string> | undefined>

const wire = () => ({ error: "an_error", description: "A sentence." })

const answerTo = Effect.fnUntraced(function* (client: Client, members: Members) {
  const { browser } = yield* Server.aSignedInBrowser()
  const outcome = yield* Server.authorize(browser, yield* Server.authorizationRequest(client, members))
  return outcome._tag === "Respond" ? outcome.response : yield* Effect.die(new Error(outcome._tag))
})

const told = Effect.fnUntraced(function* (refusal: unknown) {
  assert(refusal instanceof RedirectRefusal)
  const response = yield* secured(failure(testIssuer, refusal.target, refusal.error, wire), refusal.client)
  return { response, reason: refusal.error.reason }
})

const errorTo = (client: Client, members: Members) => Effect.flatMap(Effect.flip(answerTo(client, members)), told)

const pushes = Effect.fnUntraced(function* (client: Client, members: Members) {
  const { header, parameters } = Server.credentialsOf(client)
  const request = yield* Server.authorizationRequest(client, members)
  return yield* push(new Map([...request, ...form(parameters)]), header)
})

const registered = (metadata: Client["metadata"] = {}) => register(aClient({ firstParty: true, metadata }))

/** What is in the response, verified as a client would. */
const opened = Effect.fnUntraced(function* ({ parameters }: AuthorizationResponse, client: Client) {
  assert.deepStrictEqual(
    parameters.map(([name]) => name),
    ["response"]
  )
  const keys = yield* SigningKeys.use((one) => one.jwks(testIssuer))
  const now = yield* DateTime.now
  return yield* Effect.promise(() =>
    jose.jwtVerify(parameters[0]![1], jose.createLocalJWKSet({ keys: keys.keys as Array<jose.JWK> }), {
      issuer: testIssuer,
      audience: client.clientId,
      requiredClaims: ["exp"],
      currentDate: new Date(now.epochMilliseconds)
    })
  )
})

const key = await jose.generateKeyPair("ECDH-ES", { crv: "P-256", extractable: true })
const jwks = { keys: [{ ...(await jose.exportJWK(key.publicKey)), kid: "1", use: "enc" }] } as never

layer(Server.layer({ signingAlgorithms: ["RS256", "ES256"] }))("signed authorization responses", (it) => {
  for (const mode of JwtResponseMode.literals) {
    it.effect(`JARM §2.1, §2.3: ${mode}: one JWT with iss, aud, exp and the parameters, on success and on error`, () =>
      Effect.gen(function* () {
        const client = yield* registered()
        const now = (yield* DateTime.now).epochMilliseconds / 1000
        const success = yield* answerTo(client, { response_mode: mode })
        const { response, reason } = yield* errorTo(client, { response_mode: mode, scope: "unheard-of" })
        assert.strictEqual(reason, "ScopeNotAllowed")
        for (const one of [success, response]) assert.strictEqual(one.responseMode, carrierOf[mode])
        const { payload, protectedHeader } = yield* opened(success, client)
        const { code, exp, ...rest } = payload
        assert.deepStrictEqual(rest, { state: "a-state", iss: testIssuer, aud: client.clientId })
        assert.isString(code)
        assert.isAtMost(exp! - now, 600)
        assert.isAtLeast(exp! - now, 60)
        assert.deepStrictEqual(Object.keys(protectedHeader).toSorted(), ["alg", "kid"])
        assert.strictEqual(protectedHeader.alg, "RS256")
        const { exp: _, ...error } = (yield* opened(response, client)).payload
        assert.deepStrictEqual(error, {
          error: "an_error",
          error_description: "A sentence.",
          state: "a-state",
          iss: testIssuer,
          aud: client.clientId
        })
      })
    )
  }

  it.effect("FAPI 2.0 Message Signing §5.3.3: a client that registered response_modes has no others", () =>
    Effect.gen(function* () {
      const client = yield* registered({ response_modes: ["jwt", "fragment"] })
      for (const response_mode of [undefined, "query", "form_post.jwt"]) {
        const { reason } = yield* errorTo(client, { response_mode })
        assert.strictEqual(reason, "ResponseModeUnknown")
      }
      for (const response_mode of ["jwt", "fragment"]) yield* answerTo(client, { response_mode })
      const held = yield* registered({
        response_modes: ["jwt"],
        security_profile: "fapi_2_0_message_signing",
        message_signing: ["responses"],
        dangerously_exempt_from: securityProfile.map(({ id }) => id)
      })
      yield* opened(yield* answerTo(held, { response_mode: undefined }), held)
    })
  )

  it.effect("JARM §2.3.4: jwt is the response type's default mode, which for code is the query", () =>
    Effect.sync(() => assert.strictEqual(carrierOf.jwt, "query"))
  )

  it.effect("JARM §3: signed by the registered algorithm, and the code in it is exchanged", () =>
    Effect.gen(function* () {
      const client = yield* registered({ authorization_signed_response_alg: "ES256" })
      const { payload, protectedHeader } = yield* opened(yield* answerTo(client, { response_mode: "jwt" }), client)
      assert.strictEqual(protectedHeader.alg, "ES256")
      assert.isString((yield* Server.exchangeCode(client, payload["code"] as string)).access_token)
    })
  )

  it.effect("JARM §2.2: encrypted it is a nested JWT; without enc by A128CBC-HS256", () =>
    Effect.gen(function* () {
      for (const enc of [undefined, "A256GCM"] as const) {
        const client = yield* registered({
          jwks,
          authorization_encrypted_response_alg: "ECDH-ES",
          ...(enc === undefined ? {} : { authorization_encrypted_response_enc: enc })
        })
        const success = yield* answerTo(client, { response_mode: "fragment.jwt" })
        const { response: error } = yield* errorTo(client, { response_mode: "fragment.jwt", scope: "unheard-of" })
        for (const response of [success, error]) {
          const jwe = Server.responseParameter(response, "response")!
          const inner = yield* Effect.promise(() => jose.compactDecrypt(jwe, key.privateKey))
          assert.deepInclude(inner.protectedHeader, { alg: "ECDH-ES", enc: enc ?? "A128CBC-HS256", cty: "JWT" })
          const jwt = new TextDecoder().decode(inner.plaintext)
          const { payload } = yield* opened({ ...response, parameters: [["response", jwt]] }, client)
          assert.property(payload, response === success ? "code" : "error")
        }
      }
    })
  )

  it.effect("JARM §2.2, §3: what cannot be signed or encrypted as registered is a page before anybody signs in", () =>
    Effect.gen(function* () {
      const rows: ReadonlyArray<readonly [metadata: Client["metadata"], reason: string]> = [
        [{ authorization_signed_response_alg: "none" }, "SigningKeyMissing"],
        [{ authorization_signed_response_alg: "HS256" }, "SigningKeyMissing"],
        [{ authorization_signed_response_alg: "ES384" }, "SigningKeyMissing"],
        [{ authorization_encrypted_response_alg: "ECDH-ES" }, "EncryptionKeyMissing"],
        [{ jwks, authorization_encrypted_response_alg: "RSA1_5" }, "EncryptionKeyMissing"],
        [
          { jwks, authorization_encrypted_response_alg: "ECDH-ES", authorization_encrypted_response_enc: "A192GCM" },
          "EncryptionKeyMissing"
        ]
      ]
      for (const [metadata, reason] of rows) {
        const client = yield* registered(metadata)
        for (const response_mode of JwtResponseMode.literals) {
          const refusal = `page InvalidRequest ${reason}`
          yield* refuses(answerTo(client, { response_mode }), refusal)
          yield* refuses(answerTo(client, { response_mode, scope: "unheard-of" }), refusal)
          const request = yield* Server.authorizationRequest(client, { response_mode })
          yield* refuses(Server.authorize(Server.aBrowser(), request), refusal)
        }
        // Whoever asks for no signed response is not concerned.
        yield* answerTo(client, {})
      }
    })
  )

  it.effect(
    "JARM §2.2: where the key is gone when the person decides no code is made, and the person can decide again",
    () =>
      Effect.gen(function* () {
        const client = yield* register(aClient())
        const { browser } = yield* Server.aSignedInBrowser()
        const request = yield* Server.authorizationRequest(client, { response_mode: "query.jwt" })
        const page = yield* Server.followed(browser, yield* Server.authorize(browser, request))
        yield* register({ ...client, metadata: { authorization_signed_response_alg: "ES384" } })
        yield* refuses(Server.answerConsent(browser, page), "page InvalidRequest SigningKeyMissing")
        yield* register(client)
        const outcome = yield* Server.answerConsent(browser, page)
        assert(outcome._tag === "Respond")
        assert.property((yield* opened(outcome.response, client)).payload, "code")
      })
  )

  it.effect(
    "JARM §2.2: where the key is gone when the person denies, the refusal is a page and not a plain response",
    () =>
      Effect.gen(function* () {
        const client = yield* register(aClient())
        const { browser } = yield* Server.aSignedInBrowser()
        const request = yield* Server.authorizationRequest(client, { response_mode: "query.jwt" })
        const page = yield* Server.followed(browser, yield* Server.authorize(browser, request))
        yield* register({ ...client, metadata: { authorization_signed_response_alg: "ES384" } })
        const denied = yield* Effect.flip(Server.answerConsent(browser, page, { decision: "deny" }))
        assert(denied instanceof RedirectRefusal)
        const told = secured(failure(testIssuer, denied.target, denied.error, wire), denied.client)
        assert.instanceOf(yield* Effect.flip(told), PageRefusal)
      })
  )

  it.effect(
    "FAPI 2.0 Message Signing §5.4.1: who is held to signed responses gets no other, whatever was asked for",
    () =>
      Effect.gen(function* () {
        const client = yield* registered(heldTo("fapi2-ms-responses"))
        const success = yield* answerTo(client, {})
        assert.strictEqual(success.responseMode, "query")
        assert.property((yield* opened(success, client)).payload, "code")
        for (const response_mode of JwtResponseMode.literals) {
          const response = yield* answerTo(client, { response_mode })
          assert.strictEqual(response.responseMode, carrierOf[response_mode])
          assert.property((yield* opened(response, client)).payload, "code")
        }
        const rows: ReadonlyArray<readonly [mode: string | ReadonlyArray<string>, reason: string]> = [
          ...PlainResponseMode.literals.map((mode) => [mode, "SignedResponseRequired"] as const),
          ["web_message", "ResponseModeUnknown"],
          [["fragment", "fragment"], "ParameterRepeated"],
          [["fragment.jwt", "fragment.jwt"], "ParameterRepeated"]
        ]
        for (const [response_mode, reason] of rows) {
          const error = yield* errorTo(client, { response_mode })
          assert.strictEqual(error.reason, reason)
          assert.strictEqual(error.response.responseMode, "query")
          assert.strictEqual((yield* opened(error.response, client)).payload["error"], "an_error")
        }
        const fragment = yield* errorTo(client, { response_mode: "fragment.jwt", scope: "unheard-of" })
        assert.strictEqual(fragment.response.responseMode, "fragment")
      })
  )

  it.effect("RFC 9126 §4, JARM §2.3: a pushed request is answered in its own mode, on success and on error", () =>
    Effect.gen(function* () {
      const client = yield* registered()
      const { browser } = yield* Server.aSignedInBrowser()
      const { request_uri } = yield* pushes(client, { response_mode: "fragment.jwt" })
      const come = Server.authorize(browser, form({ client_id: client.clientId, request_uri, response_mode: "query" }))
      const outcome = yield* come
      assert(outcome._tag === "Respond")
      assert.strictEqual(outcome.response.responseMode, "fragment")
      assert.property((yield* opened(outcome.response, client)).payload, "code")
      const { response, reason } = yield* told(yield* Effect.flip(come))
      assert.strictEqual(reason, "RequestUriUsed")
      assert.strictEqual(response.responseMode, "fragment")
      assert.strictEqual((yield* opened(response, client)).payload["error"], "an_error")
      const keyless = yield* registered({ authorization_signed_response_alg: "ES384" })
      yield* refuses(pushes(keyless, { response_mode: "jwt" }), "InvalidRequest SigningKeyMissing")
      const held = yield* registered(heldTo("fapi2-ms-responses"))
      const plain = "InvalidRequest SignedResponseRequired response_mode"
      yield* refuses(pushes(held, { response_mode: "query" }), plain)
    })
  )

  it.effect("RFC 9101 §7, JARM §2.3: a request object that cannot be read is refused in the mode beside it", () =>
    Effect.gen(function* () {
      const rows = [
        [yield* registered(), "form_post.jwt", "form_post"],
        [yield* registered(heldTo("fapi2-ms-responses")), undefined, "query"],
        [yield* registered(heldTo("fapi2-ms-responses")), "fragment", "query"]
      ] as const
      for (const [client, response_mode, carrier] of rows) {
        const { reason, response } = yield* errorTo(client, { response_mode, request: "a.b.c" })
        assert.strictEqual(reason, "ObjectMalformed")
        assert.strictEqual(response.responseMode, carrier)
        assert.strictEqual((yield* opened(response, client)).payload["error"], "an_error")
      }
      const keyless = yield* registered({ authorization_signed_response_alg: "ES384" })
      const refusal = "page InvalidRequest SigningKeyMissing"
      yield* refuses(answerTo(keyless, { response_mode: "jwt", request: "a.b.c" }), refusal)
    })
  )

  it.effect("RFC 8725 §3.11, §3.12: no verifier of ours takes it, and nothing of userinfo is in it", () =>
    Effect.gen(function* () {
      const client = yield* registered()
      const response = yield* answerTo(client, { response_mode: "jwt" })
      const jwt = Server.responseParameter(response, "response")!
      assert.isTrue(Option.isNone(yield* verifyIdToken(jwt)))
      assert.isTrue(Option.isNone(yield* verifyAccessToken(jwt)))
      for (const name of ["sub", "iat", "nonce", "client_id"]) {
        assert.notProperty((yield* opened(response, client)).payload, name)
      }
    })
  )
})
