/** Signing bytes with a private JWK: on WebCrypto wherever it exists, or on what the platform does faster. */
import { Context, Effect } from "effect"
import * as jose from "jose"
import type { SigningAlgorithm } from "../oauth/Metadata.ts"

/** Signs bytes with one key: the signature as RFC 7518 §3 and RFC 8037 §3.1 spell it. */
export type Sign = (data: Uint8Array) => Effect.Effect<Uint8Array>

export interface SignerPort {
  /** Imports the key once; what comes back signs as often as it is asked. */
  readonly signer: (privateJwk: jose.JWK, algorithm: SigningAlgorithm) => Effect.Effect<Sign>
}

/** The WebCrypto algorithm with which a JWS algorithm signs. */
const webCrypto = {
  RS256: { name: "RSASSA-PKCS1-v1_5" },
  PS256: { name: "RSA-PSS", saltLength: 32 },
  ES256: { name: "ECDSA", hash: "SHA-256" },
  ES384: { name: "ECDSA", hash: "SHA-384" },
  EdDSA: { name: "Ed25519" },
  Ed25519: { name: "Ed25519" }
} as const satisfies Record<SigningAlgorithm, object>

/** `NodeCrypto.layer` of @lockspire/http/node replaces it. */
export const Signer = Context.Reference<SignerPort>("@lockspire/core/jose/Signer", {
  defaultValue: () => ({
    signer: (privateJwk, algorithm) =>
      Effect.map(
        Effect.promise(async () => (await jose.importJWK(privateJwk, algorithm)) as jose.CryptoKey),
        (key) => (data) =>
          Effect.promise(
            async () => new Uint8Array(await crypto.subtle.sign(webCrypto[algorithm], key, new Uint8Array(data)))
          )
      )
  })
})
