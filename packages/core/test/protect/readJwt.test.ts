import { assert, it } from "@effect/vitest"
import { DateTime, Effect, Layer } from "effect"
import { Base64Url } from "effect/encoding"
import { TestClock } from "effect/testing"
import * as jose from "jose"
import { Crypto, encode } from "../../src/crypto/Crypto.ts"
import * as Jwt from "../../src/jose/Jwt.ts"
import { AccessTokenReader } from "../../src/protect/AccessTokenReader.ts"
import { confirmElsewhere } from "../../src/protect/confirm.ts"
import { ProtectedResource } from "../../src/protect/ProtectedResource.ts"
import { readJwt } from "../../src/protect/readJwt.ts"
import { proofAlgorithms } from "../../src/proof/dpop.ts"
import { metadataUrl, resourceMetadata } from "../../src/protect/resourceMetadata.ts"
import { verifyAccessToken } from "../../src/protect/verifyAccessToken.ts"
import type { SigningAlgorithm } from "../../src/oauth/Metadata.ts"
import { refuses } from "../support.ts"

const issuer = "https://issuer.example"
const resource = "https://api.example/v1"
const skew = 30

/** A key of somebody, and what they sign with it. */
const aKey = Effect.fnUntraced(function* (algorithm: SigningAlgorithm = "ES256") {
  const { kid, privateJwk, publicJwk } = yield* Jwt.generate(algorithm)
  const key = yield* Effect.promise(() => jose.importJWK(privateJwk, algorithm))
  const sign = (claims: object, header: Partial<jose.JWTHeaderParameters> = {}) =>
    Effect.promise(() =>
      new jose.CompactSign(encode(JSON.stringify(claims)))
        .setProtectedHeader({ alg: algorithm, kid, typ: "at+jwt", ...header })
        .sign(key)
    )
  return { kid, publicJwk, sign }
})
type Key = Effect.Success<ReturnType<typeof aKey>>

const claimsOf = (members: object = {}) => ({
  iss: issuer,
  sub: "alice",
  aud: resource,
  client_id: "app",
  scope: "read",
  iat: 0,
  exp: 600,
  jti: "1",
  ...members
})

/** A resource in another process than the issuer, which has published the keys. */
const verifyWith = (keys: ReadonlyArray<Key>, token: string) => {
  const published = keys.map((key) => key.publicJwk)
  const reader = Layer.effect(
    AccessTokenReader,
    Effect.map(confirmElsewhere({}), (confirm) => ({
      clockSkew: skew,
      confirm,
      read: (from, jwt) =>
        Effect.map(
          readJwt(from, jwt, () => Effect.succeed(published)),
          (facts) => ({ facts, client: undefined })
        )
    }))
  ).pipe(Layer.provide(Crypto.layer))
  return verifyAccessToken({ method: "GET", path: "/v1/notes", authorization: `Bearer ${token}` }).pipe(
    Effect.provide(Layer.merge(reader, ProtectedResource.layer({ issuer, identifier: resource, scopes: ["read"] }))),
    Effect.catchTag("IssuerUnavailable", Effect.die)
  )
}

