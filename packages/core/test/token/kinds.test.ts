import { assert, layer } from "@effect/vitest"
import { DateTime, Effect, Option } from "effect"
import * as jose from "jose"
import { authenticate } from "../../src/client/authenticate.ts"
import { introspectionResponse } from "../../src/introspection/introspect.ts"
import type { Payload } from "../../src/jose/Jwt.ts"
import { SigningKeys } from "../../src/key/SigningKeys.ts"
import { SigningAlgorithm } from "../../src/oauth/Metadata.ts"
import { aClient, aResource, form, register, testIssuer } from "../../src/testing/fixtures.ts"
import * as Server from "../../src/testing/TestServer.ts"
import { verifyAccessToken, verifyIdToken } from "../../src/token/verify.ts"
import { userinfoResponse } from "../../src/userinfo/userinfo.ts"

const algorithms = SigningAlgorithm.literals
const clientId = "a-client-with-our-keys"

/** Whether each verifier takes the JWT. The assertion's client has registered the issuer's own keys, of all keys. */
const verifiers = {
  "ID token": (jwt: string) => Effect.map(verifyIdToken(jwt), Option.isSome),
  "access token": (jwt: string) => Effect.map(verifyAccessToken(jwt), Option.isSome),
  userinfo: (jwt: string) =>
    SigningKeys.use((keys) => Effect.map(keys.verifyOwn(testIssuer, undefined, jwt), Option.isSome)),
  introspection: (jwt: string) =>
    SigningKeys.use((keys) => Effect.map(keys.verifyOwn(testIssuer, "token-introspection+jwt", jwt), Option.isSome)),
  assertion: (jwt: string) =>
    authenticate(
      form({
        client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        client_assertion: jwt,
        client_id: clientId
      }),
      { authorization: undefined }
    ).pipe(
      Effect.as(true),
      Effect.orElseSucceed(() => false)
    )
}
type Kind = keyof typeof verifiers
const kinds = Object.keys(verifiers) as ReadonlyArray<Kind>

const typs: Record<Kind, string | undefined> = {
  "ID token": "JWT",
  "access token": "at+jwt",
  userinfo: undefined,
  introspection: "token-introspection+jwt",
  assertion: "client-authentication+jwt"
}

let serial = 0
/** One payload for every kind: nothing but `typ` and, for an assertion, `iss` and `sub` tells them apart. */
const claimsOf = Effect.fnUntraced(function* (kind: Kind) {
  const now = Math.floor((yield* DateTime.now).epochMilliseconds / 1000)
  const who = kind === "assertion" ? { iss: clientId, sub: clientId } : { iss: testIssuer, sub: clientId }
  return {
    ...who,
    aud: testIssuer,
    client_id: clientId,
    iat: now,
    exp: now + 60,
    jti: `jti-${++serial}`,
    token_introspection: { active: true }
  } satisfies Payload
})

const ourKeys = Effect.gen(function* () {
  const { keys } = yield* SigningKeys.use((one) => one.jwks(testIssuer))
  return { keys: keys.filter((key) => key["alg"] !== undefined) }
})

const withOurKeys = Effect.gen(function* () {
  yield* register(aClient({ clientId, tokenEndpointAuthMethod: "private_key_jwt", metadata: { jwks: yield* ourKeys } }))
})

const mint = Effect.fnUntraced(function* (kind: Kind, algorithm: SigningAlgorithm) {
  const keys = yield* SigningKeys
  return yield* keys.sign(testIssuer, algorithm, typs[kind], yield* claimsOf(kind))
})

const header = (jwt: string, members: object) => {
  const [, payload, signature] = jwt.split(".")
  const changed = { ...jose.decodeProtectedHeader(jwt), ...members }
  return `${jose.base64url.encode(JSON.stringify(changed))}.${payload}.${signature}`
}

