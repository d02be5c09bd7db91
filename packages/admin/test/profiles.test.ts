import { assert, describe, it } from "@effect/vitest"
import {
  AuditEvents,
  AuditLog,
  AuthorizationServer,
  ClientStore,
  Crypto,
  ManageKeys,
  MemoryStorage,
  MutualTls,
  Policy,
  Profile,
  type ProfileAssessment,
  SecretVerifier,
  SigningKeyStore
} from "@lockspire/core"
import { Effect, Layer, Option, Redacted } from "effect"
import { applySeed, assess, checkSeed, setProfile } from "../src/index.ts"

const issuer = "https://issuer.example"
const key = AuthorizationServer.layerKeyEncryptionKey({ keyEncryptionKey: Redacted.make(new Uint8Array(32).fill(7)) })
const live = Layer.mergeAll(SecretVerifier.layer, Policy.Policies.layer()).pipe(
  Layer.provideMerge(Layer.mergeAll(Crypto.Crypto.layer, MemoryStorage.layer, key))
)
const me = AuditEvents.operator("test")

const apply = (json: unknown) => Effect.flatMap(checkSeed(json), ({ seed }) => applySeed(issuer, seed, me))
const problemsOf = (json: unknown) => Effect.map(Effect.flip(apply(json)), (error) => error.message.split("\n"))
const settings = Effect.flatMap(Policy.PolicyStore, (store) => store.find(issuer))
const metadataOf = (clientId: string) =>
  Effect.flatMap(ClientStore, (store) =>
    Effect.map(store.find(issuer, clientId), (found) => Option.getOrUndefined(found)?.metadata)
  )
const actions = Effect.flatMap(AuditLog.AuditLog, (audit) =>
  Effect.map(audit.latest(issuer, 100), (events) => events.map((event) => `${event.action} ${event.target.id}`))
)
const statesOf = (assessments: ReadonlyArray<ProfileAssessment.Assessment>) =>
  Object.fromEntries(assessments.map(({ rule, state }) => [rule.id, state]))

/** Keeps every rule of the FAPI profiles. */
const bank = {
  client_id: "bank",
  token_endpoint_auth_method: "private_key_jwt",
  jwks_uri: "https://bank.example/jwks",
  redirect_uris: ["https://bank.example/cb"],
  id_token_signed_response_alg: "ES256"
}
const shop = {
  client_id: "shop",
  client_secret: "x".repeat(40),
  redirect_uris: ["https://shop.example/cb"],
  id_token_signed_response_alg: "ES256"
}
const fapi = { security_profile: "fapi_2_0_security" }
const mend =
  "To mend it: register token_endpoint_auth_method private_key_jwt, tls_client_auth or self_signed_tls_client_auth."
const { section } = Profile.everyRule.find(({ id }) => id === "fapi2-sp-client-authentication")!
const failsMethod = `fails fapi2-sp-client-authentication (${section}): the client authenticates by client_secret_basic. ${mend}`

/** An issuer whose only key signs by RS256. */
const onlyRs256 = ManageKeys.rotate(issuer, "RS256", me)

const effect = (title: string, body: () => Effect.Effect<void, unknown, Layer.Success<typeof live>>) =>
  it.effect(title, () => Effect.provide(body(), live))

