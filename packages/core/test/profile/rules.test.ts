import { assert, describe, it } from "@effect/vitest"
import type { Client } from "../../src/client/Client.ts"
import { defaults, type Policy } from "../../src/issuer/Policy.ts"
import { assessClient, assessServer, type Assessment } from "../../src/profile/assess.ts"
import { algorithms } from "../../src/profile/fapi2.ts"
import { everyRule, rulesInForce, rulesOf } from "../../src/profile/inForce.ts"
import { excluding, type Rule, type ServerFacts } from "../../src/profile/Rule.ts"
import { aClient, aPublicClient } from "../../src/testing/fixtures.ts"

/** A server that keeps every rule. */
const facts: ServerFacts = {
  signingAlgorithms: ["ES256"],
  authorizationCodeLifetime: 60,
  pushedRequestLifetime: 90,
  mutualTls: true
}

/** A client that keeps every rule. */
const good = (stated: Partial<Client> = {}, metadata: Client["metadata"] = {}): Client =>
  aClient({
    clientId: "good",
    tokenEndpointAuthMethod: "private_key_jwt",
    idTokenSignedResponseAlg: "PS256",
    ...stated,
    metadata: { jwks: { keys: [] }, ...metadata }
  })

interface Row {
  readonly client?: Client
  readonly server?: Partial<ServerFacts>
  /** What the fix says; undefined where the rule is kept. */
  readonly fix?: RegExp
}
const kept = (client: Client, server: Partial<ServerFacts> = {}): Row => ({ client, server })
const fails = (fix: RegExp, client: Client, server: Partial<ServerFacts> = {}): Row => ({ client, server, fix })
const at = (...redirectUris: ReadonlyArray<string>): Partial<Client> => ({ redirectUris })
const method = (tokenEndpointAuthMethod: string): Partial<Client> => ({ tokenEndpointAuthMethod })
const native = { applicationType: "native" } as const
const noTls = { mutualTls: false }

