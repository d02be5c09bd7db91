/** core's `Crypto`, `Signer` and `SignatureVerifier` on Node's synchronous primitives: for short inputs many times faster than WebCrypto. */
import { Crypto, type Metadata, SignatureVerifier, Signer } from "@lockspire/core"
import { Effect, Layer, Option } from "effect"
import * as crypto from "node:crypto"

const nonceLength = 12
const tagLength = 16

/** What `crypto.sign` takes for a JWS algorithm, RFC 7518 §3: the digest, and how the signature is padded or spelt. */
const signing = {
  RS256: ["sha256", { padding: crypto.constants.RSA_PKCS1_PADDING }],
  PS256: ["sha256", { padding: crypto.constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }],
  ES256: ["sha256", { dsaEncoding: "ieee-p1363" }],
  ES384: ["sha384", { dsaEncoding: "ieee-p1363" }],
  EdDSA: [null, {}],
  Ed25519: [null, {}]
} as const satisfies Record<Metadata.SigningAlgorithm, readonly [string | null, Omit<crypto.SignKeyObjectInput, "key">]>

/** One synchronous signature is quicker than handing the work to another thread and waiting for it. */
const signer = Layer.succeed(Signer, {
  signer: (privateJwk, algorithm) =>
    Effect.sync(() => {
      const key = crypto.createPrivateKey({ key: privateJwk, format: "jwk" })
      const [digest, form] = signing[algorithm]
      const input = { key, ...form }
      return (data) => Effect.sync(() => crypto.sign(digest, data, input))
    })
})

/** What `crypto.verify` takes, beside those that we sign by. */
const verifying: Readonly<Record<string, readonly [string | null, Omit<crypto.VerifyKeyObjectInput, "key">]>> = {
  ...signing,
  RS384: ["sha384", { padding: crypto.constants.RSA_PKCS1_PADDING }],
  RS512: ["sha512", { padding: crypto.constants.RSA_PKCS1_PADDING }],
  PS384: ["sha384", { padding: crypto.constants.RSA_PKCS1_PSS_PADDING, saltLength: 48 }],
  PS512: ["sha512", { padding: crypto.constants.RSA_PKCS1_PSS_PADDING, saltLength: 64 }],
  ES512: ["sha512", { dsaEncoding: "ieee-p1363" }]
}

/** RFC 7518 §3.4, §3.3, RFC 8037 §3.1: the one kind of key that an algorithm takes, and how strong it has to be. */
const isKeyOf = ({ asymmetricKeyDetails, asymmetricKeyType }: crypto.KeyObject, algorithm: string): boolean => {
  if (algorithm.startsWith("E") && !algorithm.startsWith("ES")) return asymmetricKeyType === "ed25519"
  if (!algorithm.startsWith("ES")) {
    return asymmetricKeyType === "rsa" && (asymmetricKeyDetails?.modulusLength ?? 0) >= 2048
  }
  const curves: Readonly<Record<string, string>> = { ES256: "prime256v1", ES384: "secp384r1", ES512: "secp521r1" }
  return asymmetricKeyType === "ec" && asymmetricKeyDetails?.namedCurve === curves[algorithm]
}

/** Public keys that were imported, or found to be unfit for the algorithm: to import one costs half of what to verify does. */
const imported = new Map<string, crypto.KeyObject | undefined>()

const importedKey = (publicJwk: crypto.JsonWebKeyInput["key"], algorithm: string): crypto.KeyObject | undefined => {
  const id = `${algorithm} ${JSON.stringify(publicJwk)}`
  if (imported.has(id)) return imported.get(id)
  const key = crypto.createPublicKey({ key: publicJwk, format: "jwk" })
  if (imported.size >= 1024) imported.clear()
  const fit = isKeyOf(key, algorithm) ? key : undefined
  imported.set(id, fit)
  return fit
}

const verifier = Layer.succeed(SignatureVerifier, {
  isSignedBy: (jwt, publicJwk, algorithm) =>
    Effect.sync(() => {
      const how = verifying[algorithm]
      if (how === undefined) return false
      const end = jwt.lastIndexOf(".")
      try {
        const key = importedKey(publicJwk, algorithm)
        const [digest, form] = how
        const signature = Buffer.from(jwt.slice(end + 1), "base64url")
        return key !== undefined && crypto.verify(digest, Buffer.from(jwt.slice(0, end)), { key, ...form }, signature)
      } catch {
        return false
      }
    })
})

/** Bytes drawn ahead: a draw costs 5 µs however few it brings. */
const pool = new Uint8Array(4096)
let drawn = pool.length

/** What was handed out is not in the pool any more. */
const randomBytes = (size: number): Uint8Array => {
  if (size > 64) return crypto.randomBytes(size)
  if (drawn + size > pool.length) {
    crypto.randomFillSync(pool)
    drawn = 0
  }
  const bytes = pool.slice(drawn, drawn + size)
  pool.fill(0, drawn, (drawn += size))
  return bytes
}

const primitives: Layer.Layer<Crypto.Crypto> = Layer.succeed(
  Crypto.Crypto,
  Crypto.Crypto.of({
    randomBytes: (size) => Effect.sync(() => randomBytes(size)),
    sha256: (data) => Effect.sync(() => crypto.hash("sha256", data, "base64url")),
    derive: (secret, info) =>
      Effect.sync(() => new Uint8Array(crypto.hkdfSync("sha256", secret, new Uint8Array(32), info, 32))),
    stretch: (secret, salt, iterations) =>
      Effect.callback<Uint8Array>((resume) => {
        crypto.pbkdf2(secret, salt, iterations, 32, "sha256", (error, key) =>
          resume(error === null ? Effect.succeed(key) : Effect.die(error))
        )
      }),
    seal: (key, plaintext, context) =>
      Effect.sync(() => {
        const nonce = randomBytes(nonceLength)
        const cipher = crypto.createCipheriv("aes-256-gcm", key, nonce).setAAD(Crypto.encode(context))
        return Crypto.concat(nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag())
      }),
    open: (key, sealed, context) =>
      Effect.sync(() => {
        if (sealed.length < nonceLength + tagLength) return Option.none()
        const decipher = crypto
          .createDecipheriv("aes-256-gcm", key, sealed.subarray(0, nonceLength), { authTagLength: tagLength })
          .setAAD(Crypto.encode(context))
          .setAuthTag(sealed.subarray(sealed.length - tagLength))
        try {
          const plaintext = decipher.update(sealed.subarray(nonceLength, sealed.length - tagLength))
          return Option.some(Crypto.concat(plaintext, decipher.final()))
        } catch {
          return Option.none()
        }
      })
  })
)

export const layer: Layer.Layer<Crypto.Crypto> = Layer.mergeAll(primitives, signer, verifier)