it.effect("RFC 9068 §4: every claim and header member is held, and each one that is wrong is refused", () =>
  Effect.gen(function* () {
    const key = yield* aKey()
    const facts = yield* verifyWith(
      [key],
      yield* key.sign(
        claimsOf({ act: { sub: "bot" }, auth_time: 0, acr: "gold", authorization_details: [{ type: "pay" }] })
      )
    )
    assert.strictEqual(facts.subject, "alice")
    assert.deepStrictEqual(facts.act, { sub: "bot" })
    assert.strictEqual(facts.acr, "gold")
    assert.deepStrictEqual(facts.authorizationDetails, [{ type: "pay" }])
    assert.isTrue(DateTime.Equivalence(facts.authTime!, DateTime.makeUnsafe(0)))

    const good: ReadonlyArray<readonly [claims: object, header?: object]> = [
      [{}],
      [{}, { typ: "application/at+jwt" }],
      [{}, { typ: "AT+JWT" }],
      [{ aud: ["https://other.example", resource] }],
      [{ aud: "https://API.example:443/v1" }],
      [{ scope: undefined }],
      [{ nbf: skew }],
      [{ exp: 600.5 }]
    ]
    for (const [claims, header] of good) yield* verifyWith([key], yield* key.sign(claimsOf(claims), header))

    const bad: ReadonlyArray<readonly [reason: string, claims: object, header?: object]> = [
      ["TokenTypeMismatch", {}, { typ: "JWT" }],
      ["TokenTypeMismatch", {}, { typ: undefined }],
      ["TokenTypeMismatch", {}, { typ: "logout+jwt" }],
      ["TokenTypeMismatch", {}, { typ: "at+jwt; x" }],
      ["SignatureMismatch", {}, { kid: "another" }],
      ["SignatureMismatch", {}, { kid: undefined }],
      ["IssuerMismatch", { iss: "https://evil.example" }],
      ["IssuerMismatch", { iss: `${issuer}/` }],
      ["IssuerMismatch", { iss: [issuer] }],
      ["IssuerMismatch", { iss: undefined }],
      ["AudienceMismatch", { aud: "https://other.example" }],
      ["AudienceMismatch", { aud: `${resource}/deeper` }],
      ["AudienceMismatch", { aud: [] }],
      ["AudienceMismatch", { aud: undefined }],
      ["TokenMalformed", { aud: 1 }],
      ["TokenMalformed", { sub: undefined }],
      ["TokenMalformed", { sub: "" }],
      ["TokenMalformed", { client_id: undefined }],
      ["TokenMalformed", { jti: undefined }],
      ["TokenMalformed", { iat: undefined }],
      ["TokenMalformed", { exp: undefined }],
      ["TokenMalformed", { exp: "600" }],
      ["TokenMalformed", { exp: 1e300 }],
      ["TokenMalformed", { exp: -1 }],
      ["TokenMalformed", { scope: ["read"] }],
      ["TokenMalformed", { authorization_details: [{ amount: 1 }] }],
      ["TokenMalformed", { authorization_details: "all" }],
      ["TokenNotYetValid", { nbf: skew + 1 }],
      ["SenderConstrained", { cnf: { jkt: "thumbprint" } }],
      ["CertificateMismatch", { cnf: { "x5t#S256": "thumbprint" } }],
      ["ConfirmationUnknown", { cnf: {} }],
      ["ConfirmationUnknown", { cnf: null }],
      ["ConfirmationUnknown", { cnf: "thumbprint" }],
      ["ConfirmationUnknown", { cnf: { jkt: "" } }],
      ["ConfirmationUnknown", { cnf: { jkt: ["thumbprint"] } }],
      ["ConfirmationUnknown", { cnf: { jwk: { kty: "OKP" } } }],
      ["ConfirmationUnknown", { cnf: { "x5t#S256": "thumbprint", kid: "1" } }]
    ]
    for (const [reason, claims, header] of bad) {
      yield* refuses(verifyWith([key], yield* key.sign(claimsOf(claims), header)), `InvalidToken ${reason}`)
    }
  })
)

it.effect("RFC 9068 §4: exp is over when it is over, by no more than the skew", () =>
  Effect.gen(function* () {
    const key = yield* aKey()
    const token = yield* key.sign(claimsOf())
    yield* TestClock.adjust("629 seconds")
    yield* verifyWith([key], token)
    yield* TestClock.adjust("1 second")
    yield* refuses(verifyWith([key], token), "InvalidToken TokenExpired")
  })
)

