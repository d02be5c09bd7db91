/** Tokens that are bound to a key, at every kind of protected route: beside the issuer and elsewhere, opaque and JWT. */
import { assert, layer } from "@effect/vitest"
import { DateTime, Effect, Exit, Layer, Redacted } from "effect"
import { TestClock } from "effect/testing"
import * as jose from "jose"
import { Crypto, hashToken } from "../../src/crypto/Crypto.ts"
import type { Client } from "../../src/client/Client.ts"
import type { PresentedCredentials } from "../../src/client/authenticate.ts"
import { PolicyStore } from "../../src/issuer/Policy.ts"
import type { Confirmation } from "../../src/oauth/Confirmation.ts"
import { securityProfile } from "../../src/profile/fapi2.ts"
import { AnswerNonce } from "../../src/proof/AnswerNonce.ts"
import { AccessTokenReader } from "../../src/protect/AccessTokenReader.ts"
import { confirmElsewhere, type DpopOptions } from "../../src/protect/confirm.ts"
import { ProtectedResource } from "../../src/protect/ProtectedResource.ts"
import type { ReadAccessToken } from "../../src/protect/VerifiedAccessToken.ts"
import { type ProtectedRequest, type Requirement, verifyAccessToken } from "../../src/protect/verifyAccessToken.ts"
import { resourceMetadata } from "../../src/protect/resourceMetadata.ts"
import { ResourceStore } from "../../src/resource/ResourceStore.ts"
import { token } from "../../src/token-endpoint/token.ts"
import { makeCertificate } from "../../src/testing/Certificates.ts"
import { aPublicClient, aResource, form, register, testIssuer } from "../../src/testing/fixtures.ts"
import * as Server from "../../src/testing/TestServer.ts"
import { userinfo } from "../../src/userinfo/userinfo.ts"
import { refuses } from "../support.ts"

const opaque = aResource({ identifier: "https://opaque.example/v1", scopes: ["read"] })
const jwt = aResource({ identifier: "https://jwt.example/v1", scopes: ["read"], accessTokenFormat: "jwt" })
const services = Layer.provideMerge(AccessTokenReader.layerOwn, Server.layer({ resources: [opaque, jwt] }))

/** A key of a client, and the proofs that it signs. */
const aKey = Effect.promise(async () => {
  const { privateKey, publicKey } = await jose.generateKeyPair("ES256")
  const jwk = await jose.exportJWK(publicKey)
  return { alg: "ES256", privateKey, jwk, jkt: await jose.calculateJwkThumbprint(jwk) }
})
/** One RSA key, as it signs by either algorithm. */
const anRsaKey = Effect.promise(async () => {
  const { privateKey, publicKey } = await jose.generateKeyPair("PS256", { extractable: true })
  const jwk = await jose.exportJWK(publicKey)
  const { alg: _, ...bare } = await jose.exportJWK(privateKey)
  const jkt = await jose.calculateJwkThumbprint(jwk)
  const as = async (alg: string) => ({ alg, jwk, jkt, privateKey: (await jose.importJWK(bare, alg)) as jose.CryptoKey })
  return { PS256: await as("PS256"), RS256: await as("RS256") }
})
type Key = Effect.Success<typeof aKey>

const notAllowed = "InvalidDpopProof ProofAlgorithmNotAllowed"
let serial = 0

const proofOf = Effect.fnUntraced(function* (key: Key, claims: jose.JWTPayload) {
  const iat = Math.floor((yield* DateTime.now).epochMilliseconds / 1000)
  return yield* Effect.promise(() =>
    new jose.SignJWT({ jti: `proof-${++serial}`, iat, ...claims })
      .setProtectedHeader({ alg: key.alg, typ: "dpop+jwt", jwk: key.jwk })
      .sign(key.privateKey)
  )
})

