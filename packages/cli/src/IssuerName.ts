/** The issuer's host name on this machine: whether it leads anywhere, and how the demo reaches its issuer if it does not. */
import { Effect } from "effect"
import * as dns from "node:dns"
import * as http from "node:http"
import * as https from "node:https"
import * as net from "node:net"

/** A resolver that does not answer must not keep `dev` from starting. */
const patience = "2 seconds"

/** Whether this machine knows an address for the host of a URL. */
export const resolves = (url: string): Effect.Effect<boolean> => {
  const hostname = new URL(url).hostname.replace(/^\[(.*)\]$/, "$1")
  if (hostname === "localhost" || net.isIP(hostname) !== 0) return Effect.succeed(true)
  return Effect.tryPromise(() => dns.promises.lookup(hostname)).pipe(
    Effect.timeout(patience),
    Effect.match({ onSuccess: () => true, onFailure: () => false })
  )
}

interface Socket {
  readonly host: string
  readonly port: number
}

/** The address at which a listener on `host` is reached from the machine itself. */
export const socketOf = (host: string, port: number): Socket => ({
  host: host === "localhost" || host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host,
  port
})

const headersOf = (message: http.IncomingMessage): Array<[string, string]> =>
  Object.entries(message.headersDistinct).flatMap(([name, values = []]) =>
    values.map((value): [string, string] => [name, value])
  )

/** RFC 9110 §15.3.5, §15.4.5: these have no content, and `Response` takes none with them. */
const isEmpty = (status: number) => status === 204 || status === 304

/** `fetch`, but what is for that origin goes to the socket, under the origin's own name; redirects are not followed there. */
export const fetchBy =
  (origin: string, { host, port }: Socket): typeof globalThis.fetch =>
  async (input, init) => {
    const request = new Request(input, init)
    const url = new URL(request.url)
    if (url.origin !== origin) return fetch(request)
    const body = Buffer.from(await request.arrayBuffer())
    const { request: send } = url.protocol === "https:" ? https : http
    return new Promise((resolve, reject) => {
      send({
        host,
        port,
        path: `${url.pathname}${url.search}`,
        method: request.method,
        servername: url.hostname,
        headers: { ...Object.fromEntries(request.headers), host: url.host, "content-length": body.length },
        agent: false,
        signal: request.signal
      })
        .on("error", reject)
        .on("response", (response) => {
          const chunks: Array<Buffer> = []
          response.on("data", (chunk: Buffer) => chunks.push(chunk))
          response.on("error", reject)
          response.on("end", () => {
            const status = response.statusCode ?? 500
            const content = isEmpty(status) ? null : Buffer.concat(chunks)
            resolve(new Response(content, { status, headers: headersOf(response) }))
          })
        })
        .end(body)
    })
  }
