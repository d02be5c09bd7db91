import { assert, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Base64Url } from "effect/encoding"
import { TestClock } from "effect/testing"
import { readRequestObject, requestObjectAlgorithms } from "../../src/authorization-request/requestObject.ts"
import type { Client } from "../../src/client/Client.ts"
import type { Jwk } from "../../src/client/Jwks.ts"
import { RemoteJwks, RemoteJwksUnavailable } from "../../src/client/RemoteJwks.ts"
import { hashToken } from "../../src/crypto/Crypto.ts"
import { ContentEncryption, EncryptionAlgorithm } from "../../src/oauth/Metadata.ts"
import { aClient, register, testIssuer } from "../../src/testing/fixtures.ts"
import * as Server from "../../src/testing/TestServer.ts"
import { macKey, makeKey, signed } from "../client/assertions.ts"
import { refusalOf, refuses } from "../support.ts"
import { claimsOf, encryptedTo, objectOf } from "./requestObjects.ts"

type Members = Readonly<Record<string, unknown>>

const secret = "a-secret-of-sixty-four-octets-so-that-every-mac-may-be-made-with-it"
const es256 = await Effect.runPromise(makeKey("ES256"))
const encoded = (text: string) => Base64Url.encode(new TextEncoder().encode(text))
const refused = (reason: string) => `InvalidRequestObject ${reason}`

/** A client whose objects `es256` signs. */
const aSigner = (metadata: Client["metadata"] = {}) =>
  register(aClient({ metadata: { jwks: { keys: [es256.jwk] }, ...metadata } }))

const parametersIn = (client: Client, text: string) =>
  Effect.map(readRequestObject(client, text), ({ parameters }) => Object.fromEntries(parameters))

/** What reading an object with these claims comes to: `undefined`, or the reason. */
const outcome = Effect.fnUntraced(function* (client: Client, claims: Members, header: Members = {}) {
  const result = yield* Effect.result(readRequestObject(client, yield* objectOf(client, es256, claims, header)))
  if (result._tag === "Success") return undefined
  return result.failure._tag === "InvalidRequestObject" ? result.failure.reason : result.failure._tag
})

