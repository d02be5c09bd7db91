/** Verifying the signature of a JWT with a public JWK: on WebCrypto wherever it exists, or on what the platform does faster. */
import { Context, Effect } from "effect"
import * as jose from "jose"

export interface SignatureVerifierPort {
  /**
   * Whether the key signed the JWT, which was decoded before, by the algorithm. A key that is none, that another
   * algorithm takes, or that is an RSA key of less than 2048 bits (RFC 7518 §3.3) signed nothing.
   */
  readonly isSignedBy: (jwt: string, publicJwk: jose.JWK, algorithm: string) => Effect.Effect<boolean>
}

/** `NodeCrypto.layer` of @lockspire/http/node replaces it. */
export const SignatureVerifier = Context.Reference<SignatureVerifierPort>("@lockspire/core/jose/SignatureVerifier", {
  defaultValue: () => ({
    isSignedBy: (jwt, publicJwk, algorithm) =>
      Effect.promise(async () => {
        try {
          await jose.compactVerify(jwt, await jose.importJWK(publicJwk, algorithm), { algorithms: [algorithm] })
          return true
        } catch {
          return false
        }
      })
  })
})
