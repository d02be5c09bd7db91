/**
 * A silent sign-in as a bank wants it: the request is pushed (RFC 9126), the client signs assertions (RFC 7523), its tokens
 * are bound to its key (RFC 9449).
 */
import {
  authorizationParameters,
  Browser,
  checkIdToken,
  checkUserinfo,
  exchangeBody,
  responseOf,
  type Tokens,
  tokensOf
} from "./Browser.ts"
import type { Answer, Connection } from "./Connection.ts"
import { makeAssertion, makeProof, Pool } from "./keys.ts"
import { expect, get, keyClient, type Metadata, pathOf, post, type Target } from "./Target.ts"

const { clientId, scope } = keyClient
const parameters = authorizationParameters(clientId, scope)

export class KeyClient {
  readonly #target: Target
  readonly #metadata: Metadata
  readonly #connection: Connection
  readonly #browser: Browser
  readonly #assertions: Pool
  readonly #proofs: Pool
  #lastProof = ""

  constructor(target: Target, metadata: Metadata, connection: Connection) {
    this.#target = target
    this.#metadata = metadata
    this.#connection = connection
    this.#browser = new Browser(target, metadata, connection)
    this.#assertions = new Pool(() => makeAssertion(clientId, metadata.issuer), target.repeats)
    this.#proofs = new Pool(() => makeProof("POST", metadata.token_endpoint), target.repeats)
  }

  /** What the next sign-ins send. The proof for `/userinfo` is not among it: it names the access token. */
  makeAhead(times: number): void {
    this.#assertions.refill(2 * times)
    this.#proofs.refill(times)
  }

  async #push(): Promise<string> {
    const path = pathOf(this.#metadata.pushed_authorization_request_endpoint)
    const body = `${parameters}&${this.#assertions.take()}`
    const requestUri = requestUriOf(await this.#connection.send(post(this.#target.port, path, body)))
    return new URLSearchParams({ client_id: clientId, request_uri: requestUri }).toString()
  }

  async #redeem(response: URLSearchParams): Promise<Answer> {
    const path = pathOf(this.#metadata.token_endpoint)
    const body = `${exchangeBody(response)}&${this.#assertions.take()}`
    const request = post(this.#target.port, path, body, `dpop: ${this.#proofs.take()}\r\n`)
    return this.#connection.send(request)
  }

  #tokensOf(answer: Answer): Tokens {
    const tokens = tokensOf(answer)
    expect(tokens.token_type?.toLowerCase() === "dpop", () => `the token is a ${tokens.token_type} token`)
    checkIdToken(tokens, clientId)
    return tokens
  }

  #userinfo(authorization: string): Promise<Answer> {
    const path = pathOf(this.#metadata.userinfo_endpoint)
    return this.#connection.send(get(this.#target.port, path, `authorization: ${authorization}\r\n`))
  }

  #prove(accessToken: string): string {
    if (!this.#target.repeats || this.#lastProof === "") {
      this.#lastProof = makeProof("GET", this.#metadata.userinfo_endpoint, accessToken)
    }
    return this.#lastProof
  }

  /** Signs in for the first time, and sees that the client is authenticated and the token bound; the token response. */
  async begin(): Promise<Answer> {
    const answer = await this.#redeem(await this.#browser.follow(await this.#push()))
    const tokens = this.#tokensOf(answer)
    if (this.#target.repeats) return answer
    await this.#browser.verify(tokens.id_token ?? "")
    const unbound = await this.#userinfo(`Bearer ${tokens.access_token}`)
    expect(unbound.status === 401, () => `a bound token without a proof was answered by ${unbound.status}`)
    const path = pathOf(this.#metadata.pushed_authorization_request_endpoint)
    const unsigned = await this.#connection.send(post(this.#target.port, path, parameters))
    expect(unsigned.status === 401, () => `a request without an assertion was answered by ${unsigned.status}`)
    return answer
  }

  /** Everything once more, without a person. */
  async signIn(): Promise<void> {
    const authorize = this.#browser.request(await this.#push())
    const tokens = this.#tokensOf(await this.#redeem(responseOf(await this.#connection.send(authorize))))
    const proof = this.#prove(tokens.access_token)
    checkUserinfo(await this.#userinfo(`DPoP ${tokens.access_token}\r\ndpop: ${proof}`))
  }
}

/** RFC 9126 §2.2. */
export const requestUriOf = (answer: Answer): string => {
  expect(answer.status === 201, () => `/par answered ${answer.status} ${answer.body.slice(0, 300)}`)
  const { expires_in, request_uri } = JSON.parse(answer.body) as Record<string, unknown>
  expect(
    typeof request_uri === "string" && request_uri.length > 40 && typeof expires_in === "number" && expires_in > 0,
    () => `/par answered ${answer.body}`
  )
  return request_uri
}
