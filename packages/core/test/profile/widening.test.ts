import { assert, layer } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { hashToken } from "../../src/crypto/Crypto.ts"
import { defaults, effective, Policies, type Policy } from "../../src/issuer/Policy.ts"
import { Nonces, type Purpose } from "../../src/proof/Nonces.ts"
import * as Certificates from "../../src/testing/Certificates.ts"
import { aClient, form, register, testIssuer } from "../../src/testing/fixtures.ts"
import * as Server from "../../src/testing/TestServer.ts"
import { token } from "../../src/token-endpoint/token.ts"
import { userinfo } from "../../src/userinfo/userinfo.ts"
import { assertionOf, jwtBearer, type Key, makeKey } from "../client/assertions.ts"
import { codeRequest, everyGrant, grantTypes, loose, opaque, refreshRequest, strict } from "../proof/grants.ts"
import { makeProofKey, type Members, proofOf } from "../proof/proving.ts"

const proofKeys = { one: await makeProofKey(), two: await makeProofKey(), rsa: await makeProofKey("RS256") }
const clientKeys: Readonly<Record<string, Key>> = {
  ES256: await Effect.runPromise(makeKey("ES256")),
  RS256: await Effect.runPromise(makeKey("RS256"))
}
const certificateOf = async (name: string) => {
  const { der } = await Effect.runPromise(Certificates.makeCertificate({ subject: [["2.5.4.3", name]] }))
  return { der, isChainTrusted: false }
}
const certificates = { one: await certificateOf("one"), two: await certificateOf("two") }

const demand = Schema.Literals(["required", "optional"])
const Settings = Schema.Struct({
  securityProfile: Schema.optionalKey(
    Schema.Literals(["none", "mcp", "fapi_2_0_security", "fapi_2_0_message_signing"])
  ),
  pushedAuthorizationRequests: Schema.optionalKey(demand),
  dpop: Schema.optionalKey(Schema.Literals(["required", "opportunistic", "optional"])),
  dpopNonce: Schema.optionalKey(demand)
})
const Metadata = Schema.Struct({
  dpop_bound_access_tokens: Schema.optionalKey(Schema.Boolean),
  dpop: Schema.optionalKey(Schema.Literals(["required", "opportunistic", "optional"])),
  tls_client_certificate_bound_access_tokens: Schema.optionalKey(Schema.Boolean)
})

/** What goes with one request beside the credentials. */
const Shown = Schema.Struct({
  key: Schema.Literals(["none", "one", "one", "two", "rsa"]),
  nonce: Schema.Boolean,
  certificate: Schema.Literals(["none", "one", "one", "two"])
})
type Shown = typeof Shown.Type

const Life = Schema.Struct({
  method: Schema.Literals(["none", "client_secret_basic", "client_secret_post", "ES256", "RS256"]),
  endpointAudience: Schema.Boolean,
  grant: Schema.Literals(["client_credentials", "code", "code"]),
  resource: Schema.Literals(["", "", opaque.identifier, loose.identifier, strict.identifier]),
  first: Shown,
  refreshes: Schema.Array(Shown).check(Schema.isMaxLength(2)),
  scheme: Schema.Literals(["Bearer", "DPoP"]),
  presented: Shown
})
type Life = typeof Life.Type

const shownBy = Effect.fnUntraced(function* (shown: Shown, purpose: Purpose, claims: Members = {}) {
  const nonce = shown.nonce ? { nonce: yield* Nonces.use((nonces) => nonces.current(testIssuer, purpose)) } : {}
  return {
    dpop: shown.key === "none" ? undefined : yield* proofOf(proofKeys[shown.key], { claims: { ...claims, ...nonce } }),
    certificate: shown.certificate === "none" ? undefined : certificates[shown.certificate]
  }
})

/** A client of its own, which may be exempted from the audience of RFC 7523 but is never exempted from a profile. */
const clientOf = ({ endpointAudience, method }: Life, metadata: typeof Metadata.Type) => {
  const key = clientKeys[method]
  return register(
    aClient({
      tokenEndpointAuthMethod: key === undefined ? method : "private_key_jwt",
      grantTypes: everyGrant,
      dangerouslyAllowEndpointAudience: endpointAudience,
      metadata: { ...metadata, ...(key === undefined ? {} : { jwks: { keys: [key.jwk] } }) }
    })
  )
}

