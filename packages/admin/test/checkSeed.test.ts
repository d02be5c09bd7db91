import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { checkSeed, line, parseSeed } from "../src/index.ts"

const problemsOf = (json: unknown) => Effect.map(Effect.flip(checkSeed(json)), (invalid) => invalid.problems.map(line))
const warningsOf = (json: unknown) => Effect.map(checkSeed(json), ({ warnings }) => warnings.map(line))
const rule = (members: object) => ({
  name: "rule",
  clientId: "service",
  subjectClients: ["web"],
  targets: ["https://orders.example"],
  ...members
})
const client = (members: object) => ({ clients: [{ client_id: "web", ...members }] })

describe("a seed that cannot be applied names each path and reason", () => {
  const rows: ReadonlyArray<readonly [seed: unknown, ...lines: ReadonlyArray<string>]> = [
    [[], "seed: is not as expected: it takes object"],
    [{ users: [] }, "users: is not a member that a seed has here"],
    [{ accounts: [{ username: "a" }] }, "accounts[0].password: is missing"],
    [{ accounts: [{ username: "ä", password: "x" }] }, "accounts[0].username: is no subject"],
    [
      { accounts: [{ username: "a", password: "x", subject: "has space" }] },
      "accounts[0].subject: is no subject: at most 255 ASCII"
    ],
    [
      {
        accounts: [
          { username: "a", password: "x" },
          { username: "b", password: "x", subject: "a" }
        ]
      },
      "accounts[1].subject: is also that of accounts[0]"
    ],
    [{ accounts: [{ username: "a", password: "x", passwort: "y" }] }, "accounts[0].passwort: is not a member"],
    [{ clients: [{ client_name: "x" }] }, "clients[0].client_id: is missing"],
    [{ clients: [{ client_id: "a" }, { client_id: "a" }] }, "clients[1].client_id: is also that of clients[0]"],
    [client({ redirect_uris: ["https://a.example/#x"] }), "clients[0].redirect_uris[0]: has a fragment"],
    [client({ redirect_uris: ["http://a.example/"] }), "clients[0].redirect_uris[0]: is http outside loopback"],
    [client({ grant_types: ["authorisation_code"] }), "clients[0].grant_types[0]: is neither"],
    [client({ response_types: ["codes"] }), "clients[0].response_types[0]: is no registered"],
    [client({ token_endpoint_auth_method: "basic" }), "clients[0].token_endpoint_auth_method: is no registered"],
    [client({ id_token_signed_response_alg: "RS257" }), "clients[0].id_token_signed_response_alg: is no registered"],
    [client({ scope: 'a"b' }), "clients[0].scope: holds a value"],
    [
      client({ token_endpoint_auth_method: "none", dangerously_allow_no_pkce: true, introspect_all_tokens: true }),
      "clients[0].dangerously_allow_no_pkce: is only for",
      "clients[0].introspect_all_tokens: is only for"
    ],
    [
      client({ token_endpoint_auth_method: "none", refresh_token_rotation: "never" }),
      "clients[0].refresh_token_rotation: is only for"
    ],
    [client({ refresh_token_rotation: "sometimes" }), "clients[0].refresh_token_rotation:"],
    [
      client({ token_endpoint_auth_method: "none", grant_types: ["client_credentials"] }),
      "clients[0].grant_types: has client_credentials"
    ],
    [client({ subject_type: "private" }), "clients[0].subject_type: is neither"],
    [client({ sector_identifier_uri: "http://a.example/" }), "clients[0].sector_identifier_uri: is not an https URL"],
    [
      client({ subject_type: "pairwise", redirect_uris: ["https://a.example/", "https://b.example/"] }),
      "clients[0].sector_identifier_uri: is needed"
    ],
    [client({ client_name: "a\0b" }), "clients[0].client_name: holds a NUL"],
    [client({ jwks: { keys: [{ kty: "EC", kid: "\ud800" }] } }), "clients[0].jwks.keys[0].kid: holds a NUL or half"],
    [client({ token_endpoint_auth_method: "private_key_jwt" }), "clients[0].token_endpoint_auth_method: needs jwks or"],
    [client({ jwks: {} }), "clients[0].jwks: is no JWK Set"],
    [client({ jwks: { keys: [{ kty: "EC", d: "x" }] } }), "clients[0].jwks.keys[0]: holds a private"],
    [client({ jwks_uri: "http://a.example" }), "clients[0].jwks_uri: is no https URL"],
    [client({ jwks: { keys: [] }, jwks_uri: "https://a.example" }), "clients[0].jwks_uri: stands beside jwks"],
    [
      client({ token_endpoint_auth_method: "client_secret_jwt", client_secret: "short" }),
      "clients[0].client_secret: has fewer than 32 octets"
    ],
    [
      client({ token_endpoint_auth_method: "client_secret_jwt", token_endpoint_auth_signing_alg: "RS256" }),
      "clients[0].token_endpoint_auth_signing_alg: does not go with client_secret_jwt"
    ],
    [
      client({ token_endpoint_auth_signing_alg: "none" }),
      "clients[0].token_endpoint_auth_signing_alg: is no algorithm"
    ],
    [
      client({ token_endpoint_auth_method: "tls_client_auth" }),
      "clients[0].token_endpoint_auth_method: needs exactly one"
    ],
    [
      client({ dangerously_allow_endpoint_audience: true }),
      "clients[0].dangerously_allow_endpoint_audience: is only for a client"
    ],
    [
      client({
        client_secret: "x".repeat(32),
        client_secrets: [{ client_secret: "\u00e9" }]
      }),
      "clients[0].client_secrets: stands beside client_secret",
      "clients[0].client_secrets[0].client_secret: is not made of"
    ],
    [
      client({ client_secrets: [{ client_secret: "x", expires_at: "tomorrow" }] }),
      "clients[0].client_secrets[0].expires_at:"
    ],
    [{ resources: [{ identifier: "notes" }] }, "resources[0].identifier: is not an absolute URI"],
    [{ resources: [{ identifier: "https://a.example", accessTokenFormat: "jws" }] }, "resources[0].accessTokenFormat:"],
    [
      { resources: [{ identifier: "https://a.example" }, { identifier: "HTTPS://a.example:443/" }] },
      "resources[1].identifier: is also that of resources[0]"
    ],
    [
      { resources: [{ identifier: "https://a.example", accessTokenFormat: "encrypted" }] },
      "resources[0].encryption: goes with"
    ],
    [
      { resources: [{ identifier: "https://a.example", signingAlgorithm: "ES256" }] },
      "resources[0].signingAlgorithm: means nothing"
    ],
    [
      {
        resources: [
          {
            identifier: "https://a.example",
            accessTokenFormat: "encrypted",
            encryption: { alg: "ECDH-ES", enc: "A256GCM", jwks: { keys: [{ kty: "RSA", n: "AQAB", e: "AQAB" }] } }
          }
        ]
      },
      "resources[0].encryption.jwks: holds no key to encrypt to by ECDH-ES"
    ],
    [
      {
        resources: [
          {
            identifier: "https://a.example",
            accessTokenFormat: "encrypted",
            encryption: { alg: "RSA1_5", enc: "A256GCM", jwks: { keys: [] } }
          }
        ]
      },
      "resources[0].encryption.alg:"
    ],
    [
      { resources: [{ identifier: "https://a.example", accessTokenLifetime: 90_000 }] },
      "resources[0].accessTokenLifetime:"
    ],
    [client({ access_token_lifetime: 1 }), "clients[0].access_token_lifetime:"],
    [
      client({ userinfo_encrypted_response_enc: "A256GCM" }),
      "clients[0].userinfo_encrypted_response_enc: needs userinfo_encrypted_response_alg"
    ],
    [client({ security_profile: "fapi_1" }), "clients[0].security_profile:"],
    [client({ message_signing: ["requests"] }), "clients[0].message_signing: goes with the security_profile"],
    [
      client({ security_profile: "fapi_2_0_message_signing", message_signing: [] }),
      "clients[0].message_signing: is empty"
    ],
    [client({ dangerously_exempt_from: ["pkce"] }), "clients[0].dangerously_exempt_from[0]: is no rule of a profile"],
    [client({ dpop_bound_access_tokens: "yes" }), "clients[0].dpop_bound_access_tokens:"],
    [{ resources: [{ identifier: "https://a.example", dpop: "always" }] }, "resources[0].dpop:"],
    [
      client({ request_object_encryption_enc: "A256GCM" }),
      "clients[0].request_object_encryption_enc: needs request_object_encryption_alg"
    ],
    [client({ request_object_signing_alg: ["ES256"] }), "clients[0].request_object_signing_alg: is not text"],
    [{ exchangeRules: [rule({ targets: [] })] }, "exchangeRules[0].targets: is empty"],
    [{ exchangeRules: [rule({ targets: ["orders"] })] }, "exchangeRules[0].targets[0]: is not an absolute URI"],
    [{ exchangeRules: [rule({ scopes: ["a b"] })] }, "exchangeRules[0].scopes[0]: has characters"],
    [{ exchangeRules: [rule({}), rule({})] }, "exchangeRules[1].name: is also that of exchangeRules[0]"],
    [{ exchangeRules: [rule({ delegation: "sometimes" })] }, "exchangeRules[0].delegation:"],
    [{ trustedIssuers: [{ identifier: "https://idp.example" }] }, "trustedIssuers[0].jwks: or jwksUri has to be"],
    [
      { trustedIssuers: [{ identifier: "https://idp.example", jwksUri: "http://idp.example/jwks" }] },
      "trustedIssuers[0].jwksUri: is no https URL"
    ],
    [
      { trustedIssuers: [{ identifier: "https://idp.example", jwks: { keys: [{ kty: "EC", d: "x" }] } }] },
      "trustedIssuers[0].jwks.keys[0]: holds a private"
    ],
    [{ policy: { accessTokenLifetime: 1 } }, "policy.accessTokenLifetime:"],
    [{ policy: { acessTokenLifetime: 60 } }, "policy.acessTokenLifetime: is not a member"]
  ]
  it.effect.each(rows.map(([seed, ...lines]) => ({ seed, lines })))("$lines", ({ lines, seed }) =>
    Effect.gen(function* () {
      const problems = yield* problemsOf(seed)
      assert.strictEqual(problems.length, lines.length, problems.join("\n"))
      lines.forEach((line, at) => assert.isTrue(problems[at]!.startsWith(line), problems[at]))
    })
  )

  it.effect("text that is not JSON: the place is told, what was read is not", () =>
    Effect.gen(function* () {
      const { message } = yield* Effect.flip(parseSeed('{ "accounts": [{ "password": hunter2 }] }'))
      assert.match(message, /^seed: is not JSON/)
      assert.notInclude(message, "hunter2")
    })
  )
})

