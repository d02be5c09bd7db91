import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { metadata } from "../../src/discovery/metadata.ts"
import { SigningKeys } from "../../src/key/SigningKeys.ts"
import { aClient, aResource, form, register, testIssuer } from "../../src/testing/fixtures.ts"
import * as Server from "../../src/testing/TestServer.ts"
import { token } from "../../src/token-endpoint/token.ts"

const api = aResource({ scopes: ["api.read"] })

layer(Server.layer({ resources: [api] }))("discovery", (it) => {
  it.effect("OpenID Connect Discovery §3: every member it requires, below the issuer, and RS256", () =>
    Effect.gen(function* () {
      const document = yield* metadata
      assert.strictEqual(document.issuer, testIssuer)
      for (const [name, value] of Object.entries(document)) {
        if (name.endsWith("_endpoint") || name.endsWith("_uri")) {
          assert.isTrue((value as string).startsWith(`${testIssuer}/`), name)
        }
      }
      for (const name of [
        "authorization_endpoint",
        "token_endpoint",
        "jwks_uri",
        "response_types_supported",
        "subject_types_supported",
        "id_token_signing_alg_values_supported"
      ]) {
        assert.property(document, name)
      }
      assert.include(document.id_token_signing_alg_values_supported, "RS256")
    })
  )

  it.effect("RFC 8414 §3.2: no empty list, no value twice, no null", () =>
    Effect.gen(function* () {
      for (const [name, value] of Object.entries(yield* metadata)) {
        assert.isTrue(value !== undefined && value !== null, name)
        if (!Array.isArray(value)) continue
        assert.isAbove(value.length, 0, name)
        assert.strictEqual(new Set(value).size, value.length, name)
      }
    })
  )

  it.effect("RFC 8414 §2: members whose default would be untrue are stated", () =>
    Effect.gen(function* () {
      const document = yield* metadata
      assert.isFalse(document.request_uri_parameter_supported)
      assert.isTrue(document.request_parameter_supported)
      assert.isTrue(document.claims_parameter_supported)
      assert.isTrue(document.authorization_response_iss_parameter_supported)
      for (const name of [
        "grant_types_supported",
        "response_modes_supported",
        "token_endpoint_auth_methods_supported"
      ]) {
        assert.property(document, name)
      }
    })
  )

  it.effect("scopes_supported: every advertised scope is granted, and a resource's are advertised", () =>
    Effect.gen(function* () {
      const document = yield* metadata
      assert.include(document.scopes_supported, "api.read")
      const client = yield* register(aClient())
      const { tokens } = yield* Server.obtainTokens(client, { scope: document.scopes_supported.join(" ") })
      assert.strictEqual(tokens.scope, document.scopes_supported.join(" "))
    })
  )

  it.effect("RFC 6749 §5.2: an advertised grant type is answered as such, any other is unsupported", () =>
    Effect.gen(function* () {
      const document = yield* metadata
      const ask = Effect.fnUntraced(function* (grantType: string) {
        const client = yield* register(aClient({ grantTypes: [grantType] }))
        const { header } = Server.credentialsOf(client)
        const answer = yield* Effect.result(token(form({ grant_type: grantType }), header))
        return answer._tag === "Success" ? "answered" : answer.failure._tag
      })
      for (const grantType of document.grant_types_supported) {
        assert.include(["answered", "InvalidRequest"], yield* ask(grantType), grantType)
      }
      for (const grantType of ["implicit", "password", "urn:unheard-of"]) {
        assert.strictEqual(yield* ask(grantType), "UnsupportedGrantType", grantType)
      }
    })
  )

  it.effect("id_token_signing_alg_values_supported: an ID token in every advertised algorithm", () =>
    Effect.gen(function* () {
      for (const alg of (yield* metadata).id_token_signing_alg_values_supported) {
        const client = yield* register(aClient({ idTokenSignedResponseAlg: alg }))
        const { tokens } = yield* Server.obtainTokens(client)
        assert.strictEqual((JSON.parse(atob(tokens.id_token!.split(".")[0]!)) as { alg: string }).alg, alg)
        assert.strictEqual(
          (yield* SigningKeys.use((keys) => keys.verifyOwn(testIssuer, "JWT", tokens.id_token!)))._tag,
          "Some"
        )
      }
    })
  )
})
