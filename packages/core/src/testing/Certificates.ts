/** X.509 certificates for tests, made on the spot: P-256 keys, any subject, signed by themselves or by one another. */
import { Effect } from "effect"
import { Base64 } from "effect/encoding"
import type { Jwk } from "../client/Jwks.ts"
import { concat, encode } from "../crypto/Crypto.ts"

/** DER, ITU-T X.690: tag, length, contents. */
export const tlv = (tag: number, ...contents: ReadonlyArray<Uint8Array>): Uint8Array => {
  const body = concat(...contents)
  const { length } = body
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return concat(Uint8Array.of(tag, ...size), body)
}

export const sequence = (...contents: ReadonlyArray<Uint8Array>) => tlv(0x30, ...contents)
export const utf8String = (text: string) => tlv(0x0c, encode(text))

export const oid = (dotted: string): Uint8Array => {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number)
  const arc = (value: number): Array<number> =>
    value < 0x80 ? [value] : [...arc(Math.floor(value / 0x80)).map((byte) => byte | 0x80), value & 0x7f]
  return tlv(0x06, Uint8Array.from([first * 40 + second, ...rest].flatMap(arc)))
}

/** Attributes by OID, one relative name each, in the certificate's order; a value that is bytes is DER as it is. */
export type Subject = ReadonlyArray<readonly [type: string, value: string | Uint8Array]>

export const nameOf = (subject: Subject): Uint8Array =>
  sequence(
    ...subject.map(([type, value]) =>
      tlv(0x31, sequence(oid(type), typeof value === "string" ? utf8String(value) : value))
    )
  )

/** The alternative names of RFC 8705 §2.1.2. */
export interface AlternativeNames {
  readonly email?: string
  readonly dns?: string
  readonly uri?: string
  readonly ip?: Uint8Array
}

const alternativeNamesOf = ({ dns, email, ip, uri }: AlternativeNames): Uint8Array =>
  sequence(
    ...(email === undefined ? [] : [tlv(0x81, encode(email))]),
    ...(dns === undefined ? [] : [tlv(0x82, encode(dns))]),
    ...(uri === undefined ? [] : [tlv(0x86, encode(uri))]),
    ...(ip === undefined ? [] : [tlv(0x87, ip)])
  )

const extension = (id: string, value: Uint8Array) => sequence(oid(id), tlv(0x04, value))

/** RFC 5758 §3.2: ecdsa-with-SHA256. */
const algorithm = sequence(oid("1.2.840.10045.4.3.2"))

/** WebCrypto's r and s side by side as the DER of RFC 3279 §2.2.3. */
const signatureOf = (raw: Uint8Array): Uint8Array => {
  const integer = (bytes: Uint8Array) => {
    const at = bytes.findIndex((byte) => byte !== 0)
    const short = bytes.subarray(at)
    return tlv(0x02, short[0]! >= 0x80 ? concat(Uint8Array.of(0), short) : short)
  }
  return sequence(integer(raw.subarray(0, 32)), integer(raw.subarray(32)))
}

const pemOf = (label: string, der: Uint8Array) =>
  `-----BEGIN ${label}-----\n${Base64.encode(der).replaceAll(/.{64}/g, "$&\n").trimEnd()}\n-----END ${label}-----\n`

export interface TestCertificate {
  readonly der: Uint8Array
  readonly pem: string
  readonly privateKeyPem: string
  readonly subject: Subject
  readonly privateKey: CryptoKey
  /** The public key, with the certificate in `x5c`. */
  readonly jwk: Jwk
}

export interface Options {
  readonly subject: Subject
  readonly names?: AlternativeNames
  /** Signs itself without one. */
  readonly signer?: TestCertificate
  readonly isAuthority?: boolean
  /** As `YYMMDDhhmmssZ`. */
  readonly notBefore?: string
  readonly notAfter?: string
}

let serial = 0

/** Valid from 1970 to 2049 unless stated, so that it is valid under a test clock as well. */
export const makeCertificate = (options: Options): Effect.Effect<TestCertificate> =>
  Effect.promise(async () => {
    const { subtle } = crypto
    const pair = await subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"])
    const spki = new Uint8Array(await subtle.exportKey("spki", pair.publicKey))
    const pkcs8 = new Uint8Array(await subtle.exportKey("pkcs8", pair.privateKey))
    const { crv, kty, x, y } = await subtle.exportKey("jwk", pair.publicKey)
    const { isAuthority = false, names, notAfter = "491231235959Z", notBefore = "700101000000Z", signer } = options
    const extensions = [
      extension("2.5.29.19", isAuthority ? sequence(tlv(0x01, Uint8Array.of(0xff))) : sequence()),
      ...(names === undefined ? [] : [extension("2.5.29.17", alternativeNamesOf(names))])
    ]
    const tbs = sequence(
      tlv(0xa0, tlv(0x02, Uint8Array.of(2))),
      tlv(0x02, Uint8Array.of(++serial & 0x7f)),
      algorithm,
      nameOf(signer?.subject ?? options.subject),
      sequence(tlv(0x17, encode(notBefore)), tlv(0x17, encode(notAfter))),
      nameOf(options.subject),
      spki,
      tlv(0xa3, sequence(...extensions))
    )
    const by = { name: "ECDSA", hash: "SHA-256" }
    const signature = await subtle.sign(by, signer?.privateKey ?? pair.privateKey, new Uint8Array(tbs))
    const der = sequence(tbs, algorithm, tlv(0x03, Uint8Array.of(0), signatureOf(new Uint8Array(signature))))
    return {
      der,
      pem: pemOf("CERTIFICATE", der),
      privateKeyPem: pemOf("PRIVATE KEY", pkcs8),
      subject: options.subject,
      privateKey: pair.privateKey,
      jwk: { kty: kty!, crv: crv!, x: x!, y: y!, x5c: [Base64.encode(der)] }
    }
  })