/** How far the life of a token gets under the policy: requests that were accepted, in a row from the first. */
const accepted = Effect.fnUntraced(function* (policy: Policy, metadata: typeof Metadata.Type, life: Life) {
  const client = yield* clientOf(life, metadata)
  const key = clientKeys[life.method]
  const audience = life.endpointAudience ? `${testIssuer}/token` : testIssuer
  const held = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.option(
      Effect.provideService(effect, Policies, { effective: () => Effect.succeed(policy), effectiveWith: () => policy })
    )
  const request = Effect.fnUntraced(function* (members: Parameters<typeof form>[0], shown: Shown) {
    const { header, parameters } = Server.credentialsOf(client)
    const assertion =
      key === undefined
        ? {}
        : {
            client_assertion: yield* assertionOf(client.clientId, key, { aud: audience }),
            client_assertion_type: jwtBearer
          }
    const more = yield* shownBy(shown, "authorization server")
    return yield* held(token(form({ ...parameters, ...assertion, ...members }), { ...header, ...more }))
  })
  const resource = life.resource === "" ? undefined : life.resource
  // The code is the same under every policy: what is asked at /authorize is another property.
  const members =
    life.grant === "code" ? yield* codeRequest(client, life.resource) : { grant_type: grantTypes.machine, resource }
  let response = yield* request(members, life.first)
  let steps = 0
  for (const shown of life.grant === "code" ? life.refreshes : []) {
    if (response._tag === "None") return steps
    steps++
    response = yield* request(refreshRequest(response.value), shown)
  }
  if (response._tag === "None") return steps
  steps++
  const { access_token } = response.value
  const claims = { htm: "GET", htu: `${testIssuer}/userinfo`, ath: yield* hashToken(access_token) }
  const more = yield* shownBy(life.presented, "resource", claims)
  const seen = yield* held(
    userinfo({ method: "GET", authorization: `${life.scheme} ${access_token}`, ...more }, form({}))
  )
  return seen._tag === "None" ? steps : steps + 1
})

const noMetadata: typeof Metadata.Type = {}

layer(Server.layer({ resources: [opaque, loose, strict] }))("adding a restriction", (it) => {
  it.effect.prop(
    "whatever a stricter server accepts, from the first request to userinfo, a laxer one accepts",
    [Settings, Settings, Metadata, Life],
    ([before, added, metadata, life]) =>
      Effect.gen(function* () {
        const laxer = yield* accepted(effective(before), metadata, life)
        const stricter = yield* accepted(effective(before, added), metadata, life)
        assert.isAtMost(stricter, laxer)
        assert.isAtMost(laxer, yield* accepted(defaults, metadata, life))
      }),
    { arbitrary: { runs: 150 } }
  )

  it.effect.prop(
    "whatever is accepted of a client that registered for more at the token endpoint, is of one that did not",
    [Settings, Metadata, Life],
    ([settings, metadata, life]) =>
      Effect.gen(function* () {
        const policy = effective(settings)
        // The token is presented as whoever has the first key and certificate would: bound or not, it is known by then.
        const once: Life = { ...life, refreshes: [] }
        const stricter = yield* accepted(policy, metadata, once)
        const laxer = yield* accepted(policy, noMetadata, once)
        assert.isAtMost(stricter, laxer)
      }),
    { arbitrary: { runs: 100 } }
  )

  it.effect("the lives above get to their ends: a client of FAPI, and one of nothing in particular", () =>
    Effect.gen(function* () {
      const shown: Shown = { key: "one", nonce: true, certificate: "none" }
      const life: Life = {
        method: "ES256",
        endpointAudience: false,
        grant: "code",
        resource: "",
        first: shown,
        refreshes: [shown, shown],
        scheme: "DPoP",
        presented: shown
      }
      const fapi = effective({ securityProfile: "fapi_2_0_security", dpop: "required", dpopNonce: "required" })
      assert.strictEqual(yield* accepted(fapi, noMetadata, life), 4)
      const none: Shown = { key: "none", nonce: false, certificate: "none" }
      const plain: Life = { ...life, method: "none", first: none, refreshes: [none], scheme: "Bearer", presented: none }
      assert.strictEqual(yield* accepted(defaults, noMetadata, plain), 3)
      assert.strictEqual(yield* accepted(fapi, noMetadata, plain), 0)
    })
  )
})
