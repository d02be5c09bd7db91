import { assert, layer } from "@effect/vitest"
import { DateTime, Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as jose from "jose"
import { ClientStore } from "../../src/client/ClientStore.ts"
import { InsufficientUserAuthentication } from "../../src/oauth/OAuthError.ts"
import { AccessTokenReader, IssuerUnavailable } from "../../src/protect/AccessTokenReader.ts"
import { ProtectedResource } from "../../src/protect/ProtectedResource.ts"
import { isEnough, type Requirement, verifyAccessToken } from "../../src/protect/verifyAccessToken.ts"
import { revoke } from "../../src/revocation/revoke.ts"
import { aClient, aResource, form, register, testIssuer } from "../../src/testing/fixtures.ts"
import { TestHost } from "../../src/testing/TestHost.ts"
import * as Server from "../../src/testing/TestServer.ts"
import { refuses } from "../support.ts"

const { publicKey } = await jose.generateKeyPair("ECDH-ES", { extractable: true })
const jwks = { keys: [(await jose.exportJWK(publicKey)) as Readonly<Record<string, string>>] }
const formats = {
  opaque: aResource({ identifier: "https://opaque.example", scopes: ["read", "write"] }),
  jwt: aResource({ identifier: "https://jwt.example", scopes: ["read", "write"], accessTokenFormat: "jwt" }),
  encrypted: aResource({
    identifier: "https://encrypted.example",
    scopes: ["read", "write"],
    accessTokenFormat: "encrypted",
    encryption: { alg: "ECDH-ES", enc: "A128GCM", jwks }
  })
}
const services = Layer.provideMerge(
  AccessTokenReader.layerOwn,
  Server.layer({ resources: [...Object.values(formats), aResource({ identifier: "https://other.example" })] })
)

/** Verification at this resource; the issuer, which is this process, is never away. */
const at = (identifier: string, authorization: string | undefined, requirement?: Requirement) =>
  verifyAccessToken({ method: "GET", path: "/", authorization }, requirement).pipe(
    Effect.provide(ProtectedResource.layerRegistered({ issuer: testIssuer, identifier })),
    Effect.catchIf((error) => error instanceof IssuerUnavailable, Effect.die)
  )

const obtain = Effect.fnUntraced(function* (resource: string, scope = "openid read") {
  const client = yield* register(aClient())
  const { subject, tokens } = yield* Server.obtainTokens(client, { scope, resource })
  return { client, subject, token: tokens.access_token }
})

layer(services)("verifyAccessToken", (it) => {
  for (const [format, { identifier }] of Object.entries(formats)) {
    it.effect(`RFC 9068 §4, RFC 7662: what is known of a valid ${format} token`, () =>
      Effect.gen(function* () {
        const { client, subject, token } = yield* obtain(identifier)
        const now = yield* DateTime.now
        const { authTime, expiresAt, ...rest } = yield* at(identifier, `Bearer ${token}`, { scope: ["read"] })
        assert.deepStrictEqual(rest, {
          issuer: testIssuer,
          subject,
          account: subject,
          clientId: client.clientId,
          scope: ["read"],
          audience: [identifier],
          authorizationDetails: [],
          act: undefined,
          acr: undefined,
          cnf: undefined,
          notBefore: undefined
        } as unknown as typeof rest)
        assert.isTrue(DateTime.Equivalence(authTime!, now))
        assert.strictEqual(expiresAt.epochMilliseconds - now.epochMilliseconds, 600_000)
      })
    )

    it.effect(
      `RFC 6750 §3.1: a ${format} token that expired, was revoked or whose client was disabled is refused`,
      () =>
        Effect.gen(function* () {
          const first = yield* obtain(identifier)
          const { header, parameters } = Server.credentialsOf(first.client)
          yield* revoke(form({ ...parameters, token: first.token }), header)
          yield* refuses(at(identifier, `Bearer ${first.token}`), "InvalidToken TokenRevoked")

          const second = yield* obtain(identifier)
          yield* ClientStore.use((clients) => clients.put({ ...second.client, disabled: true }))
          yield* refuses(at(identifier, `Bearer ${second.token}`), "InvalidToken ClientDisabled")

          const third = yield* obtain(identifier)
          yield* TestClock.adjust("599 seconds")
          yield* at(identifier, `Bearer ${third.token}`)
          yield* TestClock.adjust("1 second")
          yield* refuses(at(identifier, `Bearer ${third.token}`), "InvalidToken TokenExpired")
        })
    )

    it.effect(`RFC 9068 §4: a ${format} token for another resource, or for the issuer alone, is refused`, () =>
      Effect.gen(function* () {
        const { token } = yield* obtain(identifier)
        yield* refuses(at("https://other.example", `Bearer ${token}`), "InvalidToken AudienceMismatch")
        const client = yield* register(aClient())
        const { tokens } = yield* Server.obtainTokens(client, { scope: "openid" })
        yield* refuses(at(identifier, `Bearer ${tokens.access_token}`), "InvalidToken AudienceMismatch")
      })
    )
  }

  it.effect("OpenID Connect Core §8: a pseudonym is the subject, and beside the issuer the person is known too", () =>
    Effect.gen(function* () {
      const { identifier } = formats.jwt
      const client = yield* register(aClient({ metadata: { subject_type: "pairwise" } }))
      const { subject, tokens } = yield* Server.obtainTokens(client, { scope: "openid read", resource: identifier })
      const token = yield* at(identifier, `Bearer ${tokens.access_token}`)
      assert.notStrictEqual(token.subject, subject)
      assert.strictEqual(token.account, subject)
    })
  )

  it.effect("RFC 6750 §2.1, RFC 9110 §11.1: the header, its scheme in any case, and one b64token", () =>
    Effect.gen(function* () {
      const { identifier } = formats.opaque
      const { token } = yield* obtain(identifier)
      for (const scheme of ["Bearer", "bearer", "BEARER", "Bearer  "]) yield* at(identifier, `${scheme} ${token}`)
      const rows: ReadonlyArray<readonly [authorization: string | undefined, refusal: string]> = [
        [undefined, "TokenMissing TokenMissing"],
        ["", "TokenMissing TokenMissing"],
        ["Basic YTpi", "TokenMissing TokenMissing"],
        [`DPoP ${token}`, "InvalidToken NotSenderConstrained"],
        [`Bearer${token}`, "TokenMissing TokenMissing"],
        [token, "TokenMissing TokenMissing"],
        ["Bearer", "InvalidRequest ParameterMalformed Authorization"],
        ["Bearer ", "InvalidRequest ParameterMalformed Authorization"],
        [`Bearer ${token} ${token}`, "InvalidRequest ParameterMalformed Authorization"],
        [`Bearer "${token}"`, "InvalidRequest ParameterMalformed Authorization"],
        [`Bearer ${token}, Bearer ${token}`, "InvalidRequest ParameterMalformed Authorization"],
        ["Bearer nobody-issued-this", "InvalidToken TokenUnknown"],
        [`Bearer ${"a".repeat(100_000)}`, "InvalidToken TokenUnknown"]
      ]
      for (const [authorization, refusal] of rows) yield* refuses(at(identifier, authorization), refusal)
    })
  )

  it.effect("RFC 6749 §1.5, OpenID Connect Core §2: neither a refresh token nor an ID token is an access token", () =>
    Effect.gen(function* () {
      const { identifier } = formats.jwt
      const client = yield* register(aClient())
      const scope = "openid offline_access read"
      const { tokens } = yield* Server.obtainTokens(client, { scope, resource: identifier, prompt: "consent" })
      yield* refuses(at(identifier, `Bearer ${tokens.refresh_token}`), "InvalidToken TokenUnknown")
      yield* refuses(at(identifier, `Bearer ${tokens.id_token}`), "InvalidToken SignatureMismatch")
    })
  )

  it.effect("RFC 6750 §3.1: every scope value that the route asks for is in the token", () =>
    Effect.gen(function* () {
      const { identifier } = formats.jwt
      const { token } = yield* obtain(identifier, "openid read")
      yield* at(identifier, `Bearer ${token}`, { scope: [] })
      for (const scope of [["write"], ["read", "write"], ["Read"], ["openid"]]) {
        yield* refuses(at(identifier, `Bearer ${token}`, { scope }), "InsufficientScope ScopeMissing")
      }
    })
  )

  it.effect("RFC 9470 §3: how and when the person authenticated is enough for the route, or is asked for", () =>
    Effect.gen(function* () {
      const { identifier } = formats.jwt
      const client = yield* register(aClient())
      const { browser, subject } = yield* Server.aSignedInBrowser()
      yield* TestHost.use((host) => host.signIn(subject, { browser: browser.name, acr: "silver" }))
      const request = yield* Server.authorizationRequest(client, { scope: "openid read", resource: identifier })
      const tokens = yield* Server.exchangeCode(client, yield* Server.obtainCode(browser, request))
      const authorization = `Bearer ${tokens.access_token}`
      yield* at(identifier, authorization, { acrValues: ["gold", "silver"], maxAge: 0 })
      const refused = yield* Effect.flip(
        at(identifier, authorization, { acrValues: ["gold", "platinum"], maxAge: 60, scope: ["read"] })
      )
      assert.deepStrictEqual(
        refused,
        new InsufficientUserAuthentication({
          reason: "AcrNotReached",
          acrValues: ["gold", "platinum"],
          maxAge: 60,
          scope: ["read"]
        })
      )
      yield* TestClock.adjust("61 seconds")
      yield* refuses(
        at(identifier, authorization, { maxAge: 60 }),
        "InsufficientUserAuthentication AuthenticationTooOld"
      )
      // What only the handler can know is asked there.
      const token = yield* at(identifier, authorization)
      yield* isEnough(token, { maxAge: 61 })
      yield* refuses(isEnough(token, { maxAge: 0 }), "InsufficientUserAuthentication AuthenticationTooOld")
    })
  )

  it.effect("RFC 9470 §3: where no person authenticated, no authentication is enough", () =>
    Effect.gen(function* () {
      const { identifier } = formats.jwt
      const client = yield* register(aClient({ grantTypes: ["client_credentials"], redirectUris: [] }))
      const { access_token } = yield* Server.requestToken(client, {
        grant_type: "client_credentials",
        scope: "read",
        resource: identifier
      })
      const machine = yield* at(identifier, `Bearer ${access_token}`, { scope: ["read"] })
      assert.strictEqual(machine.subject, client.clientId)
      assert.strictEqual(machine.authTime, undefined)
      yield* refuses(
        at(identifier, `Bearer ${access_token}`, { maxAge: 86_400 }),
        "InsufficientUserAuthentication AuthenticationTooOld"
      )
      yield* refuses(
        at(identifier, `Bearer ${access_token}`, { acrValues: ["gold"] }),
        "InsufficientUserAuthentication AcrNotReached"
      )
    })
  )
})
