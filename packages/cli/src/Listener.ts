/** The socket: http or https, on one address or on both of localhost's. */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { Effect, Layer, Option, type Scope } from "effect"
import type { HttpServerError } from "effect/http"
import { X509Certificate } from "node:crypto"
import * as fs from "node:fs"
import * as http from "node:http"
import * as https from "node:https"
import * as net from "node:net"
import * as tls from "node:tls"
import { type CommandFailed, failed } from "./CommandFailed.ts"

export interface Tls {
  readonly cert: string
  readonly key: string
  /** The certification authorities (PEM) whose client certificates are trusted; the system's when undefined. */
  readonly clientCa: string | undefined
}

export interface Options {
  readonly host: string
  readonly port: number
  readonly tls: Tls | undefined
}

/** How long requests that are being answered keep a process that was told to stop. */
const patience = 2000

/** RFC 9325 §4.2: with TLS 1.2 only ECDHE and AES-GCM; every suite of TLS 1.3. */
const ciphers = [
  "TLS_AES_256_GCM_SHA384",
  "TLS_CHACHA20_POLY1305_SHA256",
  "TLS_AES_128_GCM_SHA256",
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES256-GCM-SHA384",
  "ECDHE-ECDSA-AES128-GCM-SHA256",
  "ECDHE-RSA-AES128-GCM-SHA256"
].join(":")

// A header that may stand once but came twice is joined, and then means nothing: of `Host` and `Authorization` the first would
// win otherwise, and a proxy in front may have judged the last.
const limits = { joinDuplicateHeaders: true, headersTimeout: 10_000, requestTimeout: 30_000, keepAliveTimeout: 5000 }

const serverOf = ({ tls }: Options): http.Server =>
  tls === undefined
    ? http.createServer(limits)
    : https.createServer({
        ...limits,
        cert: tls.cert,
        key: tls.key,
        minVersion: "TLSv1.2",
        ciphers,
        honorCipherOrder: true,
        // RFC 8705 §2: asked for, not demanded; which client it speaks for is judged where clients authenticate.
        requestCert: true,
        rejectUnauthorized: false,
        ...(tls.clientCa === undefined ? {} : { ca: tls.clientCa })
      })

/** The files of `--tls-cert` and `--tls-key`, which belong together, and of `--tls-client-ca`. */
export const readTls = Effect.fnUntraced(function* ({
  tlsCert: cert,
  tlsClientCa: clientCa,
  tlsKey: key
}: {
  readonly tlsCert: Option.Option<string>
  readonly tlsKey: Option.Option<string>
  readonly tlsClientCa: Option.Option<string>
}): Effect.fn.Return<Tls | undefined, CommandFailed> {
  if (Option.isNone(cert) && Option.isNone(key)) {
    return Option.isNone(clientCa) ? undefined : yield* failed("--tls-client-ca needs --tls-cert and --tls-key.")
  }
  if (Option.isNone(cert) || Option.isNone(key)) return yield* failed("--tls-cert and --tls-key go together.")
  const pair = { cert: yield* read(cert.value), key: yield* read(key.value) }
  yield* Effect.try({
    try: () => tls.createSecureContext(pair),
    catch: () => failed(`${cert.value} and ${key.value} are not a certificate and its private key in PEM.`)
  })
  return { ...pair, clientCa: yield* readClientCa(clientCa) }
})

/** The file of `--tls-client-ca`. */
export const readClientCa = Effect.fnUntraced(function* (
  file: Option.Option<string>
): Effect.fn.Return<string | undefined, CommandFailed> {
  if (Option.isNone(file)) return undefined
  const ca = yield* read(file.value)
  yield* Effect.try({
    try: () => new X509Certificate(ca),
    catch: () => failed(`${file.value} is no certificate in PEM.`)
  })
  return ca
})

const read = (file: string) =>
  Effect.try({
    try: () => fs.readFileSync(file, "utf8"),
    catch: () => failed(`The file ${file} cannot be read.`)
  })

/**
 * Makes this process's own requests trust a certificate, beside those of NODE_EXTRA_CA_CERTS: the demo asks its issuer
 * over https like any other client.
 */
export const trust = (certificate: string) =>
  Effect.sync(() => tls.setDefaultCACertificates([...tls.getCACertificates("default"), certificate]))

/** The port itself, or a free one for 0: the issuer identifier has to name it before anything listens. */
export const resolvePort = (port: number): Effect.Effect<number> =>
  port !== 0
    ? Effect.succeed(port)
    : Effect.callback((resume) => {
        const probe = net.createServer()
        probe.listen(0, "127.0.0.1", () => {
          const { port } = probe.address() as net.AddressInfo
          probe.close(() => resume(Effect.succeed(port)))
        })
      })

const sentence = ({ host, port }: Options, error: unknown): CommandFailed => {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === "EADDRINUSE") return failed(`Port ${port} is in use; stop what uses it, or choose another --port.`)
  if (code === "EACCES") return failed(`This user may not listen on port ${port}.`)
  return failed(`Lockspire cannot listen on ${host}:${port} (${code ?? message}).`)
}

/** The `HttpServer`, listening until the scope closes. `localhost` is both of its addresses, as browsers take it. */
export const layer = (options: Options) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const server = serverOf(options)
      const both = options.host === "localhost"
      if (both) yield* alsoOnIPv6(server, options)
      const listening = {
        port: options.port,
        host: both ? "127.0.0.1" : options.host,
        gracefulShutdownTimeout: patience
      }
      return Layer.merge(
        NodeHttpServer.layer(() => server, listening),
        cutOff(server)
      ).pipe(
        Layer.catch((error: HttpServerError.ServeError) =>
          Layer.effectContext(Effect.fail(sentence(options, error.cause)))
        )
      )
    })
  )

/** A client that never finishes its request must not keep the process: what is left is cut after the patience. */
const cutOff = (server: http.Server) =>
  Layer.effectDiscard(
    Effect.addFinalizer(() =>
      Effect.sync(() => {
        setTimeout(() => server.closeAllConnections(), patience + 500).unref()
      })
    )
  )

/** Hands the connections of the second address to the same server. A machine without IPv6 has only the first. */
const alsoOnIPv6 = (server: http.Server, options: Options): Effect.Effect<void, CommandFailed, Scope.Scope> =>
  Effect.asVoid(
    Effect.acquireRelease(
      Effect.callback<net.Server, CommandFailed>((resume) => {
        const second = net.createServer((socket) => server.emit("connection", socket))
        second.once("error", (error: NodeJS.ErrnoException) =>
          resume(error.code === "EADDRINUSE" ? Effect.fail(sentence(options, error)) : Effect.succeed(second))
        )
        second.listen({ port: options.port, host: "::1", ipv6Only: true }, () => resume(Effect.succeed(second)))
      }),
      (second) => Effect.sync(() => second.listening && second.close())
    )
  )
