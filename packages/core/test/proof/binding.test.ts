import { assert, layer } from "@effect/vitest"
import { Effect, type Layer, Option } from "effect"
import { AuthorizationCodeStore } from "../../src/authorize/AuthorizationCodeStore.ts"
import type { Client } from "../../src/client/Client.ts"
import { hashToken } from "../../src/crypto/Crypto.ts"
import type { Confirmation } from "../../src/oauth/Confirmation.ts"
import { certificateThumbprint } from "../../src/proof/sender.ts"
import * as Certificates from "../../src/testing/Certificates.ts"
import { aClient, aPublicClient, form, register, testIssuer } from "../../src/testing/fixtures.ts"
import * as Server from "../../src/testing/TestServer.ts"
import { TokenStore } from "../../src/token/TokenStore.ts"
import { token } from "../../src/token-endpoint/token.ts"
import type { TokenResponse } from "../../src/token/issue.ts"
import { makeKey } from "../client/assertions.ts"
import { refuses, payloadOf } from "../support.ts"
import { stateOf } from "../token-exchange/exchanging.ts"
import {
  allowing,
  bearerRequest,
  codeRequest,
  everyGrant,
  exchangeRequest,
  grantTypes,
  jwt,
  loose,
  opaque,
  refreshRequest,
  request,
  type Shown,
  strict
} from "./grants.ts"
import { makeProofKey } from "./proving.ts"

const key = await makeProofKey()
const other = await makeProofKey()
const certificateOf = (name: string) =>
  Effect.map(Certificates.makeCertificate({ subject: [["2.5.4.3", name]] }), ({ der }) => ({
    der,
    isChainTrusted: false
  }))
const certificate = await Effect.runPromise(certificateOf("one"))
const otherCertificate = await Effect.runPromise(certificateOf("two"))

const proofMissing = "InvalidRequest ProofMissing DPoP"
const keyMismatch = "InvalidGrant KeyMismatch"
const certificateMismatch = "InvalidGrant CertificateMismatch"
const certificateMissing = "InvalidRequest CertificateMissing"

const resources = [opaque, jwt, loose, strict]
const aConfidential = (metadata: Client["metadata"] = {}, stated: Partial<Client> = {}) =>
  register(aClient({ grantTypes: everyGrant, metadata, ...stated }))
const aPublic = (metadata: Client["metadata"] = {}) => register(aPublicClient({ metadata }))

type Services = Layer.Success<ReturnType<typeof Server.layer>>
type Refused = Effect.Error<ReturnType<typeof request>> | Effect.Error<ReturnType<typeof codeRequest>>

/** By grant: the token response of a client that shows this. */
const ways: ReadonlyArray<
  readonly [
    name: string,
    run: (client: Client, resource: string, shown: Shown) => Effect.Effect<TokenResponse, Refused, Services>
  ]
> = [
  [
    "the code",
    (client, resource, shown) =>
      Effect.flatMap(codeRequest(client, resource), (members) => request(client, members, shown))
  ],
  [
    "a refresh with rotation",
    Effect.fnUntraced(function* (client, resource, shown) {
      const first = yield* request(client, yield* codeRequest(client, resource), shown)
      return yield* request(client, refreshRequest(first), shown)
    })
  ],
  [
    "a refresh without rotation",
    Effect.fnUntraced(function* (stated, resource, shown) {
      const client = yield* register({ ...stated, metadata: { ...stated.metadata, refresh_token_rotation: "never" } })
      const first = yield* request(client, yield* codeRequest(client, resource), shown)
      const second = yield* request(client, refreshRequest(first), shown)
      assert.strictEqual(second.refresh_token, first.refresh_token)
      return second
    })
  ],
  [
    "client credentials",
    (client, resource, shown) => request(client, { grant_type: grantTypes.machine, resource }, shown)
  ],
  [
    "a token exchange",
    Effect.fnUntraced(function* (client, resource, shown) {
      const subject = yield* request(client, yield* codeRequest(client, opaque.identifier), shown)
      return yield* request(client, yield* exchangeRequest(client, subject.access_token, resource), shown)
    })
  ],
  [
    "an assertion",
    (client, resource, shown) => Effect.flatMap(bearerRequest(resource), (members) => request(client, members, shown))
  ]
]

