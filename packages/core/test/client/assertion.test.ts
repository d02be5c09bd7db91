import { assert, layer } from "@effect/vitest"
import { Effect, Layer, Ref } from "effect"
import { Base64Url } from "effect/encoding"
import { TestClock } from "effect/testing"
import { assertionAlgorithms } from "../../src/client/assertion.ts"
import type { Client } from "../../src/client/Client.ts"
import { ClientStore } from "../../src/client/ClientStore.ts"
import type { Jwk } from "../../src/client/Jwks.ts"
import { Crypto } from "../../src/crypto/Crypto.ts"
import { aClient, register, testIssuer } from "../../src/testing/fixtures.ts"
import * as Server from "../../src/testing/TestServer.ts"
import { refusalOf, refuses } from "../support.ts"
import { assertionOf, jwtBearer, type Key, macKey, makeKey, present } from "./assertions.ts"

/** The real primitives, with what is opened counted. */
const opened = Ref.makeUnsafe(0)
const counted = Layer.effect(
  Crypto,
  Effect.map(Crypto, (crypto) =>
    Crypto.of({
      ...crypto,
      open: (key, sealed, context) =>
        Effect.andThen(
          Ref.update(opened, (count) => count + 1),
          crypto.open(key, sealed, context)
        )
    })
  )
).pipe(Layer.provide(Crypto.layer))

const secret = "a-secret-of-sixty-four-octets-so-that-every-mac-may-be-made-with-it"

const withKeys = (keys: ReadonlyArray<Jwk>, stated: Partial<Client> = {}) =>
  register(
    aClient({ tokenEndpointAuthMethod: "private_key_jwt", ...stated, metadata: { jwks: { keys }, ...stated.metadata } })
  )

const withSecret = (text = secret, stated: Partial<Client> = {}) =>
  register(aClient({ tokenEndpointAuthMethod: "client_secret_jwt", ...stated }), text)

const isMac = (algorithm: string) => algorithm.startsWith("HS")
const keyFor = (algorithm: string): Effect.Effect<Key> =>
  isMac(algorithm) ? Effect.succeed(macKey(algorithm, secret)) : makeKey(algorithm)

const accepts = <E, R>(attempt: Effect.Effect<Client, E, R>, client: Client) =>
  Effect.map(attempt, (found) => assert.strictEqual(found.clientId, client.clientId))

