/** Client assertions as a client makes them, each part of which a test can change. */
import { DateTime, Effect } from "effect"
import * as jose from "jose"
import { authenticate } from "../../src/client/authenticate.ts"
import type { Jwk } from "../../src/client/Jwks.ts"
import { form, testIssuer } from "../../src/testing/fixtures.ts"

export const jwtBearer = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

/** A key pair, or a secret for the algorithms with one. */
export interface Key {
  readonly algorithm: string
  readonly sign: jose.CryptoKey | Uint8Array
  readonly jwk: Jwk
}

export const makeKey = (algorithm: string, members: Jwk = {}): Effect.Effect<Key> =>
  Effect.promise(async () => {
    const pair = await jose.generateKeyPair(algorithm, { extractable: true })
    const jwk = { ...((await jose.exportJWK(pair.publicKey)) as Jwk), ...members }
    return { algorithm, sign: pair.privateKey, jwk }
  })

export const macKey = (algorithm: string, secret: string): Key => ({
  algorithm,
  sign: new TextEncoder().encode(secret),
  jwk: {}
})

type Members = Readonly<Record<string, unknown>>

let serial = 0

/** A valid assertion of the client, with `claims` and `header` replaced or, when undefined, removed. */
export const assertionOf = Effect.fnUntraced(function* (
  clientId: string,
  key: Key,
  claims: Members = {},
  header: Members = {}
) {
  const now = Math.floor((yield* DateTime.now).epochMilliseconds / 1000)
  const payload = {
    iss: clientId,
    sub: clientId,
    aud: testIssuer,
    iat: now,
    exp: now + 60,
    jti: `jti-${++serial}`,
    ...claims
  }
  return yield* signed(payload, key, header)
})

/** The claims as a JWT, signed with the key. */
export const signed = (claims: Members, key: Key, header: Members = {}) =>
  Effect.promise(() =>
    new jose.CompactSign(new TextEncoder().encode(JSON.stringify(claims)))
      .setProtectedHeader({ alg: key.algorithm, ...header })
      .sign(key.sign)
  )

export const present = (assertion: string, members: Readonly<Record<string, string | undefined>> = {}) =>
  authenticate(form({ client_assertion: assertion, client_assertion_type: jwtBearer, ...members }), {
    authorization: undefined
  })
