import { assert, describe, it } from "@effect/vitest"
import {
  AccountStore,
  AuditEvents,
  AuditLog,
  AuthorizationServer,
  ClientStore,
  Crypto,
  ManageKeys,
  MemoryStorage,
  Policy,
  ResourceStore,
  SecretVerifier
} from "@lockspire/core"
import { DateTime, Effect, Layer, Option, Redacted } from "effect"
import { applySeed, checkSeed, type Entry, line } from "../src/index.ts"

const issuer = "https://issuer.example"
const key = AuthorizationServer.layerKeyEncryptionKey({ keyEncryptionKey: Redacted.make(new Uint8Array(32).fill(7)) })
const live = Layer.mergeAll(SecretVerifier.layer, Policy.Policies.layer()).pipe(
  Layer.provideMerge(Layer.mergeAll(Crypto.Crypto.layer, MemoryStorage.layer, key))
)

const apply = (json: unknown) =>
  Effect.flatMap(checkSeed(json), ({ seed }) => applySeed(issuer, seed, AuditEvents.operator("test")))
const ids = (entries: ReadonlyArray<Entry>) => entries.map(({ id, type }) => `${type} ${id}`)
const clientNamed = (id: string) =>
  Effect.flatMap(ClientStore, (clients) => Effect.flatMap(clients.find(issuer, id), Effect.fromOption))
const accountNamed = (name: string) =>
  Effect.flatMap(AccountStore, (accounts) => Effect.flatMap(accounts.findByUsername(issuer, name), Effect.fromOption))
const actions = Effect.flatMap(AuditLog.AuditLog, (audit) =>
  Effect.map(audit.latest(issuer, 100), (events) => events.map((event) => `${event.action} ${event.target.id}`))
)

const secret = "a-secret-of-at-least-thirty-two-characters"
const seed = {
  accounts: [
    { username: "ada", password: "lovelace", claims: { email: "ada@example.com", address: { a: 1, b: [2] } } }
  ],
  clients: [
    {
      client_id: "web",
      client_secret: secret,
      redirect_uris: ["https://web.example/cb"],
      tos_uri: "https://a.example"
    },
    { client_id: "short", client_secret: "hunter2", grant_types: [] },
    { client_id: "public", token_endpoint_auth_method: "none", redirect_uris: ["https://spa.example/cb"] }
  ],
  resources: [{ identifier: "https://api.example", scopes: ["read"] }],
  policy: { accessTokenLifetime: 300 }
}
const everything = [
  "resource https://api.example",
  "client web",
  "client short",
  "client public",
  "account ada",
  `policy ${issuer}`
]

const effect = (title: string, body: () => Effect.Effect<void, unknown, Layer.Success<typeof live>>) =>
  it.effect(title, () => Effect.provide(body(), live))

