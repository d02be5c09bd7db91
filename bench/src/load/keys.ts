/** What the client signs with keys of its own: assertions (RFC 7523 §3) and DPoP proofs (RFC 9449 §4.2), all ES256. */
import * as crypto from "node:crypto"

/** Fixed, so that every contender can know its public half. It protects nothing. */
const assertionKey = {
  kty: "EC",
  crv: "P-256",
  x: "Ldx1oM7Gl2I25sA1cxdfClFeTPEmyD0xr8mGVKstgmo",
  y: "58VgRuSX1SSyUVegGHdy-Jp6xVzNCYSkrrHjnLpwNJM",
  d: "bnX-mi9g6YLg2ihrokeo2C4In6N7Qaixn6bVRnT1T14"
} as const

const { d: _, ...assertionPublicKey } = assertionKey

/** What is registered for the client, RFC 7517 §5. */
export const clientJwks = {
  keys: [{ ...assertionPublicKey, kid: "benchmark-1", alg: "ES256", use: "sig" }]
}

const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url")

const signer = (privateKey: crypto.KeyObject, header: object) => {
  const protectedHeader = encode(header)
  const key = { key: privateKey, dsaEncoding: "ieee-p1363" } as const
  return (claims: object) => {
    const input = `${protectedHeader}.${encode(claims)}`
    return `${input}.${crypto.sign("sha256", Buffer.from(input), key).toString("base64url")}`
  }
}

const signAssertion = signer(crypto.createPrivateKey({ key: assertionKey, format: "jwk" }), {
  alg: "ES256",
  kid: "benchmark-1"
})

const proofKeys = crypto.generateKeyPairSync("ec", { namedCurve: "P-256" })
const signProof = signer(proofKeys.privateKey, {
  typ: "dpop+jwt",
  alg: "ES256",
  jwk: proofKeys.publicKey.export({ format: "jwk" })
})

const run = crypto.randomUUID()
let made = 0
const jti = () => `${run}-${made++}`
const now = () => Math.floor(Date.now() / 1000)

/** RFC 7523 §3, as `private_key_jwt` sends it: `client_assertion_type` and `client_assertion`, form-encoded. */
export const makeAssertion = (clientId: string, audience: string): string => {
  const iat = now()
  const jwt = signAssertion({ iss: clientId, sub: clientId, aud: audience, iat, exp: iat + 300, jti: jti() })
  return `client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion=${jwt}`
}

/** RFC 9449 §4.2; `accessToken` for a protected resource. */
export const makeProof = (htm: string, htu: string, accessToken?: string): string =>
  signProof({
    htm,
    htu,
    iat: now(),
    jti: jti(),
    ...(accessToken === undefined ? {} : { ath: crypto.createHash("sha256").update(accessToken).digest("base64url") })
  })

/** Things made ahead of the time in which they are needed; made on the spot once none is left. */
export class Pool {
  readonly #make: () => string
  readonly #isOneForAll: boolean
  #made: Array<string> = []

  /** `isOneForAll` where nobody looks at them, and where what is measured is faster than anybody signs. */
  constructor(make: () => string, isOneForAll: boolean) {
    this.#make = make
    this.#isOneForAll = isOneForAll
  }

  /** Throws away what is left: it may be too old by now. */
  refill(count: number): void {
    this.#made = Array.from({ length: this.#isOneForAll ? 1 : count }, this.#make)
  }

  take(): string {
    if (this.#isOneForAll) return (this.#made[0] ??= this.#make())
    return this.#made.pop() ?? this.#make()
  }
}