layer(Server.layer({ encryptionAlgorithms: EncryptionAlgorithm.literals }))("request objects", (it) => {
  it.effect.each(requestObjectAlgorithms)("RFC 9101 §6.2: a request object signed by %s is read", (algorithm) =>
    Effect.gen(function* () {
      const isMac = algorithm.startsWith("HS")
      const key = isMac ? macKey(algorithm, secret) : yield* makeKey(algorithm)
      const client = yield* isMac
        ? register(aClient({ tokenEndpointAuthMethod: "client_secret_jwt" }), secret)
        : register(aClient({ metadata: { jwks: { keys: [key.jwk] } } }))
      const read = yield* parametersIn(client, yield* objectOf(client, key))
      assert.deepStrictEqual(read, { client_id: [client.clientId], response_type: ["code"], scope: ["openid"] })
      // Another key of the same kind is not the client's.
      const other = isMac ? macKey(algorithm, `${secret.slice(0, -1)}!`) : yield* makeKey(algorithm)
      yield* refuses(readRequestObject(client, yield* objectOf(client, other)), refused("ObjectSignatureMismatch"))
    })
  )

  it.effect("RFC 9101 §4: every member is a parameter, of its own type; the JWT's own claims are none", () =>
    Effect.gen(function* () {
      const client = yield* aSigner()
      const claims = { id_token: { acr: { essential: true, values: ["a"] } } }
      const details = [{ type: "payment", amount: "1.00" }]
      const text = yield* objectOf(client, es256, {
        sub: "somebody",
        nbf: 0,
        iat: 0,
        jti: "one",
        max_age: 300,
        state: "",
        claims,
        authorization_details: details,
        registration: {},
        resource: ["https://a.example", "https://b.example"],
        dpop_jkt: "x",
        nonce: "ñ☃𝄞",
        constructor: "a name like any other",
        flag: true
      })
      assert.deepStrictEqual(yield* parametersIn(client, text), {
        client_id: [client.clientId],
        response_type: ["code"],
        scope: ["openid"],
        max_age: ["300"],
        state: [""],
        claims: [JSON.stringify(claims)],
        authorization_details: [JSON.stringify(details)],
        registration: ["{}"],
        resource: ["https://a.example", "https://b.example"],
        dpop_jkt: ["x"],
        nonce: ["ñ☃𝄞"],
        constructor: ["a name like any other"],
        flag: ["true"]
      })
      const one = yield* objectOf(client, es256, { resource: "https://a.example", claims: "{}", max_age: "0" })
      const read = yield* parametersIn(client, one)
      assert.deepStrictEqual(
        [read["resource"], read["claims"], read["max_age"]],
        [["https://a.example"], ["{}"], ["0"]]
      )
    })
  )

  it.effect("RFC 9101 §4: a member that can be no parameter, and text that is none, are refused", () =>
    Effect.gen(function* () {
      const client = yield* aSigner()
      const rows: ReadonlyArray<readonly [claims: Members, reason: string]> = [
        [{ scope: ["openid"] }, "ObjectMemberMalformed scope"],
        [{ redirect_uri: { a: 1 } }, "ObjectMemberMalformed redirect_uri"],
        [{ state: null }, "ObjectMemberMalformed state"],
        [{ claims: null }, "ObjectMemberMalformed claims"],
        [{ resource: ["https://a.example", 1] }, "ObjectMemberMalformed resource"],
        [{ resource: [["https://a.example"]] }, "ObjectMemberMalformed resource"],
        [{ resource: { 0: "https://a.example" } }, "ObjectMemberMalformed resource"],
        [{ state: "a\0b" }, "ObjectMalformed"],
        [{ claims: { id_token: { "a\0": null } } }, "ObjectMalformed"],
        [{ resource: ["https://a.example/\0"] }, "ObjectMalformed"],
        [{ max_age: 2 ** 53 }, "ObjectMalformed"]
      ]
      for (const [claims, reason] of rows) {
        yield* refuses(readRequestObject(client, yield* objectOf(client, es256, claims)), refused(reason))
      }
      for (const json of [
        `{"state":"\\ud800","iss":"${client.clientId}"}`,
        `{"scope":"a","scope":"b"}`,
        `{"scope":"a","sc\\u006fpe":"b"}`,
        "[]",
        '"text"'
      ]) {
        const [header, , signature] = (yield* objectOf(client, es256)).split(".")
        const text = `${header}.${encoded(json)}.${signature}`
        yield* refuses(readRequestObject(client, text), refused("ObjectMalformed"))
      }
    })
  )

  it.effect("RFC 9101 §5, §10.8: every claim counts, and is refused in this order", () =>
    Effect.gen(function* () {
      const client = yield* aSigner()
      const id = client.clientId
      yield* TestClock.setTime(1_800_000_000_000)
      const now = 1_800_000_000
      const rows: ReadonlyArray<readonly [claims: Members, reason: string | undefined]> = [
        [{}, undefined],
        [{ iss: undefined }, "ObjectIssuerMismatch"],
        [{ iss: "another" }, "ObjectIssuerMismatch"],
        [{ iss: [id] }, "ObjectIssuerMismatch"],
        [{ aud: undefined }, "ObjectAudienceMismatch"],
        [{ aud: "https://another.example" }, "ObjectAudienceMismatch"],
        [{ aud: `${testIssuer}/` }, "ObjectAudienceMismatch"],
        [{ aud: `${testIssuer}/authorize` }, "ObjectAudienceMismatch"],
        [{ aud: [] }, "ObjectAudienceMismatch"],
        [{ aud: [[testIssuer]] }, "ObjectAudienceMismatch"],
        [{ aud: { 0: testIssuer } }, "ObjectAudienceMismatch"],
        [{ aud: [testIssuer] }, undefined],
        [{ aud: ["https://another.example", testIssuer] }, undefined],
        [{ exp: undefined }, "ObjectExpired"],
        [{ exp: null }, "ObjectExpired"],
        [{ exp: String(now + 60) }, "ObjectExpired"],
        [{ exp: 9e15 }, "ObjectExpired"],
        [{ exp: -9e15 }, "ObjectExpired"],
        [{ exp: now - 30 }, "ObjectExpired"],
        [{ exp: now - 29.999 }, undefined],
        [{ exp: 8_639_000_000_000, jti: undefined }, undefined],
        [{ exp: 8_639_000_000_000, jti: "for ever" }, "ObjectLifetimeTooLong"],
        [{ nbf: now + 30 }, undefined],
        [{ nbf: now + 30.001 }, "ObjectNotYetValid"],
        [{ nbf: String(now) }, "ObjectNotYetValid"],
        [{ nbf: null }, "ObjectNotYetValid"],
        [{ nbf: 0 }, undefined],
        [{ iat: now + 30 }, undefined],
        [{ iat: now + 30.001 }, "ObjectNotYetValid"],
        [{ iat: "then" }, "ObjectNotYetValid"],
        [{ jti: "" }, "ObjectMemberMalformed"],
        [{ jti: 1 }, "ObjectMemberMalformed"],
        [{ sub: id }, "ObjectSubjectIsClient"],
        [{ sub: "somebody" }, undefined],
        [{ request: "x" }, "ObjectNested"],
        [{ request: null }, "ObjectNested"],
        [{ request_uri: "https://client.example/request" }, "ObjectNested"],
        [{ client_id: undefined }, "ObjectClientIdMismatch"],
        [{ client_id: "another" }, "ObjectClientIdMismatch"],
        [{ client_id: [id] }, "ObjectClientIdMismatch"]
      ]
      for (const [claims, reason] of rows) {
        assert.strictEqual(yield* outcome(client, claims), reason, JSON.stringify(claims))
      }
      // Each of them with everything after it wrong too.
      const wrong: ReadonlyArray<readonly [claims: Members, reason: string]> = [
        [{ iss: "another" }, "ObjectIssuerMismatch"],
        [{ aud: "another" }, "ObjectAudienceMismatch"],
        [{ exp: 0 }, "ObjectExpired"],
        [{ nbf: now + 31 }, "ObjectNotYetValid"],
        [{ jti: 7 }, "ObjectMemberMalformed"],
        [{ sub: id }, "ObjectSubjectIsClient"],
        [{ request: "x" }, "ObjectNested"],
        [{ client_id: "another" }, "ObjectClientIdMismatch"],
        [{ scope: [] }, "ObjectMemberMalformed"]
      ]
      for (const [at, [, reason]] of wrong.entries()) {
        const claims = Object.assign({}, ...wrong.slice(at).map(([each]) => each)) as Members
        assert.strictEqual(yield* outcome(client, claims), reason)
      }
    })
  )

  it.effect("RFC 9101 §10.2: an object with jti is remembered until it is surely over; one without is not", () =>
    Effect.gen(function* () {
      const [client, other] = [yield* aSigner(), yield* aSigner()]
      yield* TestClock.setTime(1_800_000_000_000)
      const read = (owner: Client, claims: Members) =>
        Effect.flatMap(objectOf(owner, es256, claims), (text) => readRequestObject(owner, text))
      const { object } = yield* read(client, { jti: "one", exp: 1_800_000_060 })
      assert.strictEqual(object?.jtiHash, yield* hashToken(JSON.stringify([client.clientId, "one"])))
      assert.strictEqual(object?.until.epochMilliseconds, 1_800_000_090_000)
      assert.notStrictEqual((yield* read(other, { jti: "one" })).object?.jtiHash, object?.jtiHash)
      assert.isUndefined((yield* read(client, {})).object)
    })
  )

  it.effect("RFC 8725 §3.11, RFC 9101 §10.8: typ is that of a request object, of any JWT, or not there", () =>
    Effect.gen(function* () {
      const client = yield* aSigner()
      for (const typ of ["JWT", "jwt", "oauth-authz-req+jwt", "application/OAuth-Authz-Req+JWT", "Application/jwt"]) {
        assert.isUndefined(yield* outcome(client, {}, { typ }), typ)
      }
      for (const typ of ["client-authentication+jwt", "at+jwt", "dpop+jwt", "logout+jwt", "JOSE", ""]) {
        assert.strictEqual(yield* outcome(client, {}, { typ }), "ObjectTypNotAllowed", typ)
      }
    })
  )

  it.effect("RFC 9101 §10.2, OpenID Connect Core §6.1: an object by alg none is not supported, encrypted or not", () =>
    Effect.gen(function* () {
      const client = yield* aSigner()
      const [, payload, signature] = (yield* objectOf(client, es256)).split(".")
      const none = encoded('{"alg":"none"}')
      for (const text of [`${none}.${payload}.`, `${none}.${payload}.${signature}`, `${none}.e30.`]) {
        yield* refuses(readRequestObject(client, text), "RequestNotSupported RequestObjectUnsigned")
        const jwe = yield* encryptedTo(text, { alg: "ECDH-ES", enc: "A256GCM" })
        yield* refuses(readRequestObject(client, jwe), "RequestNotSupported RequestObjectUnsigned")
      }
      for (const alg of ["None", "", "HS1", "ES256K", "RSA-OAEP", "dir", 1, null, ["ES256"]]) {
        const text = `${encoded(JSON.stringify({ alg }))}.${payload}.${signature}`
        yield* refuses(readRequestObject(client, text), refused("ObjectAlgorithmNotAllowed"))
      }
    })
  )

  it.effect("RFC 8725 §2.1: a public key is no secret, and a key in the header is nobody's", () =>
    Effect.gen(function* () {
      const client = yield* aSigner()
      const foreign = yield* makeKey("ES256")
      const confused = macKey("HS256", JSON.stringify(es256.jwk))
      yield* refuses(readRequestObject(client, yield* objectOf(client, confused)), refused("ObjectSignatureMismatch"))
      const text = yield* objectOf(client, foreign, {}, { jwk: foreign.jwk, jku: "https://attacker.example/jwks" })
      yield* refuses(readRequestObject(client, text), refused("ObjectSignatureMismatch"))
      const none = yield* register(aClient())
      yield* refuses(readRequestObject(none, yield* objectOf(none, es256)), refused("ObjectKeyUnknown"))
    })
  )

  it.effect("RFC 7517 §4: use, alg, key_ops and kid of a registered key are honoured", () =>
    Effect.gen(function* () {
      const rows: ReadonlyArray<readonly [members: Jwk, kid: unknown, reason: string | undefined]> = [
        [{ use: "sig", alg: "ES256", key_ops: ["verify"], kid: "a" }, "a", undefined],
        [{ kid: "a" }, undefined, undefined],
        [{ use: "enc" }, undefined, "ObjectKeyUnknown"],
        [{ alg: "ES384" }, undefined, "ObjectKeyUnknown"],
        [{ key_ops: ["sign"] }, undefined, "ObjectKeyUnknown"],
        [{ kid: "a" }, "b", "ObjectKeyUnknown"]
      ]
      for (const [members, kid, reason] of rows) {
        const client = yield* aSigner({ jwks: { keys: [{ ...es256.jwk, ...members }] } })
        assert.strictEqual(yield* outcome(client, {}, kid === undefined ? {} : { kid }), reason)
      }
      const client = yield* aSigner()
      const [, payload, signature] = (yield* objectOf(client, es256)).split(".")
      for (const header of ['{"alg":"ES256","kid":1}', '{"alg":"ES256","crit":["b64"],"b64":false}']) {
        yield* refuses(
          readRequestObject(client, `${encoded(header)}.${payload}.${signature}`),
          refused("ObjectMalformed")
        )
      }
    })
  )

  it.effect("RFC 9101 §10.1: request_object_signing_alg names the one algorithm the client uses", () =>
    Effect.gen(function* () {
      const ps256 = yield* makeKey("PS256")
      const jwks = { keys: [es256.jwk, ps256.jwk] }
      const client = yield* register(aClient({ metadata: { jwks, request_object_signing_alg: "PS256" } }))
      yield* readRequestObject(client, yield* objectOf(client, ps256))
      yield* refuses(readRequestObject(client, yield* objectOf(client, es256)), refused("ObjectAlgorithmNotAllowed"))
    })
  )

  it.effect("RFC 9101 §6.1: nested encryption by every algorithm and content encryption", () =>
    Effect.gen(function* () {
      const client = yield* aSigner()
      const text = yield* objectOf(client, es256)
      for (const alg of EncryptionAlgorithm.literals) {
        for (const enc of ContentEncryption.literals) {
          const read = yield* parametersIn(client, yield* encryptedTo(text, { alg, enc }))
          assert.deepStrictEqual(read["scope"], ["openid"])
        }
      }
      // What was encrypted is judged as anything else; and nothing is encrypted twice.
      const jwe = (inner: string) => encryptedTo(inner, { alg: "ECDH-ES", enc: "A256GCM" })
      const foreign = yield* objectOf(client, yield* makeKey("ES256"))
      yield* refuses(readRequestObject(client, yield* jwe(foreign)), refused("ObjectSignatureMismatch"))
      yield* refuses(readRequestObject(client, yield* jwe(yield* jwe(text))), refused("ObjectMalformed"))
      yield* refuses(readRequestObject(client, yield* jwe("no JWT")), refused("ObjectMalformed"))
      const [header, key, iv, content, tag] = (yield* jwe(text)).split(".") as [string, string, string, string, string]
      for (const bent of [
        `${header}.${key}.${iv}.${content}.${tag.slice(0, -2)}AA`,
        `${header}.AAAA.${iv}.${content}.${tag}`,
        `${header}.${key}.${iv}.${content}.${tag}=`,
        `e30.${key}.${iv}.${content}.${tag}`,
        "...."
      ]) {
        yield* refuses(readRequestObject(client, bent), refused("ObjectNotDecryptable"))
      }
    })
  )

  it.effect("OpenID Connect Registration §2: what a client registered to encrypt by, it encrypts by", () =>
    Effect.gen(function* () {
      const client = yield* aSigner({
        request_object_encryption_alg: "ECDH-ES",
        request_object_encryption_enc: "A256GCM"
      })
      const text = yield* objectOf(client, es256)
      yield* refuses(readRequestObject(client, text), refused("ObjectNotEncrypted"))
      yield* readRequestObject(client, yield* encryptedTo(text, { alg: "ECDH-ES", enc: "A256GCM" }))
      for (const other of [
        { alg: "RSA-OAEP-256", enc: "A256GCM" },
        { alg: "ECDH-ES", enc: "A128GCM" }
      ] as const) {
        const jwe = yield* encryptedTo(text, other)
        yield* refuses(readRequestObject(client, jwe), refused("ObjectAlgorithmNotAllowed"))
      }
    })
  )

  it.effect("RFC 9101 §4: large claims are read, up to a size that is honest", () =>
    Effect.gen(function* () {
      const client = yield* aSigner()
      const text = (length: number) => objectOf(client, es256, { state: "x".repeat(length) })
      const overhead = (yield* text(0)).length
      const most = Math.floor(((49_152 - overhead) * 3) / 4) - 2
      const read = yield* readRequestObject(client, yield* text(most))
      assert.strictEqual(read.parameters.get("state")![0]!.length, most)
      yield* refuses(readRequestObject(client, yield* text(most + 6)), refused("ObjectMalformed"))
      for (const malformed of ["", "x", "a.b.c", "..", "a.b", "a.b.c.d", `${yield* text(0)}=`]) {
        yield* refuses(readRequestObject(client, malformed), refused("ObjectMalformed"))
      }
    })
  )

  it.effect("everything at once: shape, encryption, algorithm, typ and signature are refused before any claim", () =>
    Effect.gen(function* () {
      const client = yield* aSigner({ request_object_signing_alg: "ES256" })
      const foreign = yield* makeKey("ES256")
      const ps256 = yield* makeKey("PS256")
      const bad = { iss: "another", exp: 0 }
      const answers = [
        yield* refusalOf(readRequestObject(client, yield* objectOf(client, ps256, bad, { typ: "at+jwt" }))),
        yield* refusalOf(readRequestObject(client, yield* objectOf(client, foreign, bad, { typ: "at+jwt" }))),
        yield* refusalOf(readRequestObject(client, yield* objectOf(client, foreign, bad)))
      ]
      assert.deepStrictEqual(answers, [
        refused("ObjectAlgorithmNotAllowed"),
        refused("ObjectTypNotAllowed"),
        refused("ObjectSignatureMismatch")
      ])
    })
  )

  it.effect(
    "FAPI 2.0 Message Signing §5.3.1: nbf is there, at most 60 minutes ago and before exp; no other algorithms",
    () =>
      Effect.gen(function* () {
        const client = yield* aSigner({ security_profile: "fapi_2_0_message_signing" })
        yield* TestClock.setTime(1_800_000_000_000)
        const now = 1_800_000_000
        const rows: ReadonlyArray<readonly [claims: Members, reason: string | undefined]> = [
          [{}, "ObjectNotBeforeMissing"],
          [{ nbf: now }, undefined],
          [{ nbf: now, exp: now + 3600 }, undefined],
          [{ nbf: now, exp: now + 3600.5 }, "ObjectLifetimeTooLong"],
          [{ nbf: now - 3600, exp: now }, undefined],
          [{ nbf: now - 3601, exp: now - 1 }, "ObjectTooOld"],
          [{ nbf: now + 10, exp: now + 60 }, undefined],
          [{ nbf: now + 60, exp: now + 90 }, "ObjectNotYetValid"]
        ]
        for (const [claims, reason] of rows) {
          assert.strictEqual(yield* outcome(client, claims), reason, JSON.stringify(claims))
        }
        const rs256 = yield* makeKey("RS256")
        const old = yield* register(aClient({ metadata: { ...client.metadata, jwks: { keys: [rs256.jwk] } } }))
        yield* refuses(
          readRequestObject(old, yield* objectOf(old, rs256, { nbf: now })),
          refused("ObjectAlgorithmNotAllowed")
        )
      })
  )
})

