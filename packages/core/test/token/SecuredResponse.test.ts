import { assert, describe, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { decodeProtectedHeader } from "jose"
import { introspectionResponse } from "../../src/introspection/introspect.ts"
import { halfHash } from "../../src/jose/Jwt.ts"
import type { SigningAlgorithm } from "../../src/oauth/Metadata.ts"
import { metadata } from "../../src/discovery/metadata.ts"
import { aClient, aResource, form, register } from "../../src/testing/fixtures.ts"
import * as Server from "../../src/testing/TestServer.ts"
import { userinfoResponse } from "../../src/userinfo/userinfo.ts"
import { heldTo, payloadOf, refuses } from "../support.ts"

const held = heldTo("fapi2-sp-algorithms")
const resources = [
  aResource({ identifier: "https://default.example", scopes: ["read"], accessTokenFormat: "jwt" }),
  aResource({
    identifier: "https://es384.example",
    scopes: ["read"],
    accessTokenFormat: "jwt",
    signingAlgorithm: "ES384"
  })
]
const algOf = (jwt: string) => decodeProtectedHeader(jwt).alg

/** Everything that is signed for one client, which is registered for one algorithm or for none. */
const everyAnswer = Effect.fnUntraced(function* (chosen: SigningAlgorithm | undefined) {
  const client = yield* register(
    aClient({
      firstParty: true,
      idTokenSignedResponseAlg: chosen ?? "RS256",
      metadata: {
        ...held,
        userinfo_signed_response_alg: chosen ?? "RS256",
        ...(chosen === undefined
          ? {}
          : { introspection_signed_response_alg: chosen, authorization_signed_response_alg: chosen })
      }
    })
  )
  const { browser, tokens } = yield* Server.obtainTokens(client, { scope: "openid" })
  const userinfo = yield* userinfoResponse({ method: "GET", authorization: `Bearer ${tokens.access_token}` }, form({}))
  const { header, parameters } = Server.credentialsOf(client)
  const asked = form({ ...parameters, token: tokens.access_token })
  const introspection = yield* introspectionResponse(asked, header, true)
  const request = yield* Server.authorizationRequest(client, { response_mode: "jwt" })
  const outcome = yield* Server.authorize(browser, request)
  assert(userinfo._tag === "Jwt" && introspection._tag === "Jwt" && outcome._tag === "Respond")
  return {
    accessToken: tokens.access_token,
    idToken: tokens.id_token!,
    others: [userinfo.jwt, introspection.jwt, Server.responseParameter(outcome.response, "response")!]
  }
})

const withKeys = (...signingAlgorithms: ReadonlyArray<SigningAlgorithm>) =>
  Layer.fresh(Server.layer({ signingAlgorithms, resources }))

describe("the algorithm of answers under a profile", () => {
  const rows: ReadonlyArray<readonly [active: ReadonlyArray<SigningAlgorithm>, taken: SigningAlgorithm]> = [
    [["RS256", "Ed25519", "EdDSA", "ES256", "PS256"], "PS256"],
    [["RS256", "ES384", "Ed25519", "EdDSA", "ES256"], "ES256"],
    [["RS256", "Ed25519", "EdDSA"], "EdDSA"],
    [["RS256", "Ed25519"], "Ed25519"]
  ]
  for (const [active, taken] of rows) {
    layer(withKeys(...active))(`with keys of ${active.join(", ")}`, (it) => {
      it.effect(
        `FAPI 2.0 Security Profile §5.4.1: ${taken} stands in for RS256, in at_hash and access tokens too`,
        () =>
          Effect.gen(function* () {
            for (const chosen of [undefined, "RS256"] as const) {
              const { accessToken, idToken, others } = yield* everyAnswer(chosen)
              for (const jwt of [idToken, ...others]) assert.strictEqual(algOf(jwt), taken)
              assert.strictEqual(payloadOf(idToken)["at_hash"], yield* halfHash(taken, accessToken))
            }
            const client = yield* register(aClient({ firstParty: true, metadata: held }))
            const resource = "https://default.example"
            const { tokens } = yield* Server.obtainTokens(client, { scope: "read", resource })
            assert.strictEqual(algOf(tokens.access_token), taken)
          })
      )
    })
  }

  layer(withKeys("RS256", "ES384", "ES256"))("with a key of a forbidden algorithm", (it) => {
    it.effect("FAPI 2.0 Security Profile §5.4.1: an algorithm that the client chose is not replaced but refused", () =>
      Effect.gen(function* () {
        const by = (name: string) => aClient({ firstParty: true, metadata: { ...held, [name]: "ES384" } })
        const missing = "InvalidRequest SigningKeyMissing"
        const idToken = yield* register(aClient({ idTokenSignedResponseAlg: "ES384", metadata: held }))
        yield* refuses(Server.obtainTokens(idToken), missing)
        const userinfo = yield* register(by("userinfo_signed_response_alg"))
        const { tokens } = yield* Server.obtainTokens(userinfo, { scope: "openid" })
        const authorization = `Bearer ${tokens.access_token}`
        yield* refuses(userinfoResponse({ method: "GET", authorization }, form({})), missing)
        const introspection = yield* register(by("introspection_signed_response_alg"))
        const { header, parameters } = Server.credentialsOf(introspection)
        yield* refuses(introspectionResponse(form({ ...parameters, token: "x" }), header, true), missing)
        const response = yield* register(by("authorization_signed_response_alg"))
        yield* refuses(Server.obtainTokens(response, { response_mode: "jwt" }), `page ${missing}`)
        const client = yield* register(aClient({ firstParty: true, metadata: held }))
        const resource = "https://es384.example"
        yield* refuses(Server.obtainTokens(client, { scope: "read", resource }), "InvalidTarget ResourceKeyMissing")
        const free = yield* register(aClient({ firstParty: true }))
        const other = yield* Server.obtainTokens(free, { scope: "read", resource })
        assert.strictEqual(algOf(other.tokens.access_token), "ES384")
      })
    )
  })

  layer(withKeys("RS256", "ES384"))("with keys of forbidden algorithms alone", (it) => {
    it.effect("FAPI 2.0 Security Profile §5.4.1: nothing stands in for RS256", () =>
      Effect.gen(function* () {
        const client = yield* register(aClient({ idTokenSignedResponseAlg: "RS256", metadata: held }))
        yield* refuses(Server.obtainTokens(client), "InvalidRequest SigningKeyMissing")
      })
    )
  })
})

const policy = { securityProfile: "fapi_2_0_message_signing", messageSigning: ["responses"] } as const
layer(Server.layer({ signingAlgorithms: ["RS256", "ES384", "ES256"], policy }))("an issuer in a profile", (it) => {
  it.effect("RFC 8414 §2: advertises the algorithms and response modes that its profile leaves", () =>
    Effect.gen(function* () {
      const document = yield* metadata
      for (const answer of ["id_token", "userinfo", "introspection", "authorization"]) {
        const name = `${answer}_signing_alg_values_supported`
        assert.deepStrictEqual((document as Readonly<Record<string, unknown>>)[name], ["ES256"])
      }
      assert.deepStrictEqual(document.response_modes_supported, ["jwt", "query.jwt", "fragment.jwt", "form_post.jwt"])
    })
  )
})
