import { assert, layer } from "@effect/vitest"
import { Clock, Effect, Layer, Option } from "effect"
import { TestClock } from "effect/testing"
import * as jose from "jose"
import { AuditLog } from "../../src/audit/AuditLog.ts"
import type { Client } from "../../src/client/Client.ts"
import { metadata } from "../../src/discovery/metadata.ts"
import { Egress } from "../../src/egress/Egress.ts"
import { AssertionSubjects, type AssertedSubject } from "../../src/host/AssertionSubjects.ts"
import { introspect } from "../../src/introspection/introspect.ts"
import { grant } from "../../src/jwt-bearer/exchange.ts"
import type { TrustedIssuer } from "../../src/jwt-bearer/TrustedIssuer.ts"
import { TrustedIssuerStore } from "../../src/jwt-bearer/TrustedIssuerStore.ts"
import { SigningKeys } from "../../src/key/SigningKeys.ts"
import { aClient, aPublicClient, aResource, form, register, testIssuer } from "../../src/testing/fixtures.ts"
import { TestHost } from "../../src/testing/TestHost.ts"
import * as Server from "../../src/testing/TestServer.ts"
import { refusalOf, refuses } from "../support.ts"

const api = aResource({ identifier: "https://api.example", scopes: ["read", "write"] })
const mail = aResource({ identifier: "https://mail.example", scopes: ["send"] })

const idp = "https://idp.example"
const keyPair = await jose.generateKeyPair("ES256", { extractable: true })
const otherPair = await jose.generateKeyPair("ES256")
const rsaPair = await jose.generateKeyPair("RS256", { extractable: true })
const jwks = {
  keys: [
    { ...(await jose.exportJWK(keyPair.publicKey)), kid: "one", alg: "ES256" },
    { ...(await jose.exportJWK(rsaPair.publicKey)), kid: "rsa" }
  ]
} as unknown as TrustedIssuer["jwks"]

let serial = 0

/** A trusted issuer with an identifier of its own, and a client that may present its assertions. */
const trusting = Effect.fnUntraced(function* (over: Partial<TrustedIssuer> = {}, stated: Partial<Client> = {}) {
  const client = yield* register(aClient({ grantTypes: [grant.grantType], ...stated }))
  const trusted: TrustedIssuer = {
    issuer: testIssuer,
    identifier: `${idp}/${++serial}`,
    jwks,
    jwksUri: undefined,
    audience: undefined,
    identityAssertions: false,
    clients: undefined,
    scopes: undefined,
    ...over
  }
  yield* TrustedIssuerStore.use((store) => store.put(trusted))
  yield* TestHost.use((host) => host.setClaims("local-alice", {}))
  return { client, trusted }
})

interface Made {
  readonly claims?: Record<string, unknown>
  readonly header?: Record<string, unknown>
  readonly key?: jose.CryptoKey
}

/** A good assertion about Alice, unless something in it is changed; undefined leaves a claim out. */
const anAssertion = Effect.fnUntraced(function* (by: string, { claims = {}, header = {}, key }: Made = {}) {
  const now = Math.floor((yield* Clock.currentTimeMillis) / 1000)
  const payload = {
    iss: by,
    sub: "alice",
    aud: testIssuer,
    jti: `jti-${++serial}`,
    iat: now,
    exp: now + 300,
    ...claims
  }
  return yield* Effect.promise(() =>
    new jose.CompactSign(new TextEncoder().encode(JSON.stringify(payload)))
      .setProtectedHeader({ alg: "ES256", kid: "one", ...header })
      .sign(key ?? keyPair.privateKey)
  )
})

/** Of the identity provider's people the host knows Alice. */
const knows = {
  subjectOf: ({ sub }: AssertedSubject) => Effect.succeed(sub === "alice" ? Option.some("local-alice") : Option.none())
}

const present = (client: Client, assertion: string, members: Record<string, string | ReadonlyArray<string>> = {}) =>
  Effect.provideService(
    Server.requestToken(client, { grant_type: grant.grantType, assertion, ...members }),
    AssertionSubjects,
    knows
  )

const seen = Effect.fnUntraced(function* (client: Client, token: string) {
  const { header, parameters } = Server.credentialsOf(client)
  return yield* introspect(form({ ...parameters, token }), header)
})

