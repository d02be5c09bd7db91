/**
 * Mutual TLS, RFC 8705 §2: client certificates from Node's TLS sockets, or from a proxy that ends TLS. Either layer
 * switches on `tls_client_auth` and `self_signed_tls_client_auth`; without one no certificate is looked at.
 */
import { type ClientCertificate, MutualTls, type MutualTlsOptions } from "@lockspire/core"
import { Layer, Result } from "effect"
import { Base64 } from "effect/encoding"
import type { HttpServerRequest } from "effect/http"
import { IpNetwork, NetAddress } from "effect/net"
import type { Socket } from "node:net"
import type { TLSSocket } from "node:tls"
import { CertificateSource } from "../wire/CertificateSource.ts"

/** Node's socket below the request; undefined for a request that came from elsewhere, as a web-standard one. */
const socketOf = ({ source }: HttpServerRequest.HttpServerRequest): Socket | undefined =>
  "socket" in source ? (source.socket as Socket | undefined) : undefined

const isTls = (socket: Socket): socket is TLSSocket => "encrypted" in socket && socket.encrypted === true

const fromSocket = (request: HttpServerRequest.HttpServerRequest): ClientCertificate | undefined => {
  const socket = socketOf(request)
  if (socket === undefined || !isTls(socket)) return undefined
  const certificate = socket.getPeerX509Certificate()
  return certificate && { der: certificate.raw, isChainTrusted: socket.authorized }
}

/** The origin of every alias, in its normal form: whatever is none would be advertised and never answered. */
const aliasesOf = ({ aliases = {} }: MutualTlsOptions): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(aliases).map(([issuer, alias]) => {
      const url = new URL(alias)
      if (url.protocol !== "https:" || url.pathname !== "/") throw new Error(`The alias ${alias} is no https origin`)
      return [issuer, url.origin]
    })
  )

const layer = (options: MutualTlsOptions, source: typeof CertificateSource.Service) =>
  Layer.mergeAll(
    Layer.sync(MutualTls, () => ({ aliases: aliasesOf(options) })),
    Layer.succeed(CertificateSource, source)
  )

/**
 * From the TLS socket of Node's own https server, created with `requestCert: true` and `rejectUnauthorized: false`: a
 * client may come without a certificate, and a self-signed one is good for its key. Whether a chain is trusted is what
 * the server's `ca` says.
 */
export const layerSocket = (options: MutualTlsOptions = {}) => layer(options, fromSocket)

export interface ProxyOptions extends MutualTlsOptions {
  /** The addresses or networks, such as `10.0.0.0/8`, of the proxies that set the header. From anyone else it is ignored. */
  readonly trustedProxies: readonly [string, ...ReadonlyArray<string>]
  /** The header, which the proxy must replace or remove on every request. */
  readonly header: string
  /** `rfc9440`: the DER in base64 between colons (RFC 9440 §2.2). `url-encoded-pem`: nginx's `$ssl_client_escaped_cert`. */
  readonly format: "rfc9440" | "url-encoded-pem"
  /**
   * Whether the proxy passes on only certificates whose chain it verified. Otherwise only self-signed ones authenticate
   * anybody.
   */
  readonly chainVerifiedByProxy: boolean
}

const networkOf = (text: string): IpNetwork.IpNetwork =>
  IpNetwork.fromStringUnsafe(text.includes("/") ? text : `${text}/${text.includes(":") ? 128 : 32}`)

/** The peer's address; an IPv4 one that came in by an IPv6 socket in its own form. */
const addressOf = (socket: Socket | undefined): NetAddress.IpAddress | undefined =>
  Result.getOrUndefined(NetAddress.ipFromString((socket?.remoteAddress ?? "").replace(/^::ffff:(?=\d+\.)/i, "")))

const patterns = {
  rfc9440: /^:([A-Za-z0-9+/]+={0,2}):$/,
  "url-encoded-pem": /^-----BEGIN CERTIFICATE-----([A-Za-z0-9+/\s]+={0,2})\s*-----END CERTIFICATE-----\s*$/
} as const

/** The DER in a header; undefined for anything else, a header that was there twice included. */
const derOf = (value: string, format: ProxyOptions["format"]): Uint8Array | undefined => {
  try {
    const text = format === "rfc9440" ? value : decodeURIComponent(value)
    const encoded = patterns[format].exec(text)?.[1]?.replaceAll(/\s/g, "")
    return encoded === undefined ? undefined : Result.getOrUndefined(Base64.decode(encoded))
  } catch {
    return undefined
  }
}

/** From a header that a proxy in front sets, when the request comes from one of the named proxies. */
export const layerHeader = (options: ProxyOptions) => {
  const networks = options.trustedProxies.map(networkOf)
  const header = options.header.toLowerCase()
  return layer(options, (request) => {
    const address = addressOf(socketOf(request))
    const value = request.headers[header]
    if (value === undefined || address === undefined) return undefined
    if (!networks.some((network) => IpNetwork.contains(network, address))) return undefined
    const der = derOf(value, options.format)
    return der && { der, isChainTrusted: options.chainVerifiedByProxy }
  })
}