describe("a seed", () => {
  effect("stores what a client is held to in its metadata, and a resource's DPoP rule with the resource", () =>
    Effect.gen(function* () {
      const members = {
        security_profile: "fapi_2_0_message_signing",
        message_signing: ["responses"],
        dangerously_exempt_from: ["fapi2-sp-redirect-uri"],
        dpop: "opportunistic",
        dpop_bound_access_tokens: true,
        tls_client_certificate_bound_access_tokens: false,
        require_pushed_authorization_requests: true,
        require_signed_request_object: true
      }
      yield* apply({ clients: [{ ...bank, ...members }] })
      assert.deepStrictEqual(yield* metadataOf("bank"), { ...members, jwks_uri: bank.jwks_uri })
    })
  )

  effect("a client that fails a rule is refused: path, rule, section, problem and fix; nothing is applied", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* problemsOf({ clients: [bank, { ...shop, ...fapi }] }), [
        `clients[1]: ${failsMethod}`
      ])
      assert.deepStrictEqual(yield* (yield* ClientStore).list(issuer), [])
    })
  )

  effect("a client is also held to the profile that the same seed sets for the server; a disabled one is not", () =>
    Effect.gen(function* () {
      const policy = { securityProfile: "fapi_2_0_security" }
      assert.deepStrictEqual(yield* problemsOf({ policy, clients: [shop] }), [`clients[0]: ${failsMethod}`])
      yield* apply({ policy, clients: [bank, { ...shop, disabled: true }] })
    })
  )

  effect("an exemption lets a client out of the rule, and is warned about", () =>
    Effect.gen(function* () {
      const { warnings } = yield* apply({
        clients: [{ ...shop, ...fapi, dangerously_exempt_from: ["fapi2-sp-client-authentication"] }]
      })
      assert.deepStrictEqual(
        warnings.map(({ path }) => path),
        ["clients[0].dangerously_exempt_from[0]"]
      )
    })
  )

  effect("FAPI 2.0 Security Profile §5.4.1: without a key of its algorithms the server is not switched", () =>
    Effect.gen(function* () {
      yield* onlyRs256
      const policy = { securityProfile: "fapi_2_0_security", accessTokenLifetime: 300 } as const
      const problems = yield* problemsOf({ policy, clients: [bank] })
      assert.match(
        problems[0]!,
        /^policy\.securityProfile: fails fapi2-sp-algorithms \(.*§5\.4\.1\): there is no signing/
      )
      assert.strictEqual(problems.length, 1)
      assert.deepStrictEqual(yield* settings, {})
      yield* ManageKeys.rotate(issuer, "ES256", me)
      yield* apply({ policy })
      assert.deepStrictEqual(yield* settings, policy)
    })
  )

  effect("stored clients that fail the server's new profile are warned about, once", () =>
    Effect.gen(function* () {
      yield* apply({ clients: [shop, bank] })
      const seed = { policy: { securityProfile: "fapi_2_0_security" } }
      const { warnings } = yield* apply(seed)
      assert.deepStrictEqual(warnings, [
        {
          path: "policy.securityProfile",
          reason: `the client "shop" will be refused until this is mended: it ${failsMethod}`
        }
      ])
      assert.deepStrictEqual((yield* apply(seed)).warnings, [])
    })
  )

  effect("FAPI 2.0 Security Profile §5.3.2.1 no. 9: a FAPI profile drops the rule of rotation", () =>
    Effect.gen(function* () {
      yield* apply({ policy: { refreshTokenRotation: "always", idTokenLifetime: 60 } })
      yield* apply({ policy: { securityProfile: "fapi_2_0_security" } })
      assert.deepStrictEqual(yield* settings, { securityProfile: "fapi_2_0_security", idTokenLifetime: 60 })
      const both = { policy: { securityProfile: "fapi_2_0_security", refreshTokenRotation: "always" } }
      assert.strictEqual((yield* apply(both)).unchanged.length, 1)
    })
  )

  effect("RFC 8705: a client that needs certificates is refused where none reach the server", () =>
    Effect.gen(function* () {
      const seed = {
        clients: [{ ...bank, ...fapi, token_endpoint_auth_method: "self_signed_tls_client_auth" }]
      }
      assert.match((yield* problemsOf(seed))[0]!, /no client certificate reaches the server/)
      yield* Effect.provideService(apply(seed), MutualTls, {})
    })
  )
})

