/** A public client of the server under test, and its person: codes, exchanges and refreshes at any node, by its port. */
import { TestBrowser } from "@lockspire/http/testing"
import { createHash, type webcrypto } from "node:crypto"
import * as http from "node:http"
import * as net from "node:net"

export const clientId = "app"
const redirectUri = "https://app.example/callback"

/** RFC 7636 Appendix B. */
const verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
const challenge = createHash("sha256").update(verifier).digest("base64url")

/** A client that is asked for no consent: what is tested begins after it. */
export const seedClient = (client_id = clientId) => ({
  client_id,
  redirect_uris: [redirectUri],
  token_endpoint_auth_method: "none",
  grant_types: ["authorization_code", "refresh_token"],
  first_party: true
})

/** A port that was free a moment ago, for a server that has to come back at the same address. */
/** Below those that systems give to outgoing connections, one of which could take it before the server listens. */
export const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const port = 10_000 + Math.floor(Math.random() * 22_000)
    const probe = net.createServer()
    probe.once("error", () => resolve(freePort()))
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(port)))
  })

export interface Answer {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly body: string
}

export type PublishedKey = webcrypto.JsonWebKey & { readonly kid: string }

export interface Tokens {
  readonly access_token: string
  readonly refresh_token: string
  readonly id_token: string
}

export const tokensOf = (answer: Answer): Tokens => {
  if (answer.status !== 200) throw new Error(`No tokens but ${answer.status}: ${answer.body}`)
  return JSON.parse(answer.body)
}

/** One process that serves the issuer. `Host` is the issuer's, whatever the port: so does a load balancer send it. */
export class ServerNode {
  readonly issuer: URL
  readonly port: number
  readonly #agent = new http.Agent({ keepAlive: true, maxSockets: 64 })

  constructor(issuer: string, port = Number(new URL(issuer).port)) {
    this.issuer = new URL(issuer)
    this.port = port
  }

  /** A GET, or a POST of a form. An answer that does not come is an error after ten seconds. */
  send(path: string, form?: Record<string, string>, headers: Record<string, string> = {}): Promise<Answer> {
    const body = form === undefined ? undefined : new URLSearchParams(form).toString()
    const type = { "content-type": "application/x-www-form-urlencoded" }
    return new Promise((resolve, reject) => {
      const request = http.request({
        host: "127.0.0.1",
        port: this.port,
        path,
        agent: this.#agent,
        method: body === undefined ? "GET" : "POST",
        headers: { host: this.issuer.host, ...(body === undefined ? {} : type), ...headers },
        timeout: 10_000
      })
      request.on("timeout", () => request.destroy(new Error(`No answer to ${path} in ten seconds`)))
      request.on("error", reject)
      request.on("response", (response) => {
        let text = ""
        response.setEncoding("utf8")
        response.on("data", (chunk: string) => (text += chunk))
        response.on("error", reject)
        response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }))
      })
      request.end(body)
    })
  }

  exchange(code: string, client_id = clientId): Promise<Answer> {
    return this.send("/token", {
      grant_type: "authorization_code",
      client_id,
      code,
      redirect_uri: redirectUri,
      code_verifier: verifier
    })
  }

  refresh(refresh_token: string, client_id = clientId): Promise<Answer> {
    return this.send("/token", { grant_type: "refresh_token", client_id, refresh_token })
  }

  userinfo(accessToken: string): Promise<Answer> {
    return this.send("/userinfo", undefined, { authorization: `Bearer ${accessToken}` })
  }

  async publishedKeys(): Promise<ReadonlyArray<PublishedKey>> {
    return JSON.parse((await this.send("/jwks")).body).keys
  }

  close() {
    this.#agent.destroy()
  }
}

export const authorizationPath = (client_id = clientId) =>
  `/authorize?${new URLSearchParams({
    client_id,
    redirect_uri: redirectUri,
    response_type: "code",
    scope: "openid offline_access",
    code_challenge: challenge,
    code_challenge_method: "S256"
  })}`

/** The demo account's browser; it signs in when it is asked to. */
export class Person {
  readonly #browser = new TestBrowser((url) => url.host === "app.example")
  readonly #issuer: string

  constructor(issuer: string) {
    this.#issuer = issuer
  }

  /** An authorization code for the client. */
  async code(client = clientId): Promise<string> {
    const page = await this.#browser.visit(`${this.#issuer}${authorizationPath(client)}`)
    const landed = page.status === 200 ? await this.#browser.submit(page, { username: "demo", password: "demo" }) : page
    const code = landed.url.searchParams.get("code")
    if (code === null) throw new Error(`No code but ${landed.status} at ${landed.url}: ${landed.body}`)
    return code
  }
}
