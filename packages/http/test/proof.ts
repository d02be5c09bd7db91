/** DPoP proofs (RFC 9449 §4.2) for requests that no library would send. */
import * as jose from "jose"
import { createHash, randomUUID } from "node:crypto"

export type Key = Awaited<ReturnType<typeof makeKey>>

export const makeKey = async () => {
  const { privateKey, publicKey } = await jose.generateKeyPair("ES256", { extractable: true })
  const jwk = await jose.exportJWK(publicKey)
  return { privateKey, publicKey, jwk, jkt: await jose.calculateJwkThumbprint(jwk) }
}

export const hash = (data: string | Uint8Array): string => createHash("sha256").update(data).digest("base64url")

/** A good proof for the request, with `claims` replaced or, when undefined, removed. */
export const proofFor = (key: Key, htm: string, htu: string, claims: Record<string, unknown> = {}): Promise<string> =>
  new jose.SignJWT({ htm, htu, jti: randomUUID(), iat: Math.floor(Date.now() / 1000), ...claims })
    .setProtectedHeader({ alg: "ES256", typ: "dpop+jwt", jwk: key.jwk })
    .sign(key.privateKey)