describe("applying a seed", () => {
  effect("creates what it names, with RFC 7591 §2's defaults, and an event for each", () =>
    Effect.gen(function* () {
      const applied = yield* apply(seed)
      assert.deepStrictEqual([...ids(applied.created), ...ids(applied.updated)], everything)
      const web = yield* clientNamed("web")
      assert.deepInclude(web, {
        grantTypes: ["authorization_code"],
        responseTypes: ["code"],
        tokenEndpointAuthMethod: "client_secret_basic",
        applicationType: "web",
        idTokenSignedResponseAlg: "RS256",
        scope: undefined,
        metadata: { tos_uri: "https://a.example" }
      })
      const ada = yield* accountNamed("ada")
      assert.deepInclude(ada, { subject: "ada", amr: ["pwd"] })
      assert.sameMembers(
        [...(yield* actions)],
        [
          "resource.created https://api.example",
          "client.created web",
          "client.created short",
          "client.created public",
          "account.created ada",
          `policy.updated ${issuer}`
        ]
      )
    })
  )

  effect("a second time changes nothing and writes no event", () =>
    Effect.gen(function* () {
      yield* apply(seed)
      const before = [yield* clientNamed("web"), yield* clientNamed("short"), yield* accountNamed("ada")]
      const again = yield* apply(seed)
      assert.deepStrictEqual(ids(again.unchanged), everything)
      assert.deepStrictEqual([...again.created, ...again.updated], [])
      assert.deepStrictEqual(
        [yield* clientNamed("web"), yield* clientNamed("short"), yield* accountNamed("ada")],
        before
      )
      assert.strictEqual((yield* actions).length, everything.length)
    })
  )

  effect("a changed entry updates; a removed one stays", () =>
    Effect.gen(function* () {
      yield* apply(seed)
      const applied = yield* apply({
        accounts: [{ username: "ada", password: "another" }],
        clients: [{ client_id: "web", client_secret: `${secret}-2`, redirect_uris: ["https://web.example/cb2"] }],
        policy: { idTokenLifetime: 60 }
      })
      assert.deepStrictEqual(ids(applied.updated), ["client web", "account ada", `policy ${issuer}`])
      const verifier = yield* SecretVerifier
      const web = yield* clientNamed("web")
      assert.deepStrictEqual(web.redirectUris, ["https://web.example/cb2"])
      assert.strictEqual(web.secrets.length, 1)
      assert.isTrue(yield* verifier.verify(`${secret}-2`, web.secrets[0]!.hash!))
      assert.isTrue(yield* verifier.verify("another", (yield* accountNamed("ada")).passwordHash))
      yield* clientNamed("public")
      assert.strictEqual((yield* (yield* ResourceStore).list(issuer)).length, 1)
      assert.deepStrictEqual(yield* (yield* Policy.PolicyStore).find(issuer), {
        accessTokenLifetime: 300,
        idTokenLifetime: 60
      })
    })
  )

  effect("a secret that is needed and not given is generated once, and kept", () =>
    Effect.gen(function* () {
      const without = { clients: [{ client_id: "web", redirect_uris: ["https://web.example/cb"] }] }
      const { generatedSecrets } = yield* apply(without)
      const { clientId, clientSecret } = generatedSecrets[0]!
      const { secrets } = yield* clientNamed("web")
      assert.strictEqual(clientId, "web")
      assert.isTrue(yield* (yield* SecretVerifier).verify(Redacted.value(clientSecret), secrets[0]!.hash!))
      const again = yield* apply(without)
      assert.deepStrictEqual(again.generatedSecrets, [])
      assert.deepStrictEqual((yield* clientNamed("web")).secrets, secrets)
    })
  )

  effect("secrets and passwords are stored as hashes alone: a short one under the slow hash", () =>
    Effect.gen(function* () {
      yield* apply({ ...seed, clients: [...seed.clients, { client_id: "x", registration_access_token: "reg-token" }] })
      const stored = JSON.stringify([
        yield* (yield* ClientStore).list(issuer),
        yield* accountNamed("ada"),
        yield* (yield* AuditLog.AuditLog).latest(issuer, 100)
      ])
      for (const raw of [secret, "hunter2", "lovelace", "reg-token"]) assert.notInclude(stored, raw)
      assert.match((yield* clientNamed("web")).secrets[0]!.hash!, /^sha256\$/)
      assert.match((yield* clientNamed("short")).secrets[0]!.hash!, /^pbkdf2-sha256\$/)
      assert.match((yield* accountNamed("ada")).passwordHash, /^pbkdf2-sha256\$/)
    })
  )

  effect("a client that an operator disabled stays so, unless the seed says otherwise", () =>
    Effect.gen(function* () {
      yield* apply(seed)
      yield* apply({ clients: [{ ...seed.clients[2], disabled: true }] })
      assert.deepStrictEqual(ids((yield* apply(seed)).updated), [])
      assert.isTrue((yield* clientNamed("public")).disabled)
      yield* apply({ clients: [{ ...seed.clients[2], disabled: false }] })
      assert.isFalse((yield* clientNamed("public")).disabled)
      assert.deepStrictEqual((yield* actions).slice(0, 2), ["client.enabled public", "client.disabled public"])
    })
  )

  effect("somebody who signed up keeps their subject", () =>
    Effect.gen(function* () {
      yield* apply({ accounts: [{ username: "ada", password: "x", subject: "f3a1" }] })
      yield* apply({ accounts: [{ username: "ada", password: "lovelace" }] })
      assert.strictEqual((yield* accountNamed("ada")).subject, "f3a1")
    })
  )

  effect("a seed that takes another account's username applies nothing, and says where", () =>
    Effect.gen(function* () {
      yield* apply({ accounts: [{ username: "ada", password: "x", subject: "f3a1" }] })
      const invalid = yield* Effect.flip(
        apply({ clients: seed.clients, accounts: [{ username: "ada", password: "x", subject: "other" }] })
      )
      assert.include(String(invalid), "accounts[0].username: is that of an account with another subject")
      assert.isTrue(Option.isNone(yield* (yield* ClientStore).find(issuer, "web")))
      assert.deepStrictEqual([...(yield* actions)], ["account.created f3a1"])
    })
  )

  it.effect(
    "a client or resource that needs a key which the issuer does not have is warned about until it has one",
    () =>
      Effect.gen(function* () {
        const wanting = {
          clients: [
            {
              client_id: "keyed",
              grant_types: [],
              id_token_signed_response_alg: "ES384",
              authorization_signed_response_alg: "EdDSA"
            },
            { client_id: "fine", grant_types: [], id_token_signed_response_alg: "ES256" },
            { client_id: "encrypting", grant_types: [], request_object_encryption_alg: "ECDH-ES" }
          ],
          resources: [
            {
              identifier: "https://keyed.example",
              accessTokenFormat: "jwt",
              signingAlgorithm: "EdDSA",
              accessTokenLifetime: 60
            }
          ]
        }
        const wantsKey = (algorithm: string, key = "a signing key") =>
          `needs ${key} that this issuer does not have: lockspire key generate --algorithm ${algorithm}`
        assert.deepStrictEqual((yield* apply(wanting)).warnings, [
          { path: "clients[0].id_token_signed_response_alg", reason: wantsKey("ES384") },
          { path: "clients[0].authorization_signed_response_alg", reason: wantsKey("EdDSA") },
          { path: "clients[2].request_object_encryption_alg", reason: wantsKey("ECDH-ES", "an encryption key") },
          { path: "resources[0].signingAlgorithm", reason: wantsKey("EdDSA") }
        ])
        yield* ManageKeys.generate(issuer, "ES384", AuditEvents.system)
        yield* ManageKeys.generate(issuer, "EdDSA", AuditEvents.system)
        yield* ManageKeys.generate(issuer, "ECDH-ES", AuditEvents.system)
        const again = yield* apply(wanting)
        assert.deepStrictEqual(again.warnings, [])
        assert.strictEqual(again.unchanged.length, 4)
        const stored = (yield* (yield* ResourceStore).list(issuer)).find(
          (one) => one.identifier === "https://keyed.example"
        )
        assert.deepInclude(stored, { signingAlgorithm: "EdDSA", accessTokenLifetime: 60 })
      }).pipe(Effect.provide(live))
  )

  it.live("warns of clients and resources that it refers to and that are nowhere, until they are there", () =>
    Effect.gen(function* () {
      const referring = {
        resources: [{ identifier: "https://here.example", introspectionClients: ["here", "ghost"] }],
        clients: [{ client_id: "here", redirect_uris: ["https://here.example/cb"] }],
        exchangeRules: [
          {
            name: "r",
            clientId: "here",
            subjectClients: ["gone"],
            targets: ["https://here.example", "https://no.example"]
          }
        ],
        trustedIssuers: [
          { identifier: "https://idp.example", jwksUri: "https://idp.example/jwks", clients: ["nobody"] }
        ]
      }
      assert.deepStrictEqual((yield* apply(referring)).warnings.map(line), [
        'resources[0].introspectionClients[1]: there is no client "ghost" at the issuer yet',
        'exchangeRules[0].subjectClients[0]: there is no client "gone" at the issuer yet',
        'exchangeRules[0].targets[1]: there is no resource "https://no.example" at the issuer yet',
        'trustedIssuers[0].clients[0]: there is no client "nobody" at the issuer yet'
      ])
      yield* apply({
        clients: ["ghost", "gone", "nobody"].map((id) => ({ client_id: id, redirect_uris: ["https://x.example/cb"] })),
        resources: [{ identifier: "https://no.example" }]
      })
      assert.deepStrictEqual((yield* apply(referring)).warnings, [])
    }).pipe(Effect.provide(live))
  )

  effect("RFC 6749 §2.3.1: several secrets of a client, so that one can replace another", () =>
    Effect.gen(function* () {
      const [old, young] = [`${secret}-old`, `${secret}-young`]
      const web = (...client_secrets: ReadonlyArray<object>) => ({ clients: [{ client_id: "web", client_secrets }] })
      yield* apply(web({ client_secret: old }))
      const first = (yield* clientNamed("web")).secrets[0]!
      const both = web({ client_secret: old, expires_at: "2030-01-01T00:00:00Z" }, { client_secret: young })
      assert.deepStrictEqual(ids((yield* apply(both)).updated), ["client web"])
      assert.deepStrictEqual(ids((yield* apply(both)).unchanged), ["client web"])
      const { secrets } = yield* clientNamed("web")
      assert.deepStrictEqual(secrets[0], { ...first, expiresAt: DateTime.makeUnsafe("2030-01-01T00:00:00Z") })
      assert.isUndefined(secrets[1]!.expiresAt)
      yield* apply(web({ client_secret: young }))
      assert.deepStrictEqual((yield* clientNamed("web")).secrets, [secrets[1]!])
    })
  )

  effect(
    "OpenID Connect Core §9: the secret of client_secret_jwt is sealed, and applying it again writes nothing",
    () =>
      Effect.gen(function* () {
        const mac = (more: object) => ({
          clients: [{ client_id: "mac", token_endpoint_auth_method: "client_secret_jwt", ...more }]
        })
        const { generatedSecrets } = yield* apply(mac({}))
        assert.isAtLeast(Redacted.value(generatedSecrets[0]!.clientSecret).length, 64)
        assert.deepStrictEqual(ids((yield* apply(mac({}))).unchanged), ["client mac"])
        yield* apply(mac({ client_secret: secret }))
        assert.deepStrictEqual(ids((yield* apply(mac({ client_secret: secret }))).unchanged), ["client mac"])
        const { secrets } = yield* clientNamed("mac")
        assert.strictEqual(secrets.length, 1)
        assert.isUndefined(secrets[0]!.hash)
        assert.isDefined(secrets[0]!.sealed)
      })
  )
})
