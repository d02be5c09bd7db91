import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { hashToken } from "../../src/crypto/Crypto.ts"
import type { Confirmation } from "../../src/oauth/Confirmation.ts"
import { confirmSender, presentedToken } from "../../src/proof/resourceRequest.ts"
import { certificateThumbprint } from "../../src/proof/sender.ts"
import * as Certificates from "../../src/testing/Certificates.ts"
import { testIssuer } from "../../src/testing/fixtures.ts"
import * as Server from "../../src/testing/TestServer.ts"
import { refusalOf, refuses } from "../support.ts"
import { makeProofKey, proofOf } from "./proving.ts"

const keys = { own: await makeProofKey(), other: await makeProofKey() }
const certificateOf = async (name: string) => {
  const { der } = await Effect.runPromise(Certificates.makeCertificate({ subject: [["2.5.4.3", name]] }))
  return { der, isChainTrusted: false }
}
const certificates = { own: await certificateOf("own"), other: await certificateOf("other") }
const uri = `${testIssuer}/userinfo`
const token = "a-token"
const shown = ["none", "own", "other"] as const

/** What has to come of it, by the texts alone. */
const expected = (
  isBoundToKey: boolean,
  isBoundToCertificate: boolean,
  scheme: "Bearer" | "DPoP",
  key: (typeof shown)[number],
  certificate: (typeof shown)[number]
): string => {
  // RFC 9449 §7.2: no bound token by Bearer; §7.1: a DPoP token is a bound one.
  if (isBoundToKey && scheme === "Bearer") return "InvalidToken SenderConstrained"
  if (!isBoundToKey && scheme === "DPoP") return "InvalidToken NotSenderConstrained"
  if (isBoundToKey && key === "none") return "InvalidDpopProof ProofMissing"
  if (isBoundToKey && key === "other") return "InvalidToken KeyMismatch"
  // RFC 8705 §3: the certificate is the one of the connection.
  return isBoundToCertificate && certificate !== "own" ? "InvalidToken CertificateMismatch" : "taken"
}

layer(Server.layer())("a token at a resource", (it) => {
  for (const isBoundToKey of [false, true]) {
    for (const isBoundToCertificate of [false, true]) {
      const bound = `bound to ${isBoundToKey ? "a" : "no"} key and ${isBoundToCertificate ? "a" : "no"} certificate`
      it.effect(`RFC 9449 §7.1, §7.2, RFC 8705 §3: ${bound}, by either scheme, with every proof and certificate`, () =>
        Effect.gen(function* () {
          const confirmation: Confirmation = {
            ...(isBoundToKey ? { jkt: keys.own.jkt } : {}),
            ...(isBoundToCertificate ? { "x5t#S256": yield* certificateThumbprint(certificates.own) } : {})
          }
          for (const scheme of ["Bearer", "DPoP"] as const) {
            for (const key of shown) {
              for (const certificate of shown) {
                const claims = { htm: "GET", htu: uri, ath: yield* hashToken(token) }
                const request = {
                  method: "GET",
                  authorization: undefined,
                  dpop: key === "none" ? undefined : yield* proofOf(keys[key], { claims }),
                  certificate: certificate === "none" ? undefined : certificates[certificate]
                }
                const context = Effect.succeed({ issuer: testIssuer, targets: [uri], nonceRequired: false })
                const none = !isBoundToKey && !isBoundToCertificate ? undefined : confirmation
                const outcome = yield* Effect.catch(
                  Effect.as(confirmSender(none, { scheme, token }, request, [], context), "taken"),
                  (error) => refusalOf(Effect.fail(error))
                )
                const row = expected(isBoundToKey, isBoundToCertificate, scheme, key, certificate)
                assert.strictEqual(outcome, row, [scheme, key, certificate].join(" "))
              }
            }
          }
        })
      )
    }
  }

  it.effect("RFC 9110 §11.1, RFC 6750 §2.1: a scheme in any case, and one token", () =>
    Effect.gen(function* () {
      for (const [authorization, scheme] of [
        ["Bearer a", "Bearer"],
        ["bearer a", "Bearer"],
        ["BEARER   a", "Bearer"],
        ["DPoP a", "DPoP"],
        ["dpop a", "DPoP"],
        ["DPOP a.b-c_d~e+f/g==", "DPoP"]
      ] as const) {
        assert.strictEqual((yield* presentedToken(authorization)).scheme, scheme, authorization)
      }
      for (const none of [undefined, "", "Basic a", "DPoPx a", "Bearer\ta", " DPoP a"]) {
        yield* refuses(presentedToken(none), "TokenMissing TokenMissing")
      }
      for (const malformed of ["DPoP", "DPoP ", "DPoP a b", "DPoP a,b", "DPoP a, DPoP b", "dpop a ", "DPoP =a"]) {
        yield* refuses(presentedToken(malformed), "InvalidRequest ParameterMalformed Authorization")
      }
    })
  )
})