describe("what the server cannot do yet, or what is risky, is accepted with a warning", () => {
  const rows: ReadonlyArray<readonly [seed: unknown, ...starts: ReadonlyArray<string>]> = [
    [client({})],
    [client({ grant_types: [] })],
    [client({ client_uri: "https://a.example", "client_name#ja": "x", contacts: ["a"], software_id: "x" })],
    [client({ grant_types: ["password"] }), "clients[0].grant_types[0]: is stored, but"],
    [client({ grant_types: ["urn:example:grant"] }), "clients[0].grant_types[0]: is stored, but"],
    [client({ grant_types: ["authorization_code"] }), "clients[0].redirect_uris: is empty"],
    [client({ response_types: ["token code"] }), "clients[0].response_types[0]: is stored, but"],
    [client({ token_endpoint_auth_method: "tls_client_auth", tls_client_auth_san_dns: "a.example" })],
    [
      client({
        token_endpoint_auth_method: "private_key_jwt",
        jwks_uri: "https://a.example/jwks",
        token_endpoint_auth_signing_alg: "ES256",
        dangerously_allow_endpoint_audience: true
      }),
      "clients[0].dangerously_allow_endpoint_audience: lets"
    ],
    [client({ id_token_signed_response_alg: "ES512" }), "clients[0].id_token_signed_response_alg: is stored"],
    [client({ userinfo_signed_response_alg: "HS256" }), "clients[0].userinfo_signed_response_alg: is no algorithm"],
    [client({ authorization_signed_response_alg: "PS256" })],
    [client({ authorization_signed_response_alg: "none" }), "clients[0].authorization_signed_response_alg: is no alg"],
    [
      client({ authorization_encrypted_response_alg: "ECDH-ES" }),
      "clients[0].authorization_encrypted_response_alg: finds"
    ],
    [client({ id_token_encrypted_response_alg: "RSA1_5" }), "clients[0].id_token_encrypted_response_alg: is no"],
    [client({ id_token_encrypted_response_alg: "ECDH-ES" }), "clients[0].id_token_encrypted_response_alg: finds no"],
    [
      client({
        jwks_uri: "https://a.example/jwks",
        introspection_signed_response_alg: "ES256",
        introspection_encrypted_response_alg: "RSA-OAEP-256",
        introspection_encrypted_response_enc: "A192GCM",
        access_token_lifetime: 60
      }),
      "clients[0].introspection_encrypted_response_enc: is no"
    ],
    [client({ request_object_signing_alg: "none" }), "clients[0].request_object_signing_alg: is no algorithm"],
    [client({ request_object_signing_alg: "ES256" }), "clients[0].request_object_signing_alg: finds no key"],
    [client({ request_object_signing_alg: "HS256" }), "clients[0].request_object_signing_alg: finds no key"],
    [
      client({
        jwks: { keys: [{ kty: "EC", crv: "P-256", x: "x", y: "y" }] },
        request_object_signing_alg: "ES256",
        request_object_encryption_alg: "ECDH-ES",
        request_object_encryption_enc: "A256GCM"
      })
    ],
    [
      client({
        jwks_uri: "https://a.example/jwks",
        request_object_signing_alg: "PS256",
        request_object_encryption_alg: "RSA1_5",
        request_object_encryption_enc: "A192GCM"
      }),
      "clients[0].request_object_encryption_alg: is no algorithm that this server decrypts by",
      "clients[0].request_object_encryption_enc: is no algorithm that this server decrypts by"
    ],
    [client({ client_secret: "short" }), "clients[0].client_secret: is shorter than 32 characters"],
    [client({ dangerously_allow_no_pkce: true }), "clients[0].dangerously_allow_no_pkce: makes"],
    [client({ frontchannel_logout_uri: "https://a.example" }), "clients[0].frontchannel_logout_uri: is stored, but"],
    [
      client({
        security_profile: "fapi_2_0_message_signing",
        message_signing: ["requests"],
        dpop: "opportunistic",
        dpop_bound_access_tokens: true,
        tls_client_certificate_bound_access_tokens: true,
        require_pushed_authorization_requests: true,
        require_signed_request_object: true
      })
    ],
    [
      client({ dangerously_exempt_from: ["fapi2-sp-pushed"] }),
      "clients[0].dangerously_exempt_from[0]: lets this client out of a rule: FAPI 2.0 Security Profile §5.3.2.2 no. 2, 3, 4 (fapi2-sp-pushed):"
    ],
    [
      { policy: { securityProfile: "fapi_2_0_security", refreshTokenRotation: "always" } },
      "policy.refreshTokenRotation: is left out"
    ],
    [client({ registration_access_token: "x" }), "clients[0].registration_access_token: is an answer"],
    [client({ refresh_token_rotation: "never", refresh_token_idle_lifetime: 3600 })],
    [client({ favourite_colour: "blue" }), "clients[0].favourite_colour: is in no registry"]
  ]
  it.effect.each(rows.map(([seed, ...starts]) => ({ seed, starts })))("$starts", ({ seed, starts }) =>
    Effect.gen(function* () {
      const warnings = yield* warningsOf(seed)
      assert.strictEqual(warnings.length, starts.length, warnings.join("\n"))
      starts.forEach((start, at) => assert.isTrue(warnings[at]!.startsWith(start), warnings[at]))
    })
  )
})
