/** DPoP proofs as a client makes them, each part of which a test can change. */
import { DateTime, Effect } from "effect"
import * as jose from "jose"
import type { Jwk } from "../../src/client/Jwks.ts"
import { verifyProof, type ProofContext } from "../../src/proof/dpop.ts"
import { testIssuer } from "../../src/testing/fixtures.ts"

/** A key, and the thumbprint that tokens are bound to by it. */
export interface ProofKey {
  readonly algorithm: string
  readonly sign: jose.CryptoKey
  readonly jwk: Jwk
  readonly privateJwk: Jwk
  readonly jkt: string
}

export const makeProofKey = async (algorithm = "ES256"): Promise<ProofKey> => {
  const { privateKey, publicKey } = await jose.generateKeyPair(algorithm, { extractable: true })
  const [jwk, privateJwk] = await Promise.all([jose.exportJWK(publicKey), jose.exportJWK(privateKey)])
  const jkt = await jose.calculateJwkThumbprint(jwk)
  return { algorithm, sign: privateKey, jwk: jwk, privateJwk: privateJwk, jkt }
}

export type Members = Readonly<Record<string, unknown>>
export interface Changes {
  readonly claims?: Members
  readonly header?: Members
}

export const tokenUri = `${testIssuer}/token`

let serial = 0

/** A valid proof for the token endpoint, with `claims` and `header` replaced or, when undefined, removed. */
export const proofOf = Effect.fnUntraced(function* (key: ProofKey, { claims = {}, header = {} }: Changes = {}) {
  const iat = (yield* DateTime.now).epochMilliseconds / 1000
  const payload = { htm: "POST", htu: tokenUri, iat, jti: `proof-${++serial}`, ...claims }
  return yield* Effect.promise(() =>
    new jose.CompactSign(new TextEncoder().encode(JSON.stringify(payload)))
      .setProtectedHeader({ alg: key.algorithm, typ: "dpop+jwt", jwk: key.jwk, ...header })
      .sign(key.sign)
  )
})

/** A JWT whose parts are whatever they are: `jose` would refuse to make it. */
export const assembled = (header: Members, payload: Members, signature = "AAAA"): string => {
  const part = (members: Members) => jose.base64url.encode(JSON.stringify(members))
  return `${part(header)}.${part(payload)}.${signature}`
}

/** As the token endpoint checks it, unless `over` says otherwise. */
export const verified = (proof: string, over: Partial<ProofContext> = {}) =>
  verifyProof(proof, {
    issuer: testIssuer,
    purpose: "authorization server",
    method: "POST",
    targets: [tokenUri],
    nonceRequired: false,
    rules: [],
    ...over
  })