const recordedBinding = Effect.fnUntraced(function* ({ access_token }: TokenResponse) {
  const tokenHash = yield* hashToken(access_token)
  return Option.getOrThrow(yield* TokenStore.use((store) => store.findAccessToken(testIssuer, tokenHash))).token
    .confirmation
})

/** The token says it by itself, in its record and when it is asked about. */
const isBoundTo = Effect.fnUntraced(function* (response: TokenResponse, expected: Confirmation | undefined) {
  const type = expected?.jkt === undefined ? "Bearer" : "DPoP"
  assert.strictEqual(response.token_type, type)
  assert.deepStrictEqual(yield* recordedBinding(response), expected)
  const state = yield* stateOf(response.access_token)
  if (!state.active) return assert.fail("not active")
  assert.deepStrictEqual([state.cnf, state.token_type], [expected, type])
  if (response.access_token.includes(".")) assert.deepStrictEqual(payloadOf(response.access_token)["cnf"], expected)
})

const refreshBinding = Effect.fnUntraced(function* ({ refresh_token }: TokenResponse) {
  const tokenHash = yield* hashToken(refresh_token!)
  return Option.getOrThrow(yield* TokenStore.use((store) => store.findRefreshToken(testIssuer, tokenHash))).token
    .confirmation
})

const certificateBound = { tls_client_certificate_bound_access_tokens: true }