layer(Server.layer({ resources: [api, mail] }))("the JWT bearer grant", (it) => {
  it.effect("RFC 7523 §2.1: a trusted issuer's assertion becomes an access token for the person it is about", () =>
    Effect.gen(function* () {
      const { client, trusted } = yield* trusting()
      const response = yield* present(client, yield* anAssertion(trusted.identifier), {
        scope: "read",
        resource: api.identifier
      })
      assert.deepStrictEqual(Object.keys(response), ["access_token", "token_type", "expires_in", "scope"])
      assert.deepInclude(yield* seen(client, response.access_token), {
        active: true,
        sub: "local-alice",
        client_id: client.clientId,
        aud: api.identifier,
        scope: "read"
      })
    })
  )

  it.effect("RFC 7523 §3: every claim and header of an assertion is checked", () =>
    Effect.gen(function* () {
      const { client, trusted } = yield* trusting()
      const now = Math.floor((yield* Clock.currentTimeMillis) / 1000)
      const rows: ReadonlyArray<readonly [made: Made, reason: string]> = [
        [{ claims: { iss: undefined } }, "AssertionIssuerUnknown"],
        [{ claims: { iss: "https://stranger.example" } }, "AssertionIssuerUnknown"],
        [{ claims: { iss: `${trusted.identifier}/` } }, "AssertionIssuerUnknown"],
        [{ claims: { iss: testIssuer } }, "AssertionIssuerIsOurs"],
        [{ header: { typ: "at+jwt" } }, "AssertionTypNotAllowed"],
        [{ header: { typ: "client-authentication+jwt" } }, "AssertionTypNotAllowed"],
        [{ header: { typ: "oauth-id-jag+jwt" } }, "AssertionTypNotAllowed"],
        [{ header: { alg: "RS256" }, key: rsaPair.privateKey }, "AssertionSignatureMismatch"],
        [{ header: { kid: "unknown" } }, "AssertionSignatureMismatch"],
        [{ key: otherPair.privateKey }, "AssertionSignatureMismatch"],
        [{ claims: { aud: undefined } }, "AssertionAudienceMismatch"],
        [{ claims: { aud: `${testIssuer}/token` } }, "AssertionAudienceMismatch"],
        [{ claims: { aud: `${testIssuer}/` } }, "AssertionAudienceMismatch"],
        [{ claims: { aud: [testIssuer, "https://elsewhere.example"] } }, "AssertionAudienceMismatch"],
        [{ claims: { aud: [] } }, "AssertionAudienceMismatch"],
        [{ claims: { exp: undefined } }, "AssertionExpired"],
        [{ claims: { exp: "soon" } }, "AssertionExpired"],
        [{ claims: { exp: now - 30 } }, "AssertionExpired"],
        [{ claims: { exp: now + 86_400 } }, "AssertionLifetimeTooLong"],
        [{ claims: { exp: 1e15 } }, "AssertionLifetimeTooLong"],
        [{ claims: { nbf: now + 60 } }, "AssertionNotYetValid"],
        [{ claims: { nbf: "now" } }, "AssertionNotYetValid"],
        [{ claims: { iat: now + 60 } }, "AssertionNotYetValid"],
        [{ claims: { sub: undefined } }, "AssertionSubjectMissing"],
        [{ claims: { sub: 7 } }, "AssertionSubjectMissing"],
        [{ claims: { jti: undefined } }, "AssertionJtiMissing"],
        [{ claims: { sub: "mallory" } }, "AssertionSubjectUnknown"]
      ]
      for (const [made, reason] of rows) {
        yield* refuses(present(client, yield* anAssertion(trusted.identifier, made)), `InvalidGrant ${reason}`)
      }
      for (const made of [
        {},
        { header: { typ: "JWT" } },
        { header: { typ: "application/authorization-grant+jwt" } },
        { header: { kid: undefined } },
        { header: { alg: "RS256", kid: "rsa" }, key: rsaPair.privateKey },
        { claims: { aud: [testIssuer] } },
        { claims: { exp: now - 29 } },
        { claims: { nbf: now + 30, iat: undefined } }
      ]) {
        yield* present(client, yield* anAssertion(trusted.identifier, made))
      }
    })
  )

  it.effect("RFC 8725 §3.1: what is not a JWT signed by a key of the issuer's is no assertion", () =>
    Effect.gen(function* () {
      const { client, trusted } = yield* trusting()
      const good = yield* anAssertion(trusted.identifier)
      const [header, payload, signature] = good.split(".") as [string, string, string]
      const none = jose.base64url.encode(JSON.stringify({ alg: "none" }))
      for (const wrong of ["x", "..", `${header}.${payload}`, `${header}.${payload}.`, `${good}.`, `${good}=`]) {
        yield* refuses(present(client, wrong), "InvalidGrant AssertionMalformed")
      }
      yield* refuses(present(client, `${none}.${payload}.${signature}`), "InvalidGrant AssertionAlgorithmNotAllowed")
      yield* present(client, good)
    })
  )

  it.effect("RFC 7523 §3: an assertion is used once, however many present it at the same time", () =>
    Effect.gen(function* () {
      const { client, trusted } = yield* trusting()
      const assertion = yield* anAssertion(trusted.identifier)
      const answers = yield* Effect.all(
        Array.from({ length: 8 }, () => Effect.result(present(client, assertion))),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(answers.filter((one) => one._tag === "Success").length, 1)
      yield* refuses(present(client, assertion), "InvalidGrant AssertionReplayed")
      yield* TestClock.adjust("329 seconds")
      yield* refuses(present(client, assertion), "InvalidGrant AssertionReplayed")
      yield* TestClock.adjust("1 second")
      yield* refuses(present(client, assertion), "InvalidGrant AssertionExpired")
    })
  )

  it.effect("a refusal burns nothing: the assertion is still good for its owner", () =>
    Effect.gen(function* () {
      const { client, trusted } = yield* trusting()
      yield* TrustedIssuerStore.use((store) => store.put({ ...trusted, clients: [client.clientId] }))
      const stranger = yield* register(aClient({ grantTypes: [grant.grantType] }))
      const assertion = yield* anAssertion(trusted.identifier)
      yield* refuses(present(stranger, assertion), "InvalidGrant IssuedToAnotherClient")
      yield* refuses(present(client, assertion, { scope: "openid" }), "InvalidScope ScopeNotAllowed")
      yield* refuses(
        present(client, assertion, { resource: "https://unknown.example" }),
        "InvalidTarget ResourceUnknown resource"
      )
      yield* present(client, assertion)
    })
  )

  it.effect("two issuers may use one jti", () =>
    Effect.gen(function* () {
      for (const { client, trusted } of [yield* trusting(), yield* trusting()]) {
        yield* present(client, yield* anAssertion(trusted.identifier, { claims: { jti: "the same" } }))
      }
    })
  )

  it.effect("ending the trust works at once", () =>
    Effect.gen(function* () {
      const { client, trusted } = yield* trusting()
      yield* present(client, yield* anAssertion(trusted.identifier))
      yield* TrustedIssuerStore.use((store) => store.remove(testIssuer, trusted.identifier))
      const assertion = yield* anAssertion(trusted.identifier)
      yield* refuses(present(client, assertion), "InvalidGrant AssertionIssuerUnknown")
    })
  )

  it.effect("a token of our own is no assertion, even where an operator trusts ourselves", () =>
    Effect.gen(function* () {
      const { client } = yield* trusting({ identifier: testIssuer })
      const keys = yield* SigningKeys
      const now = Math.floor((yield* Clock.currentTimeMillis) / 1000)
      const claims = { iss: testIssuer, sub: "alice", aud: testIssuer, jti: "own", iat: now, exp: now + 60 }
      const own = yield* keys.sign(testIssuer, "RS256", "JWT", claims)
      yield* refuses(present(client, own), "InvalidGrant AssertionIssuerIsOurs")
    })
  )

  it.effect("without the host's word nobody is known, and the host is told who says so", () =>
    Effect.gen(function* () {
      const { client, trusted } = yield* trusting()
      const assertion = yield* anAssertion(trusted.identifier, { claims: { email: "alice@idp.example" } })
      const request = Server.requestToken(client, { grant_type: grant.grantType, assertion })
      yield* refuses(request, "InvalidGrant AssertionSubjectUnknown")
      let asked: AssertedSubject | undefined
      yield* Effect.provideService(request, AssertionSubjects, {
        subjectOf: (asserted) =>
          Effect.sync(() => {
            asked = asserted
            return Option.some("local-alice")
          })
      })
      const { claims, ...facts } = asked!
      assert.deepStrictEqual(facts, {
        issuer: testIssuer,
        clientId: client.clientId,
        assertedBy: trusted.identifier,
        sub: "alice"
      })
      assert.strictEqual(claims["email"], "alice@idp.example")
    })
  )

  it.effect("nothing is issued for an account that is gone, or that may not use the client", () =>
    Effect.gen(function* () {
      const { client, trusted } = yield* trusting()
      yield* TestHost.use((host) => host.forbid("local-alice", client.clientId))
      const refused = yield* anAssertion(trusted.identifier)
      yield* refuses(present(client, refused), "InvalidGrant ClientRefusedForAccount")
      const other = yield* trusting()
      yield* TestHost.use((host) => host.removeAccount("local-alice"))
      yield* refuses(present(other.client, yield* anAssertion(other.trusted.identifier)), "InvalidGrant AccountGone")
    })
  )

  it.effect("a public client presents nothing, nor one that is not registered for the grant", () =>
    Effect.gen(function* () {
      const { trusted } = yield* trusting()
      const assertion = yield* anAssertion(trusted.identifier)
      const open = yield* register(aPublicClient({ grantTypes: [grant.grantType] }))
      yield* refuses(present(open, assertion), "UnauthorizedClient PublicClient")
      yield* refuses(present(yield* register(aClient()), assertion), "UnauthorizedClient GrantTypeNotRegistered")
    })
  )

  it.effect("scope is bounded by the resources, the client's registration and the trusted issuer", () =>
    Effect.gen(function* () {
      const { client, trusted } = yield* trusting({ scopes: ["read", "send"] }, { scope: ["read", "write", "openid"] })
      const scopeOf = Effect.fnUntraced(function* (members: Record<string, string>) {
        return (yield* present(client, yield* anAssertion(trusted.identifier), members)).scope
      })
      assert.strictEqual(yield* scopeOf({}), "read")
      assert.strictEqual(yield* scopeOf({ scope: "read" }), "read")
      for (const scope of ["write", "send", "openid", "offline_access", "read write"]) {
        assert.strictEqual(yield* refusalOf(scopeOf({ scope })), "InvalidScope ScopeNotAllowed")
      }
    })
  )

  it.effect("redeeming is audited with the issuer that asserted", () =>
    Effect.gen(function* () {
      const { client, trusted } = yield* trusting()
      yield* present(client, yield* anAssertion(trusted.identifier))
      const [issued, redeemed] = yield* AuditLog.use((log) => log.latest(testIssuer, 2))
      assert.strictEqual(issued!.action, "access_token.issued")
      assert.deepInclude(redeemed!, {
        action: "assertion.redeemed",
        actor: { type: "client", id: client.clientId },
        target: { type: "trusted_issuer", id: trusted.identifier }
      })
    })
  )
})

const typ = "oauth-id-jag+jwt"

layer(Server.layer({ resources: [api, mail] }))("identity assertions (ID-JAG)", (it) => {
  const anIdentityAssertion = (trusted: TrustedIssuer, client: Client, { claims = {}, header = {} }: Made = {}) =>
    anAssertion(trusted.identifier, {
      claims: { client_id: client.clientId, ...claims },
      header: { typ, ...header }
    })

  it.effect("§4.4: of an issuer that makes them nothing else is accepted", () =>
    Effect.gen(function* () {
      const { client, trusted } = yield* trusting({ identityAssertions: true })
      yield* present(client, yield* anIdentityAssertion(trusted, client))
      for (const other of [undefined, "JWT", "authorization-grant+jwt", "at+jwt"]) {
        const assertion = yield* anIdentityAssertion(trusted, client, { header: { typ: other } })
        yield* refuses(present(client, assertion), "InvalidGrant AssertionTypNotAllowed")
      }
    })
  )

  it.effect("§4.4: client_id is the client that presents it; anyone else burns nothing", () =>
    Effect.gen(function* () {
      const { client, trusted } = yield* trusting({ identityAssertions: true })
      const stranger = yield* register(aClient({ grantTypes: [grant.grantType] }))
      const assertion = yield* anIdentityAssertion(trusted, client)
      yield* refuses(present(stranger, assertion), "InvalidGrant IssuedToAnotherClient")
      const unbound = yield* anIdentityAssertion(trusted, client, { claims: { client_id: undefined } })
      yield* refuses(present(client, unbound), "InvalidGrant IssuedToAnotherClient")
      yield* present(client, assertion)
    })
  )

  it.effect("§3.1: scope and resource of the assertion are what it brings, and only narrow", () =>
    Effect.gen(function* () {
      const { client, trusted } = yield* trusting({ identityAssertions: true })
      const claims = { scope: "read openid unknown", resource: `${api.identifier}/` }
      const whole = yield* present(client, yield* anIdentityAssertion(trusted, client, { claims }))
      assert.strictEqual(whole.scope, "read")
      assert.deepInclude(yield* seen(client, whole.access_token), { aud: api.identifier })
      for (const [members, refusal] of [
        [{ scope: "write" }, "InvalidScope ScopeNotAllowed"],
        [{ scope: "send" }, "InvalidScope ScopeNotAllowed"],
        [{ resource: mail.identifier }, "InvalidTarget ResourceNotGranted resource"]
      ] as const) {
        const assertion = yield* anIdentityAssertion(trusted, client, { claims })
        yield* refuses(present(client, assertion, members), refusal)
      }
      const elsewhere = { resource: "https://elsewhere.example" }
      yield* refuses(
        present(client, yield* anIdentityAssertion(trusted, client, { claims: elsewhere })),
        "InvalidTarget ResourceUnknown assertion"
      )
    })
  )

  it.effect("RFC 8414 §2: discovery says that they are taken as soon as an issuer that makes them is trusted", () =>
    Effect.gen(function* () {
      const { trusted } = yield* trusting({ identityAssertions: true })
      const profiles = ["urn:ietf:params:oauth:grant-profile:id-jag"]
      assert.deepStrictEqual((yield* metadata).authorization_grant_profiles_supported, profiles)
      const store = yield* TrustedIssuerStore
      for (const one of yield* store.list(trusted.issuer)) yield* store.remove(one.issuer, one.identifier)
      assert.notProperty(yield* metadata, "authorization_grant_profiles_supported")
    })
  )

  it.effect("bad claims are refusals, never defects", () =>
    Effect.gen(function* () {
      const { client, trusted } = yield* trusting({ identityAssertions: true })
      for (const claims of [
        { scope: 7 },
        { scope: "" },
        { scope: null },
        { resource: 7 },
        { resource: [] },
        { resource: [null, {}] },
        { client_id: { toString: 1 } },
        { client_id: [client.clientId] }
      ]) {
        const answer = yield* Effect.exit(present(client, yield* anIdentityAssertion(trusted, client, { claims })))
        assert.isTrue(
          answer._tag === "Success" || answer.cause.reasons.every((reason) => reason._tag === "Fail"),
          JSON.stringify(claims)
        )
        if (answer._tag === "Success") assert.notProperty(answer.value, "scope")
      }
    })
  )
})

const published = Layer.succeed(
  Egress,
  Egress.of({
    get: ({ url }) =>
      Effect.succeed({
        status: url === `${idp}/jwks` ? 200 : 404,
        headers: {},
        body: new TextEncoder().encode(JSON.stringify(jwks))
      })
  })
)

layer(Server.layer({ egress: published }))("keys that a trusted issuer publishes", (it) => {
  it.effect("RFC 7517 §5: are fetched from its jwks_uri; without them nothing is accepted", () =>
    Effect.gen(function* () {
      const good = yield* trusting({ jwks: undefined, jwksUri: `${idp}/jwks` })
      yield* present(good.client, yield* anAssertion(good.trusted.identifier))
      for (const jwksUri of [`${idp}/missing`, undefined]) {
        const { client, trusted } = yield* trusting({ jwks: undefined, jwksUri })
        const assertion = yield* anAssertion(trusted.identifier)
        yield* refuses(present(client, assertion), "InvalidGrant AssertionKeysUnavailable")
      }
    })
  )
})