/** An access token for the resource, bound to what its client proves at the token endpoint. */
const obtain = Effect.fnUntraced(function* (
  resource: string,
  credentials: Omit<PresentedCredentials, "authorization"> = {},
  metadata: Client["metadata"] = {}
) {
  const client = yield* register(aPublicClient({ metadata }))
  const { browser } = yield* Server.aSignedInBrowser()
  const request = yield* Server.authorizationRequest(client, {
    scope: resource === "" ? "openid" : "openid read",
    resource: resource === "" ? undefined : resource
  })
  const code = yield* Server.obtainCode(browser, request)
  const parameters = form({
    grant_type: "authorization_code",
    client_id: client.clientId,
    code,
    redirect_uri: client.redirectUris[0],
    code_verifier: Server.testVerifier
  })
  return (yield* token(parameters, { authorization: undefined, ...credentials })).access_token
})

const boundToKey = Effect.fnUntraced(function* (resource: string, key: Key) {
  return yield* obtain(resource, { dpop: yield* proofOf(key, { htm: "POST", htu: `${testIssuer}/token` }) })
})

const certified = { tls_client_certificate_bound_access_tokens: true }

type Options = Parameters<typeof ProtectedResource.layerRegistered>[0]

/** Where the two kinds of tokens are judged, each by what is known of them there. */
const places = [opaque.identifier, jwt.identifier].flatMap((identifier) => [
  { name: `beside the issuer, ${identifier}`, identifier, dpop: undefined as DpopOptions | undefined },
  { name: `elsewhere, ${identifier}`, identifier, dpop: {} }
])
type Place = (typeof places)[number]

/** The reader of the place: elsewhere the facts are the same, and the proofs are checked by what is there. */
const readerAt = ({ dpop }: Pick<Place, "dpop">) =>
  Effect.gen(function* () {
    const own = yield* AccessTokenReader
    return dpop === undefined ? own : { ...own, confirm: yield* confirmElsewhere(dpop) }
  })

const routeAt = Effect.fnUntraced(function* (place: Place, options: Partial<Options> = {}) {
  const reader = yield* readerAt(place)
  return (request: Partial<ProtectedRequest>, requirement?: Requirement) =>
    verifyAccessToken({ method: "GET", path: "/v1/notes", authorization: undefined, ...request }, requirement).pipe(
      Effect.provideService(AccessTokenReader, reader),
      Effect.provide(
        ProtectedResource.layerRegistered({ issuer: testIssuer, identifier: place.identifier, ...options })
      ),
      Effect.catchTag("IssuerUnavailable", Effect.die)
    )
})

/** A valid proof for `GET /v1/notes` of the resource. */
const routeProof = Effect.fnUntraced(function* (
  key: Key,
  identifier: string,
  accessToken: string,
  changes: jose.JWTPayload = {}
) {
  const ath = yield* hashToken(accessToken)
  return yield* proofOf(key, { htm: "GET", htu: `${identifier}/notes`, ath, ...changes })
})