layer(Server.layer({ resources }))("what tokens are bound to", (it) => {
  for (const [name, run] of ways) {
    it.effect(`RFC 9449 §5, §6, RFC 8705 §3: ${name} binds to what was proved, opaque or JWT`, () =>
      allowing(
        Effect.gen(function* () {
          const thumbprint = yield* certificateThumbprint(certificate)
          for (const { identifier } of [opaque, jwt]) {
            const client = yield* aConfidential()
            yield* isBoundTo(yield* run(client, identifier, {}), undefined)
            yield* isBoundTo(yield* run(client, identifier, { key }), { jkt: key.jkt })
            // RFC 8705 §3.4: a client that did not ask for it gets no certificate-bound tokens.
            yield* isBoundTo(yield* run(client, identifier, { certificate }), undefined)
            const bound = yield* aConfidential(certificateBound)
            yield* isBoundTo(yield* run(bound, identifier, { certificate }), { "x5t#S256": thumbprint })
            yield* isBoundTo(yield* run(bound, identifier, { key, certificate }), {
              jkt: key.jkt,
              "x5t#S256": thumbprint
            })
            yield* refuses(run(bound, identifier, {}), certificateMissing)
            yield* refuses(run(bound, identifier, { key }), certificateMissing)
          }
        })
      )
    )

    it.effect(`RFC 9449 §5: ${name} without a proof, where client or resource require one`, () =>
      allowing(
        Effect.gen(function* () {
          for (const metadata of [{ dpop_bound_access_tokens: true }, { dpop: "required" }]) {
            const client = yield* aConfidential(metadata)
            yield* refuses(run(client, opaque.identifier, {}), proofMissing)
            yield* refuses(run(client, opaque.identifier, { certificate }), proofMissing)
            yield* isBoundTo(yield* run(client, opaque.identifier, { key }), { jkt: key.jkt })
          }
          const client = yield* aConfidential()
          yield* refuses(run(client, strict.identifier, {}), proofMissing)
          yield* isBoundTo(yield* run(client, strict.identifier, { key }), { jkt: key.jkt })
          yield* isBoundTo(yield* run(client, loose.identifier, {}), undefined)
          yield* isBoundTo(yield* run(client, loose.identifier, { key }), { jkt: key.jkt })
        })
      )
    )
  }

  it.effect("RFC 8705 §3: a client that authenticates by private_key_jwt has tokens bound to its certificate too", () =>
    Effect.gen(function* () {
      const assertionKey = yield* makeKey("ES256")
      const stated = { tokenEndpointAuthMethod: "private_key_jwt" }
      const metadata = { ...certificateBound, jwks: { keys: [assertionKey.jwk] } }
      const client = yield* aConfidential(metadata, stated)
      const machine = { grant_type: grantTypes.machine, resource: jwt.identifier }
      const response = yield* request(client, machine, { certificate }, assertionKey)
      yield* isBoundTo(response, { "x5t#S256": yield* certificateThumbprint(certificate) })
      yield* refuses(request(client, machine, {}, assertionKey), certificateMissing)
    })
  )

  it.effect("RFC 9449 §5: a public client's refresh token stays with its key, whatever the access token becomes", () =>
    Effect.gen(function* () {
      const client = yield* aPublic()
      const first = yield* request(client, yield* codeRequest(client, ""), { key })
      assert.deepStrictEqual(yield* refreshBinding(first), { jkt: key.jkt })
      const state = yield* stateOf(first.refresh_token!)
      assert.deepInclude(state, { active: true, cnf: { jkt: key.jkt } })
      yield* refuses(request(client, refreshRequest(first)), proofMissing)
      yield* refuses(request(client, refreshRequest(first), { certificate }), proofMissing)
      yield* refuses(request(client, refreshRequest(first), { key: other }), keyMismatch)
      // Neither was a use of it, and no sign of theft.
      const second = yield* request(client, refreshRequest(first), { key })
      yield* isBoundTo(second, { jkt: key.jkt })
      assert.deepStrictEqual(yield* refreshBinding(second), { jkt: key.jkt })
      // A thief without the key cannot even end the grant by showing the token again.
      yield* refuses(request(client, refreshRequest(first), { key: other }), keyMismatch)
      yield* request(client, refreshRequest(second), { key })
    })
  )

  it.effect("RFC 8705 §4: a public client's refresh token stays with its certificate", () =>
    Effect.gen(function* () {
      const client = yield* aPublic(certificateBound)
      const first = yield* request(client, yield* codeRequest(client, ""), { certificate })
      yield* refuses(request(client, refreshRequest(first)), certificateMismatch)
      yield* refuses(request(client, refreshRequest(first), { certificate: otherCertificate }), certificateMismatch)
      yield* refuses(request(client, refreshRequest(first), { key }), certificateMismatch)
      const both = yield* request(client, refreshRequest(first), { certificate, key })
      yield* isBoundTo(both, { jkt: key.jkt, "x5t#S256": yield* certificateThumbprint(certificate) })
    })
  )

  it.effect("RFC 9449 §5: a refresh token that is not bound yet is bound by the first proof of its public client", () =>
    Effect.gen(function* () {
      const client = yield* aPublic()
      const first = yield* request(client, yield* codeRequest(client, ""))
      assert.isUndefined(yield* refreshBinding(first))
      const second = yield* request(client, refreshRequest(first), { key })
      assert.deepStrictEqual(yield* refreshBinding(second), { jkt: key.jkt })
      yield* refuses(request(client, refreshRequest(second)), proofMissing)
    })
  )

  it.effect("RFC 9449 §5, RFC 8705 §4: a confidential client's refresh token is bound to its credentials alone", () =>
    Effect.gen(function* () {
      for (const metadata of [{}, { dpop_bound_access_tokens: true }, certificateBound]) {
        const client = yield* aConfidential(metadata)
        const first = yield* request(client, yield* codeRequest(client, ""), { key, certificate })
        assert.isUndefined(yield* refreshBinding(first))
        const shown = { key: other, certificate: otherCertificate }
        const second = yield* request(client, refreshRequest(first), shown)
        assert.strictEqual((yield* stateOf(second.access_token)).active, true)
      }
    })
  )

  it.effect(
    "a retry is the same request whatever certificate its connection shows, unless the tokens are bound to it",
    () =>
      Effect.gen(function* () {
        const client = yield* aConfidential()
        const first = yield* request(client, yield* codeRequest(client, ""))
        const lost = yield* request(client, refreshRequest(first), { certificate })
        const again = yield* request(client, refreshRequest(first), { certificate: otherCertificate })
        assert.deepStrictEqual(again, lost)
        const bound = yield* aConfidential({ ...certificateBound, refresh_token_rotation: "always" })
        const another = yield* request(bound, yield* codeRequest(bound, ""), { certificate })
        yield* request(bound, refreshRequest(another), { certificate })
        yield* refuses(
          request(bound, refreshRequest(another), { certificate: otherCertificate }),
          "InvalidGrant RefreshTokenReused"
        )
      })
  )

  it.effect("RFC 9449 §5: where a rule or a resource asks for it a confidential client stays with its first key", () =>
    Effect.gen(function* () {
      for (const [metadata, resource] of [
        [{ dpop: "opportunistic" }, ""],
        [{ dpop: "required" }, ""],
        [{}, loose.identifier],
        [{}, strict.identifier],
        [{ ...certificateBound, dpop: "opportunistic" }, ""]
      ] as const) {
        const client = yield* aConfidential(metadata)
        const first = yield* request(client, yield* codeRequest(client, resource), { key, certificate })
        assert.deepStrictEqual(yield* refreshBinding(first), { jkt: key.jkt })
        yield* refuses(request(client, refreshRequest(first), { certificate }), proofMissing)
        yield* refuses(request(client, refreshRequest(first), { key: other, certificate }), keyMismatch)
        const second = yield* request(client, refreshRequest(first), { key, certificate: otherCertificate })
        assert.deepStrictEqual(yield* refreshBinding(second), { jkt: key.jkt })
      }
    })
  )

  it.effect(
    "RFC 9449 §5: opportunistic asks for nothing of whoever shows no key, and keeps the first that is shown",
    () =>
      Effect.gen(function* () {
        for (const [metadata, resource] of [
          [{ dpop: "opportunistic" }, ""],
          [{ dpop: "opportunistic", refresh_token_rotation: "never" }, ""],
          [{}, loose.identifier]
        ] as const) {
          const client = yield* aConfidential(metadata)
          const first = yield* request(client, yield* codeRequest(client, resource))
          const second = yield* request(client, refreshRequest(first))
          assert.isUndefined(yield* refreshBinding(second))
          const third = yield* request(client, refreshRequest(second), { key: other })
          assert.deepStrictEqual(yield* refreshBinding(third), { jkt: other.jkt })
          yield* refuses(request(client, refreshRequest(third), { key }), keyMismatch)
        }
      })
  )

  it.effect("RFC 9449 §10: a code with dpop_jkt is for the holder of that key, and is not spent by others", () =>
    Effect.gen(function* () {
      const bound = yield* AuthorizationCodeStore.use((store) =>
        Effect.succeed(
          AuthorizationCodeStore.of({
            ...store,
            find: (issuer, hash) =>
              Effect.map(
                store.find(issuer, hash),
                Option.map(({ code, grant }) => ({ code: { ...code, dpopJkt: key.jkt }, grant }))
              )
          })
        )
      )
      for (const client of [yield* aPublic(), yield* aConfidential()]) {
        const members = yield* codeRequest(client, "")
        const send = (shown: Shown) =>
          Effect.provideService(request(client, members, shown), AuthorizationCodeStore, bound)
        yield* refuses(send({}), proofMissing)
        yield* refuses(send({ certificate }), proofMissing)
        yield* refuses(send({ key: other }), keyMismatch)
        yield* isBoundTo(yield* send({ key }), { jkt: key.jkt })
      }
    })
  )

  it.effect("RFC 9700 §4.14.2: a refresh that is sent again has the same response for the same key alone", () =>
    Effect.gen(function* () {
      const client = yield* aConfidential()
      const first = yield* request(client, yield* codeRequest(client, ""), { key })
      const second = yield* request(client, refreshRequest(first), { key })
      assert.deepStrictEqual(yield* request(client, refreshRequest(first), { key }), second)
      yield* refuses(request(client, refreshRequest(first), { key: other }), "InvalidGrant RefreshTokenReused")
      assert.deepStrictEqual(yield* stateOf(second.access_token), { active: false })

      const bound = yield* aPublic()
      const one = yield* request(bound, yield* codeRequest(bound, ""), { key })
      const two = yield* request(bound, refreshRequest(one), { key })
      yield* refuses(request(bound, refreshRequest(one), { key: other }), keyMismatch)
      yield* refuses(request(bound, refreshRequest(one)), proofMissing)
      assert.deepStrictEqual(yield* request(bound, refreshRequest(one), { key }), two)
    })
  )

  it.effect("RFC 9449 §7.2: a bound token is not exchanged for one that is not", () =>
    allowing(
      Effect.gen(function* () {
        const client = yield* aConfidential()
        const subject = yield* request(client, yield* codeRequest(client, opaque.identifier), { key })
        const exchange = yield* exchangeRequest(client, subject.access_token, jwt.identifier)
        yield* refuses(request(client, exchange), proofMissing)
        yield* refuses(request(client, exchange, { certificate }), proofMissing)
        // Whoever asks binds the new token to a key of its own: a service has another one than the subject's client.
        yield* isBoundTo(yield* request(client, exchange, { key: other }), { jkt: other.jkt })
      })
    )
  )

  it.effect("RFC 9449 §5: a proof that does not pass is refused though none was asked for", () =>
    Effect.gen(function* () {
      const client = yield* aConfidential()
      const { header } = Server.credentialsOf(client)
      for (const dpop of ["", "x", "a.b.c"]) {
        yield* refuses(
          token(form({ grant_type: grantTypes.machine }), { ...header, dpop }),
          "InvalidDpopProof ProofMalformed"
        )
      }
    })
  )
})