/** A publisher of one key, which is asked for the `kid` of the object; away at any other address. */
const published = Layer.succeed(
  RemoteJwks,
  RemoteJwks.of({
    keys: (uri, kid) =>
      uri === "https://client.example/jwks"
        ? Effect.succeed([{ ...es256.jwk, kid: kid ?? "none" }])
        : Effect.fail(new RemoteJwksUnavailable({ uri, because: "away" }))
  })
)

layer(Server.layer())("request objects of clients that publish their keys", (it) => {
  it.effect("RFC 9101 §6.2: keys by jwks_uri, the one that kid names; inline keys win; away is a refusal", () =>
    Effect.gen(function* () {
      const client = yield* register(aClient({ metadata: { jwks_uri: "https://client.example/jwks" } }))
      assert.isUndefined(yield* outcome(client, {}))
      assert.isUndefined(yield* outcome(client, {}, { kid: "a" }))
      const away = yield* register(aClient({ metadata: { jwks_uri: "https://away.example/jwks" } }))
      assert.strictEqual(yield* outcome(away, {}), "ObjectKeysUnavailable")
      const inline = yield* register(
        aClient({ metadata: { jwks: { keys: [] }, jwks_uri: "https://client.example/jwks" } })
      )
      assert.strictEqual(yield* outcome(inline, {}), "ObjectKeyUnknown")
    }).pipe(Effect.provide(published))
  )

  it.effect("RFC 9101 §6.1: nothing can be encrypted to an issuer that has no key for it", () =>
    Effect.gen(function* () {
      const client = yield* aSigner()
      const text = yield* signed(yield* claimsOf(client.clientId), es256)
      const [header, key] = [encoded('{"alg":"ECDH-ES","enc":"A256GCM","epk":{}}'), ""]
      yield* refuses(readRequestObject(client, `${header}.${key}.AAAA.AAAA.AAAA`), refused("ObjectNotDecryptable"))
      yield* readRequestObject(client, text)
    })
  )
})
