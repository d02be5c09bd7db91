/** Signed JWTs over the `jose` package: one way to make one, one strict way to read our own. */
import { Effect, Option, type Schema } from "effect"
import * as jose from "jose"
import type { SigningAlgorithm } from "../oauth/Metadata.ts"

export type Payload = Readonly<Record<string, Schema.Json | undefined>>

/** A fresh key pair as JWKs; the public one with `kid` (its RFC 7638 thumbprint), `alg` and `use`. */
export const generate = (algorithm: SigningAlgorithm) =>
  Effect.promise(async () => {
    const pair = await jose.generateKeyPair(algorithm, { extractable: true, modulusLength: 2048 })
    const bare = await jose.exportJWK(pair.publicKey)
    const kid = await jose.calculateJwkThumbprint(bare)
    const publicJwk = { ...bare, kid, alg: algorithm, use: "sig" }
    return {
      kid,
      publicJwk,
      privateJwk: await jose.exportJWK(pair.privateKey)
    }
  })

export type PrivateKey = jose.CryptoKey

export const importKey = (jwk: jose.JWK, algorithm: SigningAlgorithm) =>
  Effect.promise(async () => (await jose.importJWK(jwk, algorithm)) as PrivateKey)

/** A compact JWS (RFC 7515 §3.1) over the claims; members that are undefined are left out. */
export const sign = (
  key: PrivateKey,
  header: { readonly alg: SigningAlgorithm; readonly kid: string; readonly typ: string },
  payload: Payload
) =>
  Effect.promise(() =>
    new jose.CompactSign(new TextEncoder().encode(JSON.stringify(payload))).setProtectedHeader(header).sign(key)
  )

/**
 * The claims of a JWT that one of the given public keys signed with that key's own algorithm (RFC 8725 §3.1): the
 * token's header picks the key, never the algorithm. Its `typ` is the expected one, so that no kind of token passes for
 * another (§3.11). `None` for anything else. Times are not looked at.
 */
export const verify = (
  jwt: string,
  typ: string,
  keys: ReadonlyArray<Readonly<Record<string, Schema.Json>>>
): Effect.Effect<Option.Option<Payload>> =>
  Effect.gen(function* () {
    if (!/^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/.test(jwt)) return Option.none()
    const verified = yield* Effect.tryPromise(async () => {
      const header = jose.decodeProtectedHeader(jwt)
      const jwk = header.typ === typ ? keys.find((key) => key["kid"] === header.kid) : undefined
      if (jwk === undefined) return undefined
      const algorithm = jwk["alg"] as string
      const key = await jose.importJWK(jwk, algorithm)
      const { payload } = await jose.compactVerify(jwt, key, { algorithms: [algorithm] })
      return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(payload)) as unknown
    }).pipe(Effect.option)
    return Option.filter(
      verified,
      (claims): claims is Payload => typeof claims === "object" && claims !== null && !Array.isArray(claims)
    )
  })
