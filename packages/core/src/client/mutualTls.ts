/** Mutual-TLS client authentication, RFC 8705 §2: `tls_client_auth` and `self_signed_tls_client_auth`. */
import { Context, DateTime, Effect, Option, Result } from "effect"
import { Base64 } from "effect/encoding"
import { NetAddress } from "effect/net"
import { check } from "../audit/Refusal.ts"
import { Crypto, equal } from "../crypto/Crypto.ts"
import { supportedClientAuthenticationMethods } from "../oauth/Metadata.ts"
import { InvalidClient } from "../oauth/OAuthError.ts"
import * as Certificate from "./Certificate.ts"
import { type Client, textMetadata } from "./Client.ts"
import { clientKeys } from "./clientKeys.ts"
import * as DistinguishedName from "./DistinguishedName.ts"
import type { Jwk } from "./Jwks.ts"

/** The certificate by which the client proved possession of its key in the TLS handshake. */
export interface ClientCertificate {
  readonly der: Uint8Array
  /** Whether whoever ended TLS verified the chain up to a certification authority that it trusts. */
  readonly isChainTrusted: boolean
}

/** Said by the layer that shows us certificates, and by nothing else: what mutual TLS can do here follows from it. */
export interface MutualTlsOptions {
  /**
   * RFC 8705 §5: by issuer identifier the origin, such as `https://mtls.example.com`, where the same endpoints ask for a
   * certificate, so that the browsers that visit the issuer's own origin are not asked for one.
   */
  readonly aliases?: Readonly<Record<string, string>>
}

/** Undefined where no certificate ever reaches us. */
export const MutualTls = Context.Reference<MutualTlsOptions | undefined>("@lockspire/core/client/MutualTls", {
  defaultValue: () => undefined
})

/** The methods that a client can use here, for discovery: those of mutual TLS only where certificates reach us. */
export const clientAuthenticationMethods = Effect.map(MutualTls, (mutualTls) =>
  supportedClientAuthenticationMethods.filter(
    (method) => mutualTls !== undefined || !method.endsWith("tls_client_auth")
  )
)

/** RFC 8705 §2.1.2: how a client may name the subject of its certificate; exactly one of them. */
export const subjectFields = [
  "tls_client_auth_subject_dn",
  "tls_client_auth_san_dns",
  "tls_client_auth_san_uri",
  "tls_client_auth_san_ip",
  "tls_client_auth_san_email"
] as const

/** The octets of an address, in whichever form it is written. */
const octetsOf = (address: string): Uint8Array | undefined =>
  Option.getOrUndefined(
    Option.map(Result.getSuccess(NetAddress.ipFromString(address)), (ip) =>
      Uint8Array.from(NetAddress.isIpv4Address(ip) ? NetAddress.ipv4ToOctets(ip) : NetAddress.ipv6ToOctets(ip))
    )
  )

/** RFC 5321 §2.4: the part before the @ keeps its case. */
const mailbox = (address: string): string => {
  const at = address.lastIndexOf("@")
  if (at < 0) return address
  return `${address.slice(0, at)}@${address.slice(at + 1).toLowerCase()}`
}

/** Whether the certificate has the subject that the client registered. */
const hasSubject = (certificate: Certificate.Certificate, client: Client): boolean => {
  const registered = subjectFields.flatMap((field) => {
    const value = textMetadata(client, field)
    return value === undefined ? [] : [{ field, value }]
  })
  const [only, ...more] = registered
  if (only === undefined || more.length > 0) return false
  const { field, value } = only
  switch (field) {
    case "tls_client_auth_subject_dn":
      return DistinguishedName.matches(value, certificate.subject)
    case "tls_client_auth_san_dns":
      return certificate.dnsNames.some((name) => name.toLowerCase() === value.toLowerCase())
    case "tls_client_auth_san_uri":
      return certificate.uris.includes(value)
    case "tls_client_auth_san_ip": {
      const octets = octetsOf(value)
      return octets !== undefined && certificate.ipAddresses.some((address) => equal(address, octets))
    }
    case "tls_client_auth_san_email":
      return certificate.emails.some((email) => mailbox(email) === mailbox(value))
  }
}

/** RFC 8705 §2.2: whether one of the keys comes with exactly this certificate. */
const comesWith = (keys: ReadonlyArray<Jwk>, der: Uint8Array, thumbprint: string): boolean =>
  keys.some((key) => {
    const [first] = Array.isArray(key["x5c"]) ? (key["x5c"] as ReadonlyArray<unknown>) : []
    const bytes = typeof first === "string" ? Result.getOrUndefined(Base64.decode(first)) : undefined
    return key["x5t#S256"] === thumbprint || (bytes !== undefined && equal(bytes, der))
  })

/**
 * Whether the certificate is registered with the client. A certificate that a published set does not have is as new to
 * us as an unknown `kid`, by whose rule the set is fetched again.
 */
const isRegistered = Effect.fnUntraced(function* (der: Uint8Array, client: Client) {
  const thumbprint = yield* Crypto.use((crypto) => crypto.sha256(der))
  for (const kid of [undefined, thumbprint]) {
    const keys = yield* Effect.option(clientKeys(client, kid))
    if (Option.isSome(keys) && comesWith(keys.value, der, thumbprint)) return true
  }
  return false
})

/** Whether the certificate speaks for the client. `method` is the one that the client registered. */
export const checkCertificate = Effect.fnUntraced(function* (
  client: Client,
  method: "tls_client_auth" | "self_signed_tls_client_auth",
  presented: ClientCertificate | undefined
) {
  yield* check(
    "RFC 8705 §2: the connection has a client certificate",
    presented !== undefined,
    () => new InvalidClient({ reason: "CertificateMissing" })
  )
  const certificate = Certificate.parse(presented!.der)
  yield* check(
    "RFC 5280 §4.1: the certificate can be read",
    certificate !== undefined,
    () => new InvalidClient({ reason: "CertificateMalformed" })
  )
  const now = (yield* DateTime.now).epochMilliseconds
  yield* check(
    "RFC 5280 §4.1.2.5: the certificate is valid now",
    certificate!.notBefore.epochMilliseconds <= now && now <= certificate!.notAfter.epochMilliseconds,
    () => new InvalidClient({ reason: "CertificateExpired" })
  )
  if (method === "self_signed_tls_client_auth") {
    return yield* check(
      "RFC 8705 §2.2: the certificate is one of those in the client's JWK Set",
      yield* isRegistered(presented!.der, client),
      () => new InvalidClient({ reason: "CertificateNotRegistered" })
    )
  }
  yield* check(
    "RFC 8705 §2.1: the chain leads to a trusted certification authority",
    presented!.isChainTrusted,
    () => new InvalidClient({ reason: "CertificateNotTrusted" })
  )
  yield* check(
    "RFC 8705 §2.1.2: the subject is the registered one",
    hasSubject(certificate!, client),
    () => new InvalidClient({ reason: "CertificateSubjectMismatch" })
  )
})
