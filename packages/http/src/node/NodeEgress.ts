/** core's `Egress` on Node: resolved once, checked, pinned. */
import { Egress } from "@lockspire/core"
import { Effect, Layer } from "effect"
import * as dns from "node:dns"
import * as https from "node:https"
import * as net from "node:net"

export interface Options {
  /**
   * Host names whose addresses are not checked: for a test network, and for keys that really live inside. Each opens
   * the guard for whatever that name resolves to.
   */
  readonly allowHosts?: ReadonlyArray<string>
  /** How names become addresses: the system's resolver, asked once for each request, unless given. */
  readonly resolve?: (hostname: string) => Promise<ReadonlyArray<dns.LookupAddress>>
  /** Milliseconds for the whole exchange; 5000 by default. */
  readonly timeout?: number
  /** Bytes of body at most; 256 KiB by default. */
  readonly maximumBytes?: number
}

const lookUp = (hostname: string): Promise<ReadonlyArray<dns.LookupAddress>> =>
  dns.promises.lookup(hostname, { all: true })

/** The address to connect to: the first, once all of them have been found public. */
const checkedAddress = (url: URL, { allowHosts = [], resolve = lookUp }: Options) =>
  Effect.gen(function* () {
    const refused = (reason: Egress.EgressRefused["reason"]) => new Egress.EgressRefused({ reason, url: url.href })
    const hostname = url.hostname.replace(/^\[(.*)\]$/, "$1")
    const addresses = yield* Effect.tryPromise({
      try: () =>
        net.isIP(hostname) === 0
          ? resolve(hostname)
          : Promise.resolve([{ address: hostname, family: net.isIP(hostname) }]),
      catch: () => refused("NameUnresolved")
    })
    const [first] = addresses
    if (first === undefined) return yield* refused("NameUnresolved")
    const isOpen = allowHosts.includes(hostname)
    if (!isOpen && addresses.some(({ address }) => Egress.isSpecialUse(address))) {
      return yield* refused("AddressSpecialUse")
    }
    return first
  })

/** One GET to a pinned address, with the name for SNI, certificate and `Host`. */
const exchange = (
  url: URL,
  { address, family }: dns.LookupAddress,
  accept: string,
  maximumBytes: number
): Effect.Effect<Egress.EgressResponse, Egress.EgressRefused> =>
  Effect.callback((resume, signal) => {
    const refuse = (reason: Egress.EgressRefused["reason"]) =>
      resume(Effect.fail(new Egress.EgressRefused({ reason, url: url.href })))
    const request = https.request(url, {
      method: "GET",
      agent: false,
      signal,
      headers: { accept, "accept-encoding": "identity", "user-agent": "lockspire" },
      lookup: (_hostname, options, callback) =>
        options.all ? callback(null, [{ address, family }]) : callback(null, address, family)
    })
    request.on("error", () => refuse("ConnectionFailed"))
    request.on("response", (response) => {
      const status = response.statusCode ?? 0
      if (status >= 300 && status < 400) {
        request.destroy()
        return refuse("Redirected")
      }
      const chunks: Array<Buffer> = []
      let length = 0
      response.on("data", (chunk: Buffer) => {
        length += chunk.length
        if (length > maximumBytes) {
          request.destroy()
          refuse("TooLarge")
        } else chunks.push(chunk)
      })
      response.on("error", () => refuse("ConnectionFailed"))
      response.on("end", () => {
        const headers = Object.entries(response.headers).map(([name, value]) => [name, String(value)])
        resume(Effect.succeed({ status, headers: Object.fromEntries(headers), body: Buffer.concat(chunks) }))
      })
    })
    request.end()
  })

export const layer = (options: Options = {}): Layer.Layer<Egress.Egress> =>
  Layer.succeed(
    Egress.Egress,
    Egress.Egress.of({
      get: ({ accept, url: text }) =>
        Effect.gen(function* () {
          const refused = (reason: Egress.EgressRefused["reason"]) => new Egress.EgressRefused({ reason, url: text })
          if (!URL.canParse(text)) return yield* refused("UrlMalformed")
          const url = new URL(text)
          if (url.protocol !== "https:") return yield* refused("NotHttps")
          if (url.username !== "" || url.password !== "") return yield* refused("UrlMalformed")
          const address = yield* checkedAddress(url, options)
          return yield* exchange(url, address, accept, options.maximumBytes ?? 256 * 1024)
        }).pipe(
          Effect.timeoutOrElse({
            duration: options.timeout ?? 5000,
            orElse: () => Effect.fail(new Egress.EgressRefused({ reason: "TooSlow", url: text }))
          })
        )
    })
  )
