/** HTTP/1.1 byte by byte, for requests that no client library would send. */
import { connect, type Socket } from "node:net"

export interface RawResponse {
  readonly status: number
  /** By lower-case name; a repeated header is joined with commas. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export interface RawRequest {
  readonly method?: string
  /** As it stands in the request line; never touched. */
  readonly target: string
  /** `Host` is added unless one is here. */
  readonly headers?: ReadonlyArray<readonly [name: string, value: string]>
  readonly body?: string | Uint8Array
  /** `Content-Length` of the body, unless the request says otherwise. */
  readonly framing?: "content-length" | "chunked" | "none"
}

const crlf = "\r\n"

/** The bytes of a request; text is Latin-1, so that any byte can be written. */
export const bytesOf = (request: RawRequest, host: string): Buffer => {
  const { framing = "content-length", headers = [] } = request
  const body = typeof request.body === "string" ? Buffer.from(request.body, "latin1") : request.body
  const names = new Set(headers.map(([name]) => name.toLowerCase()))
  const lines = [`${request.method ?? "GET"} ${request.target} HTTP/1.1`]
  if (!names.has("host")) lines.push(`Host: ${host}`)
  for (const [name, value] of headers) lines.push(`${name}: ${value}`)
  if (body !== undefined && framing === "content-length" && !names.has("content-length")) {
    lines.push(`Content-Length: ${body.length}`)
  }
  if (body !== undefined && framing === "chunked") lines.push("Transfer-Encoding: chunked")
  const head = Buffer.from(lines.join(crlf) + crlf + crlf, "latin1")
  if (body === undefined) return head
  if (framing !== "chunked") return Buffer.concat([head, body])
  const chunk = Buffer.from(`${body.length.toString(16)}${crlf}`)
  return Buffer.concat([head, chunk, body, Buffer.from(`${crlf}0${crlf}${crlf}`)])
}

interface Parsed {
  readonly response: RawResponse
  readonly rest: Buffer
}

const dechunk = (bytes: Buffer): { readonly body: Buffer; readonly rest: Buffer } | undefined => {
  const parts: Array<Buffer> = []
  let at = 0
  for (;;) {
    const end = bytes.indexOf(crlf, at)
    if (end < 0) return undefined
    const size = Number.parseInt(bytes.toString("latin1", at, end), 16)
    const start = end + 2
    if (bytes.length < start + size + 2) return undefined
    if (size === 0) return { body: Buffer.concat(parts), rest: bytes.subarray(start + 2) }
    parts.push(bytes.subarray(start, start + size))
    at = start + size + 2
  }
}

/** The first response in the bytes, if it is complete. */
const parse = (bytes: Buffer, method: string, isClosed: boolean): Parsed | undefined => {
  const end = bytes.indexOf(crlf + crlf)
  if (end < 0) return undefined
  const [statusLine = "", ...lines] = bytes.toString("latin1", 0, end).split(crlf)
  const status = Number(statusLine.split(" ")[1])
  const headers: Record<string, string> = {}
  for (const line of lines) {
    const colon = line.indexOf(":")
    const name = line.slice(0, colon).toLowerCase()
    const value = line.slice(colon + 1).trim()
    headers[name] = name in headers ? `${headers[name]}, ${value}` : value
  }
  const after = bytes.subarray(end + 4)
  const made = (body: Buffer, rest: Buffer): Parsed => ({
    response: { status, headers, body: body.toString("utf8") },
    rest
  })
  if (method === "HEAD" || status === 204 || status === 304) return made(Buffer.alloc(0), after)
  if (headers["transfer-encoding"] === "chunked") {
    const whole = dechunk(after)
    return whole === undefined ? undefined : made(whole.body, whole.rest)
  }
  const length = headers["content-length"]
  if (length === undefined) return isClosed ? made(after, Buffer.alloc(0)) : undefined
  return after.length < Number(length)
    ? undefined
    : made(after.subarray(0, Number(length)), after.subarray(Number(length)))
}

/** How long anything may take before it counts as hanging. */
const patience = 5_000

/** The server closed the connection before the answer was complete. */
export class Closed extends Error {
  override readonly name = "Closed"
}

/** One connection; requests go one after the other. */
export class RawConnection {
  private readonly socket: Socket
  private received: Buffer = Buffer.alloc(0)
  private isClosed = false
  private wake: () => void = () => {}

  private constructor(socket: Socket) {
    this.socket = socket
    socket.setNoDelay(true)
    socket.on("data", (chunk: Buffer) => {
      this.received = this.received.length === 0 ? chunk : Buffer.concat([this.received, chunk])
      this.wake()
    })
    const ended = () => {
      this.isClosed = true
      this.wake()
    }
    socket.on("end", ended).on("close", ended).on("error", ended)
  }

  static open(issuer: string): Promise<RawConnection> {
    const { hostname, port } = new URL(issuer)
    return new Promise((resolve, reject) => {
      const socket = connect({ host: hostname.replace(/^\[|\]$/g, ""), port: Number(port) })
      socket.once("error", reject)
      socket.once("connect", () => resolve(new RawConnection(socket)))
    })
  }

  get closed(): boolean {
    return this.isClosed
  }

  write(bytes: string | Uint8Array): void {
    if (!this.isClosed) this.socket.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes)
  }

  /** The next response. Rejects when it does not come in time, or with `Closed` when it never will. */
  async next(method = "GET"): Promise<RawResponse> {
    const deadline = performance.now() + patience
    for (;;) {
      const parsed = this.received.length === 0 ? undefined : parse(this.received, method, this.isClosed)
      if (parsed !== undefined) {
        this.received = Buffer.from(parsed.rest)
        return parsed.response
      }
      if (this.isClosed) throw new Closed(`closed after ${this.received.length} bytes`)
      await this.change(deadline)
    }
  }

  /** Resolves when the server has closed the connection; rejects when it does not. */
  async whenClosed(): Promise<void> {
    const deadline = performance.now() + patience
    while (!this.isClosed) await this.change(deadline)
  }

  /** Nothing more will come: a request that is not complete by now never will be. */
  end(bytes: Uint8Array): void {
    this.socket.end(bytes)
  }

  close(): void {
    this.socket.destroy()
  }

  private change(deadline: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error("The server hangs")), deadline - performance.now())
      this.wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}

/** One request on a connection of its own. */
export const send = async (issuer: string, request: RawRequest): Promise<RawResponse> => {
  const connection = await RawConnection.open(issuer)
  try {
    connection.write(bytesOf(request, new URL(issuer).host))
    return await connection.next(request.method)
  } finally {
    connection.close()
  }
}

/** Any bytes on a connection of their own: the answer, or undefined when the server hangs up without one. */
export const sendBytes = async (
  issuer: string,
  bytes: Uint8Array,
  method?: string
): Promise<RawResponse | undefined> => {
  const connection = await RawConnection.open(issuer)
  try {
    connection.end(bytes)
    return await connection.next(method)
  } catch (error) {
    if (error instanceof Closed) return undefined
    throw error
  } finally {
    connection.close()
  }
}

/** A form as it would be sent. */
export const formRequest = (
  target: string,
  body: string,
  headers: ReadonlyArray<readonly [string, string]> = []
): RawRequest => ({
  method: "POST",
  target,
  headers: [["Content-Type", "application/x-www-form-urlencoded"], ...headers],
  body
})