layer(Server.layer({ signingAlgorithms: algorithms }))("kinds of JWT", (it) => {
  for (const kind of kinds) {
    it.effect(`RFC 8725 §3.11: of all verifiers only its own takes the ${kind}, whatever signed it`, () =>
      Effect.gen(function* () {
        yield* withOurKeys
        for (const algorithm of algorithms) {
          for (const verifier of kinds) {
            const taken = yield* verifiers[verifier](yield* mint(kind, algorithm))
            assert.strictEqual(taken, verifier === kind, `${kind} by ${algorithm} at ${verifier}`)
          }
        }
      })
    )

    it.effect(`RFC 8725 §3.1: no other algorithm and no other key stands in for the one that signed the ${kind}`, () =>
      Effect.gen(function* () {
        yield* withOurKeys
        const { keys } = yield* ourKeys
        for (const algorithm of algorithms) {
          const jwt = yield* mint(kind, algorithm)
          const { kid } = jose.decodeProtectedHeader(jwt)
          const others = [
            ...[...algorithms, "none", "HS256", "RS512", "ES512"]
              .filter((one) => one !== algorithm)
              .map((alg) => ({ alg })),
            ...keys.filter((key) => key["kid"] !== kid).map((key) => ({ kid: key["kid"] })),
            ...keys.filter((key) => key["kid"] !== kid).map((key) => ({ kid: key["kid"], alg: key["alg"] })),
            { typ: "jwt" },
            { crit: ["exp"] }
          ]
          for (const members of others) {
            const forged = header(jwt, members)
            assert.isFalse(yield* verifiers[kind](forged), `${algorithm} as ${JSON.stringify(members)}`)
          }
        }
      })
    )

    it.effect(`RFC 8725 §2.1: a public key is no secret: the ${kind} is not verified by a MAC under it`, () =>
      Effect.gen(function* () {
        yield* withOurKeys
        const { keys } = yield* ourKeys
        const claims = yield* claimsOf(kind)
        for (const key of keys) {
          for (const secret of [JSON.stringify(key), (key["x"] ?? key["n"]) as string]) {
            const protectedHeader = {
              alg: "HS256",
              kid: key["kid"] as string,
              ...(typs[kind] === undefined ? {} : { typ: typs[kind] })
            }
            const forged = yield* Effect.promise(() =>
              new jose.CompactSign(new TextEncoder().encode(JSON.stringify(claims)))
                .setProtectedHeader(protectedHeader)
                .sign(new TextEncoder().encode(secret))
            )
            assert.isFalse(yield* verifiers[kind](forged))
          }
        }
      })
    )
  }

  it.effect("what the endpoints really answer is of these kinds", () =>
    Effect.gen(function* () {
      yield* withOurKeys
      const client = yield* register(aClient({ metadata: { userinfo_signed_response_alg: "PS256" } }))
      const { tokens } = yield* Server.obtainTokens(client, { scope: "openid" })
      const { header: credentials, parameters } = Server.credentialsOf(client)
      const userinfo = yield* userinfoResponse(
        { method: "GET", authorization: `Bearer ${tokens.access_token}` },
        form({})
      )
      const introspection = yield* introspectionResponse(
        form({ ...parameters, token: tokens.access_token }),
        credentials,
        true
      )
      const answers: Partial<Record<Kind, string>> = {
        "ID token": tokens.id_token!,
        userinfo: userinfo._tag === "Jwt" ? userinfo.jwt : "",
        introspection: introspection._tag === "Jwt" ? introspection.jwt : ""
      }
      for (const [kind, jwt] of Object.entries(answers)) {
        for (const verifier of kinds) {
          assert.strictEqual(yield* verifiers[verifier](jwt), verifier === kind, `${kind} at ${verifier}`)
        }
      }
    })
  )
})

const jwtApi = aResource({ identifier: "https://jwt.example", scopes: ["jwt.read"], accessTokenFormat: "jwt" })
layer(Server.layer({ resources: [jwtApi] }))("a JWT access token", (it) => {
  it.effect("RFC 9068 §4: is taken as an access token and as nothing else", () =>
    Effect.gen(function* () {
      yield* withOurKeys
      const client = yield* register(aClient())
      const { tokens } = yield* Server.obtainTokens(client, { scope: "jwt.read", resource: jwtApi.identifier })
      for (const verifier of kinds) {
        assert.strictEqual(yield* verifiers[verifier](tokens.access_token), verifier === "access token", verifier)
      }
    })
  )
})