layer(Server.layer({ crypto: counted }))("client assertions", (it) => {
  it.effect.each(assertionAlgorithms)(
    "RFC 7523 §2.2: a client authenticates by an assertion signed by %s",
    (algorithm) =>
      Effect.gen(function* () {
        const key = yield* keyFor(algorithm)
        const client = yield* isMac(algorithm) ? withSecret() : withKeys([key.jwk])
        yield* accepts(present(yield* assertionOf(client.clientId, key)), client)
        yield* accepts(present(yield* assertionOf(client.clientId, key), { client_id: client.clientId }), client)
      })
  )

  it.effect("RFC 8725 §3.1: every algorithm takes its own kind of key, and no other", () =>
    Effect.gen(function* () {
      const kinds: Readonly<Record<string, string>> = {
        RS256: "RSA",
        ES256: "P-256",
        ES384: "P-384",
        Ed25519: "Ed25519"
      }
      const keys = yield* Effect.forEach(Object.keys(kinds), (algorithm) => makeKey(algorithm))
      for (const registered of keys) {
        const client = yield* withKeys([registered.jwk])
        for (const signing of keys) {
          const attempt = present(yield* assertionOf(client.clientId, signing))
          if (signing === registered) yield* accepts(attempt, client)
          else yield* refuses(attempt, "InvalidClient AssertionKeyUnknown")
        }
        // RFC 8725 §2.1: the public key, which everybody knows, as the secret of a MAC.
        const confused = macKey("HS256", JSON.stringify(registered.jwk))
        yield* refuses(present(yield* assertionOf(client.clientId, confused)), "InvalidClient MethodNotRegistered")
        // And another key of the same kind.
        const other = yield* makeKey(registered.algorithm)
        yield* refuses(present(yield* assertionOf(client.clientId, other)), "InvalidClient AssertionSignatureMismatch")
      }
      const client = yield* withSecret()
      yield* refuses(present(yield* assertionOf(client.clientId, keys[0]!)), "InvalidClient MethodNotRegistered")
    })
  )

  it.effect("RFC 8725 §3.1: no algorithm is none, nor one that is unknown", () =>
    Effect.gen(function* () {
      const key = yield* makeKey("ES256")
      const client = yield* withKeys([key.jwk])
      const [, payload, signature] = (yield* assertionOf(client.clientId, key)).split(".")
      for (const alg of ["none", "None", "", "HS1", "ES256K", "RSA-OAEP", 1, null, ["ES256"]]) {
        const header = Base64Url.encode(new TextEncoder().encode(JSON.stringify({ alg })))
        yield* refuses(present(`${header}.${payload}.${signature}`), "InvalidClient AssertionAlgorithmNotAllowed")
      }
    })
  )

  it.effect("RFC 7591 §2: token_endpoint_auth_signing_alg names the one algorithm the client uses", () =>
    Effect.gen(function* () {
      const [es, ps] = [yield* makeKey("ES256"), yield* makeKey("PS256")]
      const metadata = { jwks: { keys: [es.jwk, ps.jwk] }, token_endpoint_auth_signing_alg: "PS256" }
      const client = yield* withKeys([], { metadata })
      yield* accepts(present(yield* assertionOf(client.clientId, ps)), client)
      yield* refuses(present(yield* assertionOf(client.clientId, es)), "InvalidClient AssertionAlgorithmNotAllowed")
    })
  )

  it.effect("RFC 7517 §4: use, key_ops, alg and kid of a key are honoured", () =>
    Effect.gen(function* () {
      const key = yield* makeKey("ES256")
      const rows: ReadonlyArray<readonly [members: Jwk, kid: string | undefined, answer: string | undefined]> = [
        [{ use: "sig", alg: "ES256", key_ops: ["verify"], kid: "a" }, "a", undefined],
        [{ kid: "a" }, undefined, undefined],
        [{}, undefined, undefined],
        [{ use: "enc" }, undefined, "InvalidClient AssertionKeyUnknown"],
        [{ alg: "ES384" }, undefined, "InvalidClient AssertionKeyUnknown"],
        [{ key_ops: ["sign"] }, undefined, "InvalidClient AssertionKeyUnknown"],
        [{ kid: "a" }, "b", "InvalidClient AssertionKeyUnknown"],
        [{}, "b", "InvalidClient AssertionKeyUnknown"]
      ]
      for (const [members, kid, answer] of rows) {
        const client = yield* withKeys([{ ...key.jwk, ...members }])
        const attempt = present(yield* assertionOf(client.clientId, key, {}, kid === undefined ? {} : { kid }))
        yield* answer === undefined ? accepts(attempt, client) : refuses(attempt, answer)
      }
      // The key that a kid names decides, even when another one would do.
      const other = yield* makeKey("ES256")
      const client = yield* withKeys([
        { ...other.jwk, kid: "other" },
        { ...key.jwk, kid: "own" }
      ])
      yield* accepts(present(yield* assertionOf(client.clientId, key, {}, { kid: "own" })), client)
      yield* refuses(
        present(yield* assertionOf(client.clientId, key, {}, { kid: "other" })),
        "InvalidClient AssertionSignatureMismatch"
      )
    })
  )

  it.effect(
    "FAPI 2.0 Security Profile §5.4.3: of several keys with one kid it is the one that fits the algorithm",
    () =>
      Effect.gen(function* () {
        const keys = yield* Effect.forEach(["PS256", "ES256", "Ed25519"], (algorithm) => makeKey(algorithm))
        const other = yield* makeKey("ES256")
        const forEncryption = { ...other.jwk, use: "enc" }
        const client = yield* withKeys(
          [forEncryption, other.jwk, ...keys.map(({ jwk }) => jwk)].map((jwk) => ({ ...jwk, kid: "one" }))
        )
        for (const key of keys) {
          yield* accepts(present(yield* assertionOf(client.clientId, key, {}, { kid: "one" })), client)
        }
        const foreign = yield* makeKey("ES256")
        yield* refuses(
          present(yield* assertionOf(client.clientId, foreign, {}, { kid: "one" })),
          "InvalidClient AssertionSignatureMismatch"
        )
      })
  )

  it.effect("RFC 7518 §3.3: an RSA key below 2048 bits verifies nothing", () =>
    Effect.gen(function* () {
      // The library neither makes such keys nor signs with them.
      const { subtle } = globalThis.crypto
      const rsa = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256", publicExponent: new Uint8Array([1, 0, 1]) }
      const long = yield* makeKey("RS256")
      for (const modulusLength of [1024, 2040, 2048]) {
        const pair = yield* Effect.promise(() =>
          subtle.generateKey({ ...rsa, modulusLength }, true, ["sign", "verify"])
        )
        const { e, kty, n } = yield* Effect.promise(() => subtle.exportKey("jwk", pair.publicKey))
        const client = yield* withKeys([{ e: e!, kty: kty!, n: n! }])
        const [header, payload] = (yield* assertionOf(client.clientId, long)).split(".")
        const text = new TextEncoder().encode(`${header}.${payload}`)
        const signature = yield* Effect.promise(() => subtle.sign(rsa.name, pair.privateKey, text))
        const attempt = present(`${header}.${payload}.${Base64Url.encode(new Uint8Array(signature))}`)
        if (modulusLength === 2048) yield* accepts(attempt, client)
        else yield* refuses(attempt, "InvalidClient AssertionSignatureMismatch")
      }
    })
  )

  it.effect("RFC 7515 §4.1.3, §4.1.6: keys inside the header are ignored; extensions are refused", () =>
    Effect.gen(function* () {
      const [key, foreign] = [yield* makeKey("ES256"), yield* makeKey("ES256")]
      const client = yield* withKeys([key.jwk])
      const embedded = { jwk: foreign.jwk, jku: "https://attacker.example/jwks", x5u: "https://attacker.example/x" }
      yield* refuses(
        present(yield* assertionOf(client.clientId, foreign, {}, embedded)),
        "InvalidClient AssertionSignatureMismatch"
      )
      yield* accepts(present(yield* assertionOf(client.clientId, key, {}, embedded)), client)
      const [, payload, signature] = (yield* assertionOf(client.clientId, key)).split(".")
      const header = Base64Url.encode(new TextEncoder().encode('{"alg":"ES256","crit":["exp"],"exp":1}'))
      yield* refuses(present(`${header}.${payload}.${signature}`), "InvalidClient AssertionMalformed")
    })
  )

  it.effect("RFC 7523 §3: every claim counts", () =>
    Effect.gen(function* () {
      const key = yield* makeKey("ES256")
      const client = yield* withKeys([key.jwk])
      const id = client.clientId
      yield* TestClock.setTime(1_800_000_000_000)
      const now = 1_800_000_000
      const rows: ReadonlyArray<readonly [claims: Readonly<Record<string, unknown>>, answer: string | undefined]> = [
        [{}, undefined],
        [{ iat: undefined }, undefined],
        [{ extra: { anything: true } }, undefined],
        [{ iss: undefined }, "AssertionIssuerMismatch"],
        [{ iss: "another" }, "AssertionIssuerMismatch"],
        [{ iss: [id] }, "AssertionIssuerMismatch"],
        [{ sub: undefined }, "AssertionIssuerMismatch"],
        [{ sub: "another" }, "AssertionIssuerMismatch"],
        [{ sub: 7, iss: 7 }, "AssertionIssuerMismatch"],
        [{ sub: "", iss: "" }, "AssertionIssuerMismatch"],
        [{ sub: "nobody", iss: "nobody" }, "ClientUnknown"],
        [{ exp: undefined }, "AssertionExpired"],
        [{ exp: String(now + 60) }, "AssertionExpired"],
        [{ exp: null }, "AssertionExpired"],
        [{ exp: now - 30 }, "AssertionExpired"],
        [{ exp: now - 29 }, undefined],
        [{ exp: now + 600 }, undefined],
        [{ exp: now + 601 }, "AssertionLifetimeTooLong"],
        [{ exp: now + 630, iat: undefined }, undefined],
        [{ exp: now + 631, iat: undefined }, "AssertionLifetimeTooLong"],
        [{ exp: 1e15 }, "AssertionLifetimeTooLong"],
        [{ exp: now + 300, iat: now - 301 }, "AssertionLifetimeTooLong"],
        [{ iat: now + 10 }, undefined],
        [{ iat: now + 60, exp: now + 90 }, "AssertionNotYetValid"],
        [{ iat: "now" }, "AssertionNotYetValid"],
        [{ nbf: now }, undefined],
        [{ nbf: now + 10 }, undefined],
        [{ nbf: now + 60 }, "AssertionNotYetValid"],
        [{ nbf: null }, "AssertionNotYetValid"],
        [{ jti: undefined }, "AssertionJtiMissing"],
        [{ jti: "" }, "AssertionJtiMissing"],
        [{ jti: 1 }, "AssertionJtiMissing"],
        [{ aud: undefined }, "AssertionAudienceMismatch"],
        [{ aud: null }, "AssertionAudienceMismatch"]
      ]
      for (const [claims, answer] of rows) {
        const attempt = present(yield* assertionOf(id, key, claims))
        if (answer === undefined) yield* accepts(attempt, client)
        else assert.strictEqual(yield* refusalOf(attempt), `InvalidClient ${answer}`, JSON.stringify(claims))
      }
    })
  )

  it.effect("rfc7523bis: the audience is the issuer alone; other shapes only by the client's own exemption", () =>
    Effect.gen(function* () {
      const key = yield* makeKey("ES256")
      const strict = yield* withKeys([key.jwk])
      const exempt = yield* withKeys([key.jwk], { dangerouslyAllowEndpointAudience: true })
      const rows: ReadonlyArray<readonly [aud: unknown, strict: boolean, exempt: boolean]> = [
        [testIssuer, true, true],
        [[testIssuer], false, true],
        [`${testIssuer}/token`, false, true],
        [`${testIssuer}/revoke`, false, true],
        [`${testIssuer}/introspect`, false, true],
        [[testIssuer, `${testIssuer}/token`], false, true],
        [`${testIssuer}/`, false, false],
        [`${testIssuer}/authorize`, false, false],
        ["https://ISSUER.example", false, false],
        ["https://another.example", false, false],
        [["https://another.example"], false, false],
        [[testIssuer, "https://another.example"], false, false],
        [[testIssuer, 1], false, false],
        [[[testIssuer]], false, false],
        [[], false, false],
        [{ 0: testIssuer }, false, false],
        ["", false, false]
      ]
      for (const [aud, ...answers] of rows) {
        for (const [at, client] of [strict, exempt].entries()) {
          const attempt = present(yield* assertionOf(client.clientId, key, { aud }))
          if (answers[at]) yield* accepts(attempt, client)
          else yield* refuses(attempt, "InvalidClient AssertionAudienceMismatch")
        }
      }
    })
  )

  it.effect("RFC 8725 §3.11: a typ is that of a client assertion, or not there", () =>
    Effect.gen(function* () {
      const key = yield* makeKey("ES256")
      const client = yield* withKeys([key.jwk])
      for (const typ of ["JWT", "jwt", "client-authentication+jwt", "application/client-authentication+JWT"]) {
        yield* accepts(present(yield* assertionOf(client.clientId, key, {}, { typ })), client)
      }
      for (const typ of ["at+jwt", "logout+jwt", "dpop+jwt", "oauth-authz-req+jwt", "secevent+jwt", "JOSE", ""]) {
        yield* refuses(
          present(yield* assertionOf(client.clientId, key, {}, { typ })),
          "InvalidClient AssertionTypNotAllowed"
        )
      }
    })
  )

  it.effect("OpenID Connect Core §9: a jti authenticates once, however many ask at the same time", () =>
    Effect.gen(function* () {
      const key = yield* makeKey("ES256")
      const [client, other] = [yield* withKeys([key.jwk]), yield* withKeys([key.jwk])]
      const assertion = yield* assertionOf(client.clientId, key, { jti: "the one" })
      const outcomes = yield* Effect.all(
        Array.from({ length: 10 }, () => Effect.exit(present(assertion))),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(outcomes.filter((exit) => exit._tag === "Success").length, 1)
      const again = yield* assertionOf(client.clientId, key, { jti: "the one" })
      yield* refuses(present(again), "InvalidClient AssertionReplayed")
      // The jti is the client's own: nobody can use up another's.
      yield* accepts(present(yield* assertionOf(other.clientId, key, { jti: "the one" })), other)
    })
  )

  it.effect("a refused assertion uses up nothing", () =>
    Effect.gen(function* () {
      const [key, foreign] = [yield* makeKey("ES256"), yield* makeKey("ES256")]
      const client = yield* withKeys([key.jwk])
      const claims = { jti: "kept" }
      yield* refuses(
        present(yield* assertionOf(client.clientId, foreign, claims)),
        "InvalidClient AssertionSignatureMismatch"
      )
      yield* refuses(
        present(yield* assertionOf(client.clientId, key, { ...claims, aud: "https://another.example" })),
        "InvalidClient AssertionAudienceMismatch"
      )
      yield* ClientStore.use((clients) => clients.put({ ...client, disabled: true }))
      const assertion = yield* assertionOf(client.clientId, key, claims)
      yield* refuses(present(assertion), "InvalidClient ClientDisabled")
      yield* ClientStore.use((clients) => clients.put(client))
      yield* accepts(present(assertion), client)
    })
  )

  it.effect("RFC 7521 §4.2: type and assertion together, of one client, beside no other method", () =>
    Effect.gen(function* () {
      const key = yield* makeKey("ES256")
      const client = yield* withKeys([key.jwk])
      const assertion = yield* assertionOf(client.clientId, key)
      yield* refuses(
        present(assertion, { client_assertion_type: undefined }),
        "InvalidRequest ParameterMissing client_assertion_type"
      )
      yield* refuses(
        present(assertion, { client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:saml2-bearer" }),
        "InvalidClient AssertionTypeUnknown"
      )
      yield* refuses(present(assertion, { client_id: "another" }), "InvalidRequest ClientIdConflict client_id")
      yield* refuses(present(assertion, { client_secret: "x" }), "InvalidRequest TwoClientAuthenticationMethods")
      yield* accepts(present(assertion, { client_assertion_type: jwtBearer }), client)
    })
  )

  it.effect("what is no compact JWT in its one spelling is refused", () =>
    Effect.gen(function* () {
      const key = yield* makeKey("ES256")
      const client = yield* withKeys([key.jwk])
      const assertion = yield* assertionOf(client.clientId, key)
      const [header, payload, signature] = assertion.split(".") as [string, string, string]
      const encoded = (text: string) => Base64Url.encode(new TextEncoder().encode(text))
      for (const malformed of [
        "a.b.c",
        "..",
        `${header}.${payload}`,
        `${header}.${payload}.`,
        `${assertion}.`,
        `${assertion}=`,
        `${assertion}${"A".repeat(20_000)}`,
        `${header}.${encoded("[]")}.${signature}`,
        `${header}.${encoded("null")}.${signature}`,
        `${header}.${encoded(`{"sub":"a","sub":"${client.clientId}"}`)}.${signature}`,
        `${header}.${payload.slice(0, -1)}!.${signature}`
      ]) {
        yield* refuses(present(malformed), "InvalidClient AssertionMalformed")
      }
    })
  )

  it.effect("RFC 7518 §3.2: a secret makes only the MACs that it is long enough for", () =>
    Effect.gen(function* () {
      const text = secret.slice(0, 48)
      const client = yield* withSecret(text)
      for (const algorithm of ["HS256", "HS384"]) {
        yield* accepts(present(yield* assertionOf(client.clientId, macKey(algorithm, text))), client)
      }
      yield* refuses(
        present(yield* assertionOf(client.clientId, macKey("HS512", text))),
        "InvalidClient AssertionSignatureMismatch"
      )
    })
  )

  it.effect("OpenID Connect Core §9: an unknown client, a wrong secret and another method cost the same", () =>
    Effect.gen(function* () {
      const [client, basic] = [yield* withSecret(), yield* register(aClient())]
      const disabled = yield* withSecret(secret, { disabled: true })
      const costs: Array<readonly [string, number]> = []
      for (const clientId of ["unknown", client.clientId, basic.clientId, disabled.clientId]) {
        const assertion = yield* assertionOf(clientId, macKey("HS256", "wrong".repeat(10)))
        yield* Ref.set(opened, 0)
        const answer = yield* refusalOf(present(assertion))
        costs.push([answer, yield* Ref.get(opened)])
      }
      assert.deepStrictEqual(costs, [
        ["InvalidClient ClientUnknown", 1],
        ["InvalidClient AssertionSignatureMismatch", 1],
        ["InvalidClient MethodNotRegistered", 1],
        ["InvalidClient ClientDisabled", 1]
      ])
    })
  )
})