layer(Server.layer({ resources, policy: { dpop: "required" } }))("a server that requires DPoP", (it) => {
  for (const [name, run] of ways) {
    it.effect(`RFC 9449 §5: ${name} without a proof is invalid_request`, () =>
      allowing(
        Effect.gen(function* () {
          const client = yield* aConfidential()
          yield* refuses(run(client, opaque.identifier, {}), proofMissing)
          yield* refuses(run(client, opaque.identifier, { certificate }), proofMissing)
          yield* isBoundTo(yield* run(client, opaque.identifier, { key }), { jkt: key.jkt })
        })
      )
    )
  }
})

layer(Server.layer({ resources, policy: { dpop: "opportunistic" } }))("a server where DPoP is opportunistic", (it) => {
  it.effect("RFC 9449 §5: keeps every client to its first key, and takes those without", () =>
    Effect.gen(function* () {
      const client = yield* aConfidential()
      yield* isBoundTo(yield* request(client, yield* codeRequest(client, "")), undefined)
      const first = yield* request(client, yield* codeRequest(client, ""), { key })
      yield* refuses(request(client, refreshRequest(first), { key: other }), keyMismatch)
    })
  )
})

layer(Server.layer({ resources, policy: { securityProfile: "fapi_2_0_security" } }))("a FAPI server", (it) => {
  it.effect(
    "FAPI 2.0 Security Profile §5.3.2.1 no. 5: binds by DPoP, or else to the certificate; and nothing is not enough",
    () =>
      Effect.gen(function* () {
        const assertionKey = yield* makeKey("ES256")
        const stated = { tokenEndpointAuthMethod: "private_key_jwt" }
        const client = yield* aConfidential({ jwks: { keys: [assertionKey.jwk] } }, stated)
        const machine = { grant_type: grantTypes.machine }
        const thumbprint = yield* certificateThumbprint(certificate)
        const send = (shown: Shown) => request(client, machine, shown, assertionKey)
        yield* refuses(send({}), proofMissing)
        assert.deepStrictEqual(yield* recordedBinding(yield* send({ key })), { jkt: key.jkt })
        assert.deepStrictEqual(yield* recordedBinding(yield* send({ certificate })), { "x5t#S256": thumbprint })
        assert.deepStrictEqual(yield* recordedBinding(yield* send({ key, certificate })), { jkt: key.jkt })
        const rs256 = yield* Effect.promise(() => makeProofKey("RS256"))
        yield* refuses(send({ key: rs256 }), "InvalidDpopProof ProofAlgorithmNotAllowed")
      })
  )
})
