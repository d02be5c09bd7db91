/** What the OpenID Foundation's `oidcc-config-certification-test-plan` checks of a provider's configuration. */
import { assert } from "@effect/vitest"
import { importJWK, type JWK } from "jose"
import { suite } from "../suite.ts"

type Metadata = Readonly<Record<string, unknown>>

const metadataOf = async (issuer: string) => {
  const answer = await fetch(`${issuer}/.well-known/openid-configuration`)
  assert.strictEqual(answer.status, 200)
  assert.match(answer.headers.get("content-type")!, /^application\/json\b/)
  return (await answer.json()) as Metadata
}

suite(
  "oidcc-config",
  (test) => {
    test("oidcc-discovery-issuer: the issuer is the address it was fetched from", async (issuer) => {
      assert.strictEqual((await metadataOf(issuer))["issuer"], issuer)
    })

    test("oidcc-discovery-endpoint-verification: every endpoint is an absolute URL without a fragment", async (issuer) => {
      const metadata = await metadataOf(issuer)
      for (const name of ["authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri"]) {
        const url = new URL(metadata[name] as string)
        assert.strictEqual(url.hash, "", name)
        assert.strictEqual(url.origin, new URL(issuer).origin, name)
      }
    })

    test("oidcc-discovery-endpoint-verification: response types, subject types, algorithms and scopes", async (issuer) => {
      const metadata = await metadataOf(issuer)
      assert.include(metadata["response_types_supported"], "code")
      assert.include(metadata["subject_types_supported"], "public")
      assert.include(metadata["id_token_signing_alg_values_supported"], "RS256")
      assert.include(metadata["scopes_supported"], "openid")
      assert.isTrue(metadata["claims_parameter_supported"])
      // What is silent means true (OpenID Connect Discovery §3), so that it must be said.
      assert.isFalse(metadata["request_uri_parameter_supported"])
      assert.isTrue(metadata["request_parameter_supported"])
    })

    test("oidcc-discovery-jwks: every key is a usable public key of 2048 bits or a curve, each with its own kid", async (issuer) => {
      const { keys } = (await (await fetch((await metadataOf(issuer))["jwks_uri"] as string)).json()) as {
        readonly keys: ReadonlyArray<JWK>
      }
      for (const key of keys) {
        const { algorithm, type } = (await importJWK(key, key.alg)) as CryptoKey
        assert.strictEqual(type, "public")
        if ("modulusLength" in algorithm) assert.isAtLeast(algorithm.modulusLength as number, 2048)
      }
      assert.strictEqual(new Set(keys.map(({ kid }) => kid)).size, keys.length)
    })

    test("oidcc-discovery-webfinger-absent: nothing is promised that is not there", async (issuer) => {
      const metadata = await metadataOf(issuer)
      for (const name of ["registration_endpoint", "end_session_endpoint", "check_session_iframe"]) {
        if (name in metadata) assert.isBelow((await fetch(metadata[name] as string)).status, 404, name)
      }
    })
  },
  { on: ["PostgreSQL"] }
)