it.effect("RFC 8725 §3.1: the key decides the algorithm, and the issuer's published keys are the only ones", () =>
  Effect.gen(function* () {
    const ours = yield* Effect.forEach(["RS256", "PS256", "ES256", "ES384", "EdDSA", "Ed25519"] as const, (one) =>
      aKey(one)
    )
    for (const key of ours) yield* verifyWith(ours, yield* key.sign(claimsOf()))
    const stranger = yield* aKey()
    const rsa = ours[0]
    const part = (json: object) => Base64Url.encode(encode(JSON.stringify(json)))
    const hmac = yield* Effect.promise(() =>
      new jose.CompactSign(encode(JSON.stringify(claimsOf())))
        .setProtectedHeader({ alg: "HS256", kid: rsa.kid, typ: "at+jwt" })
        .sign(encode(JSON.stringify(rsa.publicJwk)))
    )
    const valid = yield* rsa.sign(claimsOf())
    const forged = [
      yield* stranger.sign(claimsOf()),
      yield* stranger.sign(claimsOf(), { kid: String(ours[2]?.kid) }),
      yield* stranger.sign(claimsOf(), { jwk: stranger.publicJwk, kid: stranger.kid }),
      yield* stranger.sign(claimsOf(), { jku: "https://evil.example/jwks", kid: stranger.kid }),
      hmac,
      `${part({ alg: "none", typ: "at+jwt", kid: rsa.kid })}.${part(claimsOf())}.AA`,
      `${valid.split(".")[0]}.${part(claimsOf({ sub: "mallory" }))}.${valid.split(".")[2]}`
    ]
    for (const token of forged) yield* refuses(verifyWith(ours, token), "InvalidToken SignatureMismatch")
    for (const token of [`${valid}.x`, valid.split(".").slice(0, 2).join("."), `${valid}=`, "a.b.c", "..", "x"]) {
      yield* refuses(verifyWith(ours, token), "InvalidToken TokenMalformed")
    }
  })
)

it.effect("RFC 9728 §2, §3: the document, and where it is for which identifier", () =>
  Effect.gen(function* () {
    const places: ReadonlyArray<readonly [identifier: string, url: string | undefined]> = [
      ["https://api.example", "https://api.example/.well-known/oauth-protected-resource"],
      ["https://api.example/", "https://api.example/.well-known/oauth-protected-resource"],
      ["https://api.example/v1", "https://api.example/.well-known/oauth-protected-resource/v1"],
      ["https://api.example/v1/", "https://api.example/.well-known/oauth-protected-resource/v1/"],
      ["https://api.example/v1?a=b", "https://api.example/.well-known/oauth-protected-resource/v1?a=b"],
      ["http://localhost:3001", "http://localhost:3001/.well-known/oauth-protected-resource"],
      ["urn:example:api", undefined],
      ["api", undefined]
    ]
    for (const [identifier, url] of places) assert.strictEqual(metadataUrl(identifier)?.href, url)

    type Options = Parameters<typeof ProtectedResource.layer>[0]
    const document = (changes: Partial<Options> = {}, certificates?: boolean) =>
      resourceMetadata(certificates).pipe(
        Effect.provide(
          ProtectedResource.layer({ issuer, identifier: resource, scopes: [], name: "The API", ...changes })
        )
      )
    const everywhere = {
      resource,
      authorization_servers: [issuer],
      bearer_methods_supported: ["header"],
      resource_name: "The API"
    }
    const withDpop = { ...everywhere, dpop_signing_alg_values_supported: proofAlgorithms }
    assert.deepStrictEqual(yield* document(), withDpop)
    assert.deepStrictEqual(yield* document({ scopes: ["read"] }), { ...withDpop, scopes_supported: ["read"] })
    assert.deepStrictEqual(yield* document({ origins: [] }), everywhere)
    assert.deepStrictEqual(yield* document({ dpop: "required" }), {
      ...withDpop,
      dpop_bound_access_tokens_required: true
    })
    assert.deepStrictEqual(yield* document({}, true), {
      ...withDpop,
      tls_client_certificate_bound_access_tokens: true
    })
  })
)
