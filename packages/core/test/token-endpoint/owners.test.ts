import { assert, layer } from "@effect/vitest"
import { Clock, Effect, Option } from "effect"
import * as jose from "jose"
import type { Client } from "../../src/client/Client.ts"
import { AssertionSubjects } from "../../src/host/AssertionSubjects.ts"
import { TokenExchangeValidator } from "../../src/host/TokenExchangeValidator.ts"
import { grant as jwtBearer } from "../../src/jwt-bearer/exchange.ts"
import { TrustedIssuerStore } from "../../src/jwt-bearer/TrustedIssuerStore.ts"
import { aClient, aPublicClient, aResource, register, testIssuer } from "../../src/testing/fixtures.ts"
import { TestHost } from "../../src/testing/TestHost.ts"
import * as Server from "../../src/testing/TestServer.ts"
import { supportedGrantTypes } from "../../src/token-endpoint/grants.ts"
import { ExchangeRuleStore } from "../../src/token-exchange/ExchangeRuleStore.ts"
import { tokenTypes } from "../../src/token-exchange/presentedToken.ts"

const api = aResource({ identifier: "https://api.example", scopes: ["read"] })
const idp = "https://idp.example"
const keys = await jose.generateKeyPair("ES256")
const jwks = { keys: [await jose.exportJWK(keys.publicKey)] } as unknown as null

const kinds = {
  basic: () => aClient({ grantTypes: supportedGrantTypes }),
  post: () => aClient({ grantTypes: supportedGrantTypes, tokenEndpointAuthMethod: "client_secret_post" }),
  public: () => aPublicClient({ grantTypes: supportedGrantTypes })
} as const
type Kind = keyof typeof kinds

type Members = Readonly<Record<string, string | undefined>>

/** What the owner could send, by grant type: the parameters of a request that works for nobody else. */
const owned = {
  authorization_code: Effect.fnUntraced(function* (owner: Client) {
    const { browser } = yield* Server.aSignedInBrowser()
    const code = yield* Server.obtainCode(browser, yield* Server.authorizationRequest(owner))
    return { code, redirect_uri: owner.redirectUris[0], code_verifier: Server.testVerifier } satisfies Members
  }),
  refresh_token: Effect.fnUntraced(function* (owner: Client) {
    const { tokens } = yield* Server.obtainTokens(owner, { scope: "openid offline_access" })
    return { refresh_token: tokens.refresh_token } satisfies Members
  }),
  "urn:ietf:params:oauth:grant-type:token-exchange": Effect.fnUntraced(function* (owner: Client) {
    const web = yield* register(aClient())
    yield* ExchangeRuleStore.use((rules) =>
      rules.put({
        issuer: testIssuer,
        name: owner.clientId,
        clientId: owner.clientId,
        subjectClients: [web.clientId],
        targets: [api.identifier],
        scopes: ["read"],
        delegation: "forbidden"
      })
    )
    const { tokens } = yield* Server.obtainTokens(web, { scope: "openid read" })
    return { subject_token: tokens.access_token, subject_token_type: tokenTypes.accessToken } satisfies Members
  }),
  [jwtBearer.grantType]: Effect.fnUntraced(function* (owner: Client) {
    const now = Math.floor((yield* Clock.currentTimeMillis) / 1000)
    const claims = { iss: idp, sub: "alice", aud: testIssuer, client_id: owner.clientId, jti: owner.clientId }
    const assertion = yield* Effect.promise(() =>
      new jose.SignJWT({ ...claims, exp: now + 60 })
        .setProtectedHeader({ alg: "ES256", typ: "oauth-id-jag+jwt" })
        .sign(keys.privateKey)
    )
    return { assertion } satisfies Members
  })
}

const ask = (client: Client, grantType: string, members: Members) =>
  Effect.result(Server.requestToken(client, { grant_type: grantType, ...members })).pipe(
    Effect.provideService(TokenExchangeValidator, { mayExchange: () => Effect.succeed(true) }),
    Effect.provideService(AssertionSubjects, { subjectOf: () => Effect.succeed(Option.some("alice")) })
  )

const pairs = (Object.keys(kinds) as ReadonlyArray<Kind>).flatMap((owner) =>
  (Object.keys(kinds) as ReadonlyArray<Kind>).map((stranger) => [owner, stranger] as const)
)

layer(Server.layer({ resources: [api] }))("all grants, all pairs of clients", (it) => {
  it.effect("every grant that is redeemed is here; client credentials have nothing that could be stolen", () =>
    Effect.sync(() => {
      const all = [...Object.keys(owned), "client_credentials"]
      assert.deepStrictEqual(all.toSorted(), [...supportedGrantTypes].toSorted())
    })
  )

  for (const [grantType, prepare] of Object.entries(owned)) {
    it.effect(`RFC 6749 §10.5, ${grantType}: redemption by anyone but the owner is refused and burns nothing`, () =>
      Effect.gen(function* () {
        yield* TestHost.use((host) => host.setClaims("alice", {}))
        yield* TrustedIssuerStore.use((store) =>
          store.put({
            issuer: testIssuer,
            identifier: idp,
            jwks,
            jwksUri: undefined,
            audience: undefined,
            identityAssertions: true,
            clients: undefined,
            scopes: undefined
          })
        )
        for (const [ownerKind, strangerKind] of pairs) {
          const isForConfidential = grantType.startsWith("urn:")
          if (isForConfidential && ownerKind === "public") continue
          const owner = yield* register(kinds[ownerKind]())
          const stranger = yield* register(kinds[strangerKind]())
          const members = yield* prepare(owner)
          for (let attempt = 0; attempt < 2; attempt++) {
            const stolen = yield* ask(stranger, grantType, members)
            assert.strictEqual(stolen._tag, "Failure", `${strangerKind} used what is ${ownerKind}'s`)
          }
          const answer = yield* ask(owner, grantType, members)
          assert.strictEqual(answer._tag, "Success", `${strangerKind} burnt what is ${ownerKind}'s`)
        }
      })
    )
  }
})
