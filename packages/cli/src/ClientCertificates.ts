/** Where client certificates come from: this process's own TLS, a proxy that the operator names, or nowhere. */
import { ClientCertificates } from "@lockspire/http/node"
import { Effect, Layer, Option } from "effect"
import { type CommandFailed, failed } from "./CommandFailed.ts"
import * as flags from "./flags.ts"
import type * as Listener from "./Listener.ts"

export const config = {
  clientCertHeader: flags.text(
    "client-cert-header",
    "The header in which a proxy that ends TLS passes on certificates"
  ),
  clientCertFormat: flags.textOr("client-cert-format", "rfc9440", "rfc9440 (Client-Cert) or url-encoded-pem (nginx)"),
  clientCertVerified: flags.flag(
    "client-cert-verified",
    "The proxy passes on only certificates whose chain it verified"
  ),
  trustedProxy: flags.texts("trusted-proxy", "Address or network of the proxy; from anyone else the header is ignored")
}

export interface Input {
  readonly clientCertHeader: Option.Option<string>
  readonly clientCertFormat: string
  readonly clientCertVerified: boolean
  readonly trustedProxy: ReadonlyArray<string>
}

const isFormat = (text: string): text is ClientCertificates.ProxyOptions["format"] =>
  text === "rfc9440" || text === "url-encoded-pem"

/** The layer that the flags ask for. */
export const layerOf = Effect.fnUntraced(function* (
  input: Input,
  tls: Listener.Tls | undefined
): Effect.fn.Return<Layer.Layer<never>, CommandFailed> {
  const { clientCertFormat: format, clientCertVerified: chainVerifiedByProxy } = input
  const header = Option.getOrUndefined(input.clientCertHeader)
  const [proxy, ...proxies] = input.trustedProxy
  if (header === undefined && proxy === undefined) {
    return tls === undefined ? Layer.empty : ClientCertificates.layerSocket()
  }
  if (header === undefined || proxy === undefined) {
    return yield* failed("--client-cert-header and --trusted-proxy go together.")
  }
  if (tls !== undefined)
    return yield* failed("With --tls-cert certificates come from the connection, not from a header.")
  if (!isFormat(format)) return yield* failed("--client-cert-format is rfc9440 or url-encoded-pem.")
  return yield* Effect.try({
    try: () =>
      ClientCertificates.layerHeader({ header, format, chainVerifiedByProxy, trustedProxies: [proxy, ...proxies] }),
    catch: () => failed("--trusted-proxy is an IP address, or a network such as 10.0.0.0/8.")
  })
})