layer(services)("sender-constrained tokens at protected routes", (it) => {
  for (const place of places) {
    const { identifier, name } = place

    it.effect(`RFC 9449 §7.1: a token that is bound by DPoP is taken with its proof and never without (${name})`, () =>
      Effect.gen(function* () {
        const route = yield* routeAt(place)
        const [key, other] = [yield* aKey, yield* aKey]
        const bound = yield* boundToKey(identifier, key)
        const proof = (changes?: jose.JWTPayload, by = key) => routeProof(by, identifier, bound, changes)
        const withProof = (dpop: string | undefined, scheme = "DPoP") =>
          route({ authorization: `${scheme} ${bound}`, dpop })

        for (const scheme of ["DPoP", "dpop", "DPOP"]) {
          assert.deepStrictEqual((yield* withProof(yield* proof(), scheme)).cnf, { jkt: key.jkt })
        }
        yield* withProof(yield* proof({ htu: `${identifier.replace("https", "HTTPS")}/%6eotes?a=b#c` }))

        const used = yield* proof()
        yield* withProof(used)
        const rows: ReadonlyArray<readonly [refusal: string, dpop: string | undefined, scheme?: string]> = [
          ["InvalidDpopProof ProofMissing", undefined],
          ["InvalidDpopProof ProofMalformed", "no-proof"],
          ["InvalidDpopProof ProofMalformed", `${yield* proof()}, ${yield* proof()}`],
          ["InvalidToken SenderConstrained", undefined, "Bearer"],
          ["InvalidToken SenderConstrained", yield* proof(), "Bearer"],
          ["InvalidToken KeyMismatch", yield* proof({}, other)],
          ["InvalidDpopProof ProofReplayed", used],
          ["InvalidDpopProof ProofMethodMismatch", yield* proof({ htm: "POST" })],
          ["InvalidDpopProof ProofMethodMismatch", yield* proof({ htm: "get" })],
          ["InvalidDpopProof ProofUriMismatch", yield* proof({ htu: `${identifier}/other` })],
          ["InvalidDpopProof ProofUriMismatch", yield* proof({ htu: "https://evil.example/v1/notes" })],
          ["InvalidDpopProof ProofUriMismatch", yield* proof({ htu: `${identifier.replace("s:", ":")}/notes` })],
          ["InvalidDpopProof ProofTokenMismatch", yield* proof({ ath: undefined })],
          ["InvalidDpopProof ProofTokenMismatch", yield* proof({ ath: yield* hashToken("another-token") })],
          ["InvalidDpopProof ProofTooOld", yield* proof({ iat: -301 })],
          ["InvalidDpopProof ProofNotYetValid", yield* proof({ iat: 10_000 })]
        ]
        for (const [refusal, dpop, scheme] of rows) yield* refuses(withProof(dpop, scheme), refusal)
      }).pipe(Effect.scoped)
    )

    it.effect(`RFC 9449 §7.2: a bearer token is not presented by DPoP, whoever signs the proof (${name})`, () =>
      Effect.gen(function* () {
        const route = yield* routeAt(place)
        const key = yield* aKey
        const bearer = yield* obtain(identifier)
        yield* route({ authorization: `Bearer ${bearer}` })
        const dpop = yield* routeProof(key, identifier, bearer)
        yield* refuses(route({ authorization: `DPoP ${bearer}`, dpop }), "InvalidToken NotSenderConstrained")
      }).pipe(Effect.scoped)
    )

    it.effect(`RFC 8705 §3: a token that is bound to a certificate is taken on its connection alone (${name})`, () =>
      Effect.gen(function* () {
        const route = yield* routeAt(place)
        const shown = yield* makeCertificate({ subject: [["2.5.4.3", "client"]] })
        const other = yield* makeCertificate({ subject: [["2.5.4.3", "client"]] })
        const ofConnection = ({ der }: typeof shown) => ({ der, isChainTrusted: false })
        const bound = yield* obtain(identifier, { certificate: ofConnection(shown) }, certified)
        const authorization = `Bearer ${bound}`
        const { cnf } = yield* route({ authorization, certificate: ofConnection(shown) })
        assert.hasAllKeys(cnf, ["x5t#S256"])
        yield* refuses(route({ authorization }), "InvalidToken CertificateMismatch")
        yield* refuses(route({ authorization, certificate: ofConnection(other) }), "InvalidToken CertificateMismatch")
        const dpop = yield* routeProof(yield* aKey, identifier, bound)
        yield* refuses(
          route({ authorization: `DPoP ${bound}`, dpop, certificate: ofConnection(shown) }),
          "InvalidToken NotSenderConstrained"
        )
      }).pipe(Effect.scoped)
    )

    it.effect(`RFC 9449 §7.1, RFC 8705 §3: a token that is bound to both takes both (${name})`, () =>
      Effect.gen(function* () {
        const route = yield* routeAt(place)
        const key = yield* aKey
        const { der } = yield* makeCertificate({ subject: [["2.5.4.3", "client"]] })
        const certificate = { der, isChainTrusted: false }
        const proof = yield* proofOf(key, { htm: "POST", htu: `${testIssuer}/token` })
        const bound = yield* obtain(identifier, { certificate, dpop: proof }, certified)
        const authorization = `DPoP ${bound}`
        yield* route({ authorization, certificate, dpop: yield* routeProof(key, identifier, bound) })
        yield* refuses(
          route({ authorization, dpop: yield* routeProof(key, identifier, bound) }),
          "InvalidToken CertificateMismatch"
        )
        yield* refuses(route({ authorization, certificate }), "InvalidDpopProof ProofMissing")
      }).pipe(Effect.scoped)
    )

    it.effect(`RFC 9728 §2: a resource, or one of its routes, can ask for bound tokens (${name})`, () =>
      Effect.gen(function* () {
        const { der } = yield* makeCertificate({ subject: [["2.5.4.3", "client"]] })
        const certificate = { der, isChainTrusted: false }
        const key = yield* aKey
        const tokens = {
          bearer: yield* obtain(identifier),
          dpop: yield* boundToKey(identifier, key),
          certificate: yield* obtain(identifier, { certificate }, certified)
        }
        const rows: ReadonlyArray<readonly [Pick<Requirement, "dpop" | "senderConstrained">, taken: Array<string>]> = [
          [{}, ["bearer", "dpop", "certificate"]],
          [{ senderConstrained: true }, ["dpop", "certificate"]],
          [{ dpop: "required" }, ["dpop"]]
        ]
        for (const [demand, taken] of rows) {
          const [ofRoute, ofResource] = [yield* routeAt(place), yield* routeAt(place, demand)]
          for (const [kind, accessToken] of Object.entries(tokens)) {
            for (const ask of [
              (request: Partial<ProtectedRequest>) => ofRoute(request, demand),
              (request: Partial<ProtectedRequest>) => ofResource(request, { scope: ["read"] })
            ]) {
              const dpop = yield* routeProof(key, identifier, accessToken)
              const authorization = `${kind === "dpop" ? "DPoP" : "Bearer"} ${accessToken}`
              const asked = ask({ authorization, dpop, certificate })
              if (taken.includes(kind)) yield* asked
              else yield* refuses(asked, "InvalidToken NotSenderConstrained")
            }
          }
        }
      }).pipe(Effect.scoped)
    )

    it.effect(
      `RFC 9449 §4.3 no. 9: the origin is what was configured, and a proxy's prefix goes with it (${name})`,
      () =>
        Effect.gen(function* () {
          const key = yield* aKey
          const bound = yield* boundToKey(identifier, key)
          const origins = ["https://front.example/api/", "http://localhost:3001"]
          const at = (htu: string, route: Effect.Success<ReturnType<typeof routeAt>>) =>
            Effect.flatMap(routeProof(key, identifier, bound, { htu }), (dpop) =>
              route({ authorization: `DPoP ${bound}`, dpop })
            )
          const named = yield* routeAt(place, { origins })
          yield* at("https://front.example/api/v1/notes", named)
          yield* at("http://localhost:3001/v1/notes", named)
          yield* refuses(at(`${identifier}/notes`, named), "InvalidDpopProof ProofUriMismatch")
          yield* refuses(at("https://front.example/v1/notes", named), "InvalidDpopProof ProofUriMismatch")
          const nowhere = yield* routeAt(place, { origins: [] })
          yield* refuses(at(`${identifier}/notes`, nowhere), "InvalidDpopProof ProofUriMismatch")
        }).pipe(Effect.scoped)
    )
  }

  it.effect(
    "RFC 9449 §9: elsewhere, a nonce is asked for where it is required, and known to whoever has the secret",
    () =>
      Effect.gen(function* () {
        const { identifier } = jwt
        const key = yield* aKey
        const bound = yield* boundToKey(identifier, key)
        const nonceSecret = Redacted.make(new Uint8Array(32).fill(3))
        const required = { name: "", identifier, dpop: { nonceRequired: true, nonceSecret } }
        const [one, another, alone, indifferent] = [
          yield* routeAt(required),
          yield* routeAt(required),
          yield* routeAt({ ...required, dpop: { nonceRequired: true } }),
          yield* routeAt({ ...required, dpop: {} })
        ]
        const ask = Effect.fnUntraced(function* (route: typeof one, nonce?: string) {
          const dpop = yield* routeProof(key, identifier, bound, nonce === undefined ? {} : { nonce })
          const answer: { nonce: string | undefined } = { nonce: undefined }
          const asked = route({ authorization: `DPoP ${bound}`, dpop })
          return { answer, asked: Effect.provideService(asked, AnswerNonce, answer) }
        })

        const first = yield* ask(one)
        yield* refuses(first.asked, "UseDpopNonce NonceMissing")
        const nonce = first.answer.nonce!
        const second = yield* ask(another, nonce)
        yield* second.asked
        assert.strictEqual(second.answer.nonce, nonce)
        yield* refuses((yield* ask(alone, nonce)).asked, "UseDpopNonce NonceNotOurs")
        // Nobody here hands out nonces: this one is the authorization server's.
        const third = yield* ask(indifferent, nonce)
        yield* third.asked
        assert.isUndefined(third.answer.nonce)
        yield* TestClock.adjust("10 minutes")
        const renewed = yield* boundToKey(identifier, key)
        const dpop = yield* routeProof(key, identifier, renewed, { nonce })
        yield* refuses(one({ authorization: `DPoP ${renewed}`, dpop }), "UseDpopNonce NonceNotOurs")
      }).pipe(Effect.scoped)
  )

  for (const { identifier } of [opaque, jwt]) {
    it.effect(
      `FAPI 2.0 Security Profile §5.4.1: ${identifier} and userinfo hold proofs to the profile of the client`,
      () =>
        Effect.gen(function* () {
          const key = yield* anRsaKey
          const others = securityProfile.map(({ id }) => id).filter((id) => id !== "fapi2-sp-algorithms")
          const metadata = { security_profile: "fapi_2_0_security", dangerously_exempt_from: others }
          const proof = { htm: "POST", htu: `${testIssuer}/token` }
          const held = yield* obtain(identifier, { dpop: yield* proofOf(key.PS256, proof) }, metadata)
          const route = yield* routeAt({ name: "", identifier, dpop: undefined })
          const ask = Effect.fnUntraced(function* (alg: "PS256" | "RS256") {
            const dpop = yield* routeProof(key[alg], identifier, held)
            return yield* route({ authorization: `DPoP ${held}`, dpop })
          })
          yield* ask("PS256")
          yield* refuses(ask("RS256"), notAllowed)
          const free = yield* obtain(identifier, { dpop: yield* proofOf(key.RS256, proof) })
          yield* route({ authorization: `DPoP ${free}`, dpop: yield* routeProof(key.RS256, identifier, free) })

          const own = yield* obtain("", { dpop: yield* proofOf(key.PS256, proof) }, metadata)
          const look = Effect.fnUntraced(function* (alg: "PS256" | "RS256") {
            const claims = { htm: "GET", htu: `${testIssuer}/userinfo`, ath: yield* hashToken(own) }
            const request = { method: "GET", authorization: `DPoP ${own}`, dpop: yield* proofOf(key[alg], claims) }
            return yield* userinfo(request, new Map())
          })
          yield* look("PS256")
          yield* refuses(look("RS256"), notAllowed)
        })
    )
  }

  for (const place of places) {
    it.effect(`RFC 9449 §7.1: ${place.name}: a resource takes the algorithms that it states, and says which`, () =>
      Effect.gen(function* () {
        const key = yield* anRsaKey
        const proof = { htm: "POST", htu: `${testIssuer}/token` }
        const held = yield* obtain(place.identifier, { dpop: yield* proofOf(key.RS256, proof) })
        const proofAlgorithms = ["PS256", "ES256"]
        const [any, strict] = [yield* routeAt(place), yield* routeAt(place, { proofAlgorithms })]
        const ask = Effect.fnUntraced(function* (route: typeof any, alg: "PS256" | "RS256") {
          const dpop = yield* routeProof(key[alg], place.identifier, held)
          return yield* route({ authorization: `DPoP ${held}`, dpop })
        })
        yield* ask(any, "RS256")
        yield* ask(strict, "PS256")
        yield* refuses(ask(strict, "RS256"), notAllowed)
        const options = { issuer: testIssuer, identifier: place.identifier, proofAlgorithms }
        const document = yield* Effect.provide(resourceMetadata(), ProtectedResource.layerRegistered(options))
        assert.deepStrictEqual(document.dpop_signing_alg_values_supported, proofAlgorithms)
      }).pipe(Effect.scoped)
    )
  }

  it.effect(
    "FAPI 2.0 Security Profile §5.3.4 no. 5: a token from before its client was held to a binding is refused",
    () =>
      Effect.gen(function* () {
        const bearer = yield* obtain(opaque.identifier)
        const own = yield* obtain("")
        const route = yield* routeAt({ name: "", identifier: opaque.identifier, dpop: undefined })
        const look = userinfo({ method: "GET", authorization: `Bearer ${own}` }, new Map())
        yield* route({ authorization: `Bearer ${bearer}` })
        yield* look
        yield* PolicyStore.use((store) => store.put(testIssuer, { securityProfile: "fapi_2_0_security" }))
        yield* TestClock.adjust("6 seconds")
        yield* refuses(route({ authorization: `Bearer ${bearer}` }), "InvalidToken NotSenderConstrained")
        yield* refuses(look, "InvalidToken NotSenderConstrained")
        yield* PolicyStore.use((store) => store.put(testIssuer, {}))
        yield* TestClock.adjust("6 seconds")
      })
  )

  it.effect(
    "RFC 9728 §2: a resource that is registered to need DPoP says so, and takes no token that is not bound",
    () =>
      Effect.gen(function* () {
        const bearer = yield* obtain(opaque.identifier)
        const route = yield* routeAt({ name: "", identifier: opaque.identifier, dpop: undefined })
        yield* route({ authorization: `Bearer ${bearer}` })
        yield* ResourceStore.use((store) => store.put({ ...opaque, dpop: "required" }))
        yield* TestClock.adjust("6 seconds")
        yield* refuses(route({ authorization: `Bearer ${bearer}` }), "InvalidToken NotSenderConstrained")
        const document = yield* Effect.provide(
          resourceMetadata(),
          ProtectedResource.layerRegistered({ issuer: testIssuer, identifier: opaque.identifier })
        )
        assert.strictEqual(document.dpop_bound_access_tokens_required, true)
        yield* ResourceStore.use((store) => store.put(opaque))
        yield* TestClock.adjust("6 seconds")
      })
  )

  it.effect("a resource that needs DPoP, and has no origin that a proof could name, is a mistake at the start", () =>
    Effect.gen(function* () {
      const options = { issuer: testIssuer, identifier: "urn:api", dpop: "required" } as const
      const built = yield* Effect.exit(Effect.scoped(Layer.build(ProtectedResource.layerRegistered(options))))
      assert.include(String(Exit.isFailure(built) && built.cause), "urn:api demands DPoP")
    })
  )

  it.effect("RFC 9449 §11.1: elsewhere, a proof is remembered as long as it is good, and forgotten after that", () =>
    Effect.gen(function* () {
      const key = yield* aKey
      const confirm = yield* confirmElsewhere({})
      const confirmation: Confirmation = { jkt: key.jkt }
      const ath = yield* hashToken("a-token")
      const targets = ["https://api.example/"]
      const dpop = yield* proofOf(key, { htm: "GET", htu: targets[0], ath })
      const presented = { scheme: "DPoP", token: "a-token" } as const
      const request = { method: "GET", authorization: undefined, dpop }
      const algorithms = ["ES256"]
      const proof = { issuer: testIssuer, client: undefined, algorithms, confirmation, presented, request, targets }
      const once = confirm(proof)
      yield* once
      // Another process knows nothing of it.
      yield* (yield* confirmElsewhere({}))(proof)
      yield* TestClock.adjust("299 seconds")
      yield* refuses(once, "InvalidDpopProof ProofReplayed")
      yield* TestClock.adjust("120 seconds")
      yield* refuses(once, "InvalidDpopProof ProofTooOld")
    }).pipe(Effect.scoped, Effect.provide(Crypto.layer))
  )

  it.effect("RFC 8707 §2: a token for no resource is taken only where the danger was chosen", () =>
    Effect.gen(function* () {
      const { tokens } = yield* Server.obtainTokens(yield* register(aPublicClient()), { scope: "openid" })
      const authorization = `Bearer ${tokens.access_token}`
      const place = places[0]!
      yield* refuses((yield* routeAt(place))({ authorization }), "InvalidToken AudienceMismatch")
      const any = yield* routeAt(place, { dangerouslyTakesTokensForNoResource: true })
      const taken: ReadAccessToken = yield* any({ authorization })
      assert.deepStrictEqual(taken.audience, [])
      const other = yield* obtain(jwt.identifier)
      yield* refuses(any({ authorization: `Bearer ${other}` }), "InvalidToken AudienceMismatch")
    }).pipe(Effect.scoped)
  )
})