describe("setProfile", () => {
  effect("switches the server, with an event, and names the clients that are refused from then on", () =>
    Effect.gen(function* () {
      yield* apply({ clients: [shop, bank], policy: { refreshTokenRotation: "never" } })
      const wanted = { profile: "fapi_2_0_message_signing", messageSigning: ["requests"] } as const
      const { changed, refusedClients } = yield* setProfile(issuer, wanted, me)
      assert.isTrue(changed)
      assert.deepStrictEqual(
        refusedClients.map(({ clientId }) => clientId),
        ["shop"]
      )
      assert.deepStrictEqual(yield* settings, {
        securityProfile: "fapi_2_0_message_signing",
        messageSigning: ["requests"]
      })
      assert.strictEqual((yield* actions)[0], `policy.updated ${issuer}`)
      assert.isFalse((yield* setProfile(issuer, wanted, me)).changed)
      yield* setProfile(issuer, { profile: "none" }, me)
      assert.deepStrictEqual(yield* settings, {})
    })
  )

  effect("refuses the server with every rule that fails, and changes nothing", () =>
    Effect.gen(function* () {
      yield* onlyRs256
      const before = yield* actions
      const refused = yield* Effect.flip(setProfile(issuer, { profile: "fapi_2_0_security" }, me))
      assert.strictEqual(refused._tag, "ProfileRefused")
      assert.match(refused.message, /^The server fails fapi2-sp-algorithms .* To mend it: lockspire key generate/)
      assert.deepStrictEqual(yield* settings, {})
      assert.deepStrictEqual(yield* actions, before)
    })
  )

  effect("switches one client, keeping the rest of its registration, and back", () =>
    Effect.gen(function* () {
      yield* apply({ clients: [bank] })
      yield* setProfile(issuer, { client: "bank", profile: "fapi_2_0_message_signing" }, me)
      const { jwks_uri } = bank
      assert.deepStrictEqual(yield* metadataOf("bank"), { jwks_uri, security_profile: "fapi_2_0_message_signing" })
      assert.strictEqual((yield* actions)[0], "client.updated bank")
      yield* setProfile(issuer, { client: "bank", profile: "none" }, me)
      assert.deepStrictEqual(yield* metadataOf("bank"), { jwks_uri })
    })
  )

  effect("refuses a client that fails, and one that is not there; a client can always leave its own profile", () =>
    Effect.gen(function* () {
      yield* apply({ clients: [shop] })
      const refused = yield* Effect.flip(setProfile(issuer, { client: "shop", profile: "fapi_2_0_security" }, me))
      assert.strictEqual(refused.message, `The client "shop" ${failsMethod}`)
      const missing = yield* Effect.flip(setProfile(issuer, { client: "x", profile: "mcp" }, me))
      assert.strictEqual(missing.message, `There is no client "x" at ${issuer}.`)
      yield* setProfile(issuer, { profile: "fapi_2_0_security" }, me)
      yield* setProfile(issuer, { client: "shop", profile: "none" }, me)
    })
  )
})

describe("assess", () => {
  effect("says for the server and each client which profile is in force, from where, and how each rule stands", () =>
    Effect.gen(function* () {
      yield* apply({
        clients: [
          { ...bank, ...fapi, dpop_bound_access_tokens: true, dangerously_exempt_from: ["fapi2-sp-pushed"] },
          shop,
          { ...shop, client_id: "off", disabled: true }
        ],
        policy: { securityProfile: "mcp", pushedAuthorizationRequests: "required" }
      })
      const { clients, server } = yield* assess(issuer)
      assert.deepStrictEqual(server.profiles, [{ profile: "mcp", source: "policy", messageSigning: [] }])
      assert.deepInclude(statesOf(server.assessments), {
        "mcp-pkce": "kept",
        "policy-pushed-authorization-requests": "kept"
      })
      assert.deepStrictEqual(
        clients.map(({ clientId, profiles }) => [
          clientId,
          ...profiles.map(({ profile, source }) => `${profile} ${source}`)
        ]),
        [
          ["bank", "mcp policy", "fapi_2_0_security client"],
          ["shop", "mcp policy"]
        ]
      )
      assert.deepInclude(statesOf(clients[0]!.assessments), {
        "fapi2-sp-pushed": "exempt",
        "fapi2-sp-pkce": "kept",
        "client-dpop_bound_access_tokens": "kept",
        "policy-pushed-authorization-requests": "kept"
      })
    })
  )

  effect("a rule that stopped being kept fails, with what to do", () =>
    Effect.gen(function* () {
      yield* apply({ clients: [shop] })
      yield* setProfile(issuer, { profile: "fapi_2_0_security" }, me)
      yield* onlyRs256
      const { clients, server } = yield* assess(issuer, "shop")
      assert.strictEqual(statesOf(server.assessments)["fapi2-sp-algorithms"], "failed")
      assert.strictEqual(statesOf(clients[0]!.assessments)["fapi2-sp-client-authentication"], "failed")
      assert.strictEqual((yield* (yield* SigningKeyStore).list(issuer)).length, 2)
    })
  )
})
