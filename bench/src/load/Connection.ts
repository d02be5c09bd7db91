/**
 * One keep-alive HTTP/1.1 connection, one request at a time. Bare sockets, because the load must cost less than the
 * fastest server it measures: an ordinary client spends more on a request than bare `node:http` does on its answer.
 */
import * as net from "node:net"

export interface Answer {
  readonly status: number
  /** Status line and headers as they came. */
  readonly head: string
  /** Latin-1, which is the text itself as long as it is ASCII. */
  readonly body: string
}

interface Waiting {
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: Error) => void
}

export class Connection {
  readonly #socket: net.Socket
  #received = ""
  #waiting: Waiting | undefined

  private constructor(socket: net.Socket) {
    this.#socket = socket
    socket.setNoDelay(true)
    socket.setEncoding("latin1")
    socket.on("data", (chunk) => {
      this.#received += String(chunk)
      const answer = this.#take()
      if (answer === undefined) return
      const waiting = this.#waiting
      this.#waiting = undefined
      waiting?.resolve(answer)
    })
    socket.on("error", (error) => this.#fail(error))
    socket.on("close", () => this.#fail(new Error("the server closed the connection")))
  }

  static open(port: number): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = net.connect({ port, host: "127.0.0.1" })
      socket.once("error", reject)
      socket.once("connect", () => {
        socket.off("error", reject)
        resolve(new Connection(socket))
      })
    })
  }

  send(request: string): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
      this.#socket.write(request, "latin1")
    })
  }

  close(): void {
    this.#socket.destroy()
  }

  #fail(error: Error): void {
    this.#waiting?.reject(error)
    this.#waiting = undefined
  }

  /** The answer, when all of it is here. */
  #take(): Answer | undefined {
    const received = this.#received
    const end = received.indexOf("\r\n\r\n")
    if (end < 0) return undefined
    const head = received.slice(0, end)
    const status = Number(head.slice(9, 12))
    const rest = end + 4
    const length = header(head, "content-length")
    if (length !== undefined) {
      const size = Number(length)
      if (received.length < rest + size) return undefined
      this.#received = received.slice(rest + size)
      return { status, head, body: received.slice(rest, rest + size) }
    }
    if (header(head, "transfer-encoding") === undefined) {
      this.#received = received.slice(rest)
      return { status, head, body: "" }
    }
    const body = unchunk(received, rest)
    if (body === undefined) return undefined
    this.#received = ""
    return { status, head, body }
  }
}

/** RFC 9112 §7.1, without extensions or trailers; undefined while the last chunk is missing. */
const unchunk = (text: string, from: number): string | undefined => {
  let body = ""
  let at = from
  for (;;) {
    const line = text.indexOf("\r\n", at)
    if (line < 0) return undefined
    const size = Number.parseInt(text.slice(at, line), 16)
    if (size === 0) return text.length >= line + 4 ? body : undefined
    if (text.length < line + 2 + size + 2) return undefined
    body += text.slice(line + 2, line + 2 + size)
    at = line + 2 + size + 2
  }
}

const patterns = new Map<string, RegExp>()

/** The value of a header, by its lower-case name. */
export const header = (head: string, name: string): string | undefined => {
  let pattern = patterns.get(name)
  if (pattern === undefined) {
    pattern = new RegExp(`\\r\\n${name}: *([^\\r]*)`, "i")
    patterns.set(name, pattern)
  }
  return pattern.exec(head)?.[1]
}