const rows: Readonly<Record<string, ReadonlyArray<Row>>> = {
  "fapi2-sp-confidential": [
    kept(good()),
    kept(good(method("client_secret_basic"))),
    fails(/token_endpoint_auth_method private_key_jwt/, aPublicClient())
  ],
  "fapi2-sp-sender-constrained": [
    kept(good(), noTls),
    kept(good({}, { tls_client_certificate_bound_access_tokens: true })),
    kept(good({}, { tls_client_certificate_bound_access_tokens: false }), noTls),
    fails(/dpop_bound_access_tokens/, good({}, { tls_client_certificate_bound_access_tokens: true }), noTls)
  ],
  "fapi2-sp-client-authentication": [
    kept(good(), noTls),
    kept(good(method("tls_client_auth"))),
    kept(good(method("self_signed_tls_client_auth"))),
    // Whoever has no credential fails one rule, not two.
    kept(aPublicClient()),
    ...["client_secret_basic", "client_secret_post", "client_secret_jwt"].map((one) =>
      fails(/register token_endpoint_auth_method private_key_jwt/, good(method(one)))
    ),
    fails(/name the proxy/, good(method("tls_client_auth")), noTls),
    fails(/name the proxy/, good(method("self_signed_tls_client_auth")), noTls)
  ],
  "fapi2-sp-audience": [
    kept(good()),
    fails(/dangerously_allow_endpoint_audience/, good({ dangerouslyAllowEndpointAudience: true }))
  ],
  "fapi2-sp-code-lifetime": [
    kept(good(), { authorizationCodeLifetime: 60 }),
    fails(/authorizationCodeLifetime to 60/, good(), { authorizationCodeLifetime: 61 })
  ],
  "fapi2-sp-pushed": [kept(good()), kept(aPublicClient())],
  "fapi2-sp-pkce": [kept(good()), fails(/dangerously_allow_no_pkce/, good({ dangerouslyAllowNoPkce: true }))],
  "fapi2-sp-redirect-uri": [kept(good())],
  "fapi2-sp-https-redirect": [
    kept(good(at("https://client.example/callback"))),
    kept(good(at())),
    kept(good({ ...native, ...at("http://127.0.0.1/callback", "http://[::1]/callback", "http://localhost/callback") })),
    kept(good({ ...native, ...at("com.example.app:/callback") })),
    fails(/https redirect URIs/, good(at("http://client.example/callback"))),
    fails(/application_type native/, good(at("http://127.0.0.1/callback"))),
    fails(/https redirect URIs/, good(at("com.example.app:/callback"))),
    fails(/https redirect URIs/, good({ ...native, ...at("http://client.example/callback") })),
    fails(/https redirect URIs/, good({ ...native, ...at("http://localhost.evil.example/callback") })),
    fails(/https redirect URIs/, good(at("https://client.example/callback", "http://client.example/callback"))),
    fails(/https redirect URIs/, good(at("not a URI")))
  ],
  "fapi2-sp-pushed-lifetime": [
    kept(good(), { pushedRequestLifetime: 599 }),
    fails(/pushedRequestLifetime below 600/, good(), { pushedRequestLifetime: 600 })
  ],
  "fapi2-sp-algorithms": [
    ...algorithms.map((one) => kept(good({}, { request_object_signing_alg: one }))),
    kept(good({}, { token_endpoint_auth_signing_alg: "PS256", userinfo_signed_response_alg: "ES256" })),
    kept(good({ idTokenSignedResponseAlg: "RS256", responseTypes: [] })),
    kept(good(), { signingAlgorithms: ["RS256", "EdDSA"] }),
    ...[
      "token_endpoint_auth_signing_alg",
      "request_object_signing_alg",
      "userinfo_signed_response_alg",
      "authorization_signed_response_alg",
      "introspection_signed_response_alg"
    ].flatMap((field) =>
      ["RS256", "HS256", "ES384", "none"].map((one) =>
        fails(/register PS256, ES256 or EdDSA/, good({}, { [field]: one }))
      )
    ),
    fails(/register PS256, ES256 or EdDSA/, good({ idTokenSignedResponseAlg: "RS256" })),
    fails(/key generate --algorithm ES256/, good(), { signingAlgorithms: ["RS256", "ES384"] }),
    fails(/key generate --algorithm ES256/, good(), { signingAlgorithms: [] })
  ],
  "fapi2-ms-requests": [
    kept(good()),
    kept({ ...good(), metadata: { jwks_uri: "https://client.example/jwks" } }),
    fails(/register jwks or jwks_uri/, { ...good(), metadata: {} })
  ],
  "fapi2-ms-request-lifetime": [kept(good())],
  "fapi2-ms-responses": [kept(good())],
  "fapi2-ms-introspection": [kept(good())],
  "mcp-pkce": [kept(aPublicClient()), fails(/dangerously_allow_no_pkce/, good({ dangerouslyAllowNoPkce: true }))],
  "mcp-resource": [kept(aPublicClient())],
  "mcp-redirect-uri": [
    kept(aPublicClient(at("https://client.example/callback"))),
    kept(aPublicClient(at("http://localhost:7777/callback", "http://127.0.0.1/callback", "http://[::1]/callback"))),
    kept(aPublicClient({ ...native, ...at("com.example.app:/callback") })),
    fails(/register another/, aPublicClient(at("http://client.example/callback"))),
    fails(/register another/, aPublicClient(at("com.example.app:/callback"))),
    fails(/register another/, aPublicClient({ ...native, ...at("http://client.example/callback") })),
    fails(/register another/, aPublicClient(at("not a URI")))
  ]
}

const findingsOf = (rule: Rule, { client, server }: Row) => {
  const seen: ServerFacts = { ...facts, ...server }
  return [rule.client?.(client!, seen), rule.server?.(seen)].filter((one) => one !== undefined)
}

/** The ids by state, and no finding without a sentence on either side. */
const statesOf = (assessments: ReadonlyArray<Assessment>) => {
  for (const { findings, state } of assessments) {
    assert.strictEqual(findings.length > 0, state === "failed")
    for (const { fix, problem } of findings) assert.isTrue(fix.length > 5 && problem.length > 5)
  }
  return Object.fromEntries(assessments.map(({ rule, state }) => [rule.id, state]))
}

const fapiServer: Policy = { ...defaults, securityProfiles: ["fapi_2_0_security"] }

describe("the rules of the profiles", () => {
  it("every rule has an id of its own, a section, a sentence, and a row here", () => {
    const ids = everyRule.map(({ id }) => id)
    assert.strictEqual(new Set(ids).size, ids.length)
    assert.deepStrictEqual(Object.keys(rows).toSorted(), ids.toSorted())
    for (const { client, demands, id, restricts, section, server } of everyRule) {
      assert.match(section, /^(FAPI 2\.0 (Security Profile|Message Signing) §5\.|MCP Authorization, )/)
      assert.isAbove(demands.length, 10)
      // A rule that neither restricts nor checks would be words.
      assert.isTrue(Object.keys(restricts).length > 0 || client !== undefined || server !== undefined, id)
      const hasCheck = client !== undefined || server !== undefined
      assert.strictEqual(
        rows[id]!.some(({ fix }) => fix !== undefined),
        hasCheck,
        id
      )
    }
  })

  for (const rule of everyRule) {
    it(`${rule.section}: ${rule.id} tells who keeps it from who does not, and how to mend it`, () => {
      for (const row of rows[rule.id]!) {
        const findings = findingsOf(rule, row)
        const about = JSON.stringify(row)
        assert.strictEqual(findings.length, row.fix === undefined ? 0 : 1, about)
        if (row.fix !== undefined) assert.match(findings[0]!.fix, row.fix, about)
      }
    })
  }

  it("FAPI 2.0 Message Signing §5: is the Security Profile and the parts that were chosen", () => {
    const security = rulesOf("fapi_2_0_security", [])
    const ids = (parts: Parameters<typeof rulesOf>[1]) =>
      rulesOf("fapi_2_0_message_signing", parts)
        .map(({ id }) => id)
        .filter((id) => !security.some((rule) => rule.id === id))
    assert.deepStrictEqual(rulesOf("fapi_2_0_message_signing", []), security)
    assert.deepStrictEqual(ids(["requests"]), ["fapi2-ms-requests", "fapi2-ms-request-lifetime"])
    assert.deepStrictEqual(ids(["responses"]), ["fapi2-ms-responses"])
    assert.deepStrictEqual(ids(["introspection"]), ["fapi2-ms-introspection"])
    assert.deepStrictEqual(ids(["introspection", "requests", "responses"]).length, 4)
    assert.deepStrictEqual(rulesOf("none", ["requests"]), [])
  })
})

describe("an assessment", () => {
  it("of a server names what a profile lacks there, before it is switched on", () => {
    const lacking = { ...facts, signingAlgorithms: ["RS256"] as const, authorizationCodeLifetime: 600 }
    const states = statesOf(assessServer("fapi_2_0_message_signing", ["requests"], lacking))
    const failed = Object.keys(states).filter((id) => states[id] === "failed")
    assert.deepStrictEqual(failed, ["fapi2-sp-code-lifetime", "fapi2-sp-algorithms"])
    assert.deepStrictEqual(
      new Set(Object.values(statesOf(assessServer("fapi_2_0_security", [], facts)))),
      new Set(["kept"])
    )
    assert.deepStrictEqual(assessServer("none", [], lacking), [])
  })

  it("of a client has every rule in force for it, and shows exemptions as such", () => {
    const client = good(method("client_secret_basic"), {
      dangerously_exempt_from: ["fapi2-sp-client-authentication", "fapi2-sp-algorithms"]
    })
    const states = statesOf(assessClient(fapiServer, client, facts))
    assert.deepStrictEqual(
      Object.keys(states),
      rulesOf("fapi_2_0_security", []).map(({ id }) => id)
    )
    const exempt = Object.keys(states).filter((id) => states[id] === "exempt")
    assert.deepStrictEqual(exempt, ["fapi2-sp-client-authentication", "fapi2-sp-algorithms"])
    assert.strictEqual(states["fapi2-sp-confidential"], "kept")
  })

  it("of a client says what happens at run time: an exemption from one rule is enough for the method that fails it", () => {
    for (const [tokenEndpointAuthMethod, exemption] of [
      ["none", "fapi2-sp-confidential"],
      ["client_secret_basic", "fapi2-sp-client-authentication"],
      ["client_secret_jwt", "fapi2-sp-client-authentication"]
    ] as const) {
      for (const exempt of [[], [exemption]]) {
        const client = good(method(tokenEndpointAuthMethod), { dangerously_exempt_from: exempt })
        const failed = assessClient(fapiServer, client, facts).filter(({ state }) => state === "failed")
        assert.deepStrictEqual(
          failed.map(({ rule }) => rule.id),
          exempt.length === 0 ? [exemption] : []
        )
        const refusing = excluding(rulesInForce(fapiServer, client), "clientAuthentication", tokenEndpointAuthMethod)
        assert.strictEqual(refusing?.id, failed[0]?.rule.id)
      }
    }
  })

  it("shows what a client cannot be exempted from as what it is: in force", () => {
    const client = good({}, { dpop: "required", dangerously_exempt_from: ["client-dpop", "policy-dpop"] })
    const states = statesOf(assessClient({ ...defaults, dpop: "required" }, client, facts))
    assert.deepStrictEqual(states, { "policy-dpop": "kept", "client-dpop": "kept" })
  })
})
