/** A signed-in browser, and the client that sends it: what a silent sign-in consists of. */
import { type Answer, type Connection, header } from "./Connection.ts"
import * as crypto from "node:crypto"
import { api, basic, client, expect, get, type Metadata, pathOf, pkce, person, post, type Target } from "./Target.ts"

export interface Tokens {
  readonly access_token: string
  readonly refresh_token?: string
  readonly id_token?: string
  readonly token_type?: string
}

/** Constants, so that the ceilings can repeat a recorded answer; what must be fresh is the code and the tokens. */
const state = "af0ifjsldkj-af0ifjsldkj"
const nonce = "n-0S6_WzA2Mj-n-0S6_WzA2Mj"

const cookieHeader = (cookies: ReadonlyMap<string, string>) =>
  cookies.size === 0 ? "" : `cookie: ${[...cookies].map(([name, value]) => `${name}=${value}`).join("; ")}\r\n`

/** RFC 6749 §4.1.1, OpenID Connect Core §3.1.2.1; pushed or not. */
export const authorizationParameters = (clientId: string, scope: string, prompt?: string): string =>
  new URLSearchParams({
    client_id: clientId,
    redirect_uri: client.redirectUri,
    response_type: "code",
    scope,
    state,
    nonce,
    code_challenge: pkce.challenge,
    code_challenge_method: "S256",
    ...(prompt === undefined ? {} : { prompt })
  }).toString()

export class Browser {
  readonly cookies = new Map<string, string>()
  readonly #target: Target
  readonly #metadata: Metadata
  readonly #connection: Connection

  constructor(target: Target, metadata: Metadata, connection: Connection) {
    this.#target = target
    this.#metadata = metadata
    this.#connection = connection
  }

  #keep(answer: Answer): void {
    for (const [, name, value] of answer.head.matchAll(/\r\nset-cookie: *([^=;\r]+)=([^;\r]*)/gi)) {
      if (value === "") this.cookies.delete(name!)
      else this.cookies.set(name!, value!)
    }
  }

  /** The `/authorize` request with these parameters. */
  request(parameters: string): string {
    const path = `${pathOf(this.#metadata.authorization_endpoint)}?${parameters}`
    return get(this.#target.port, path, cookieHeader(this.cookies))
  }

  /** Follows redirects until the browser would leave for the client; the authorization response. */
  async follow(parameters: string): Promise<URLSearchParams> {
    let path = `${pathOf(this.#metadata.authorization_endpoint)}?${parameters}`
    for (let hop = 0; hop < 8; hop++) {
      const answer = await this.#connection.send(get(this.#target.port, path, cookieHeader(this.cookies)))
      this.#keep(answer)
      const location = header(answer.head, "location")
      expect(location !== undefined, () => `${path} answered ${answer.status} ${answer.body.slice(0, 300)}`)
      if (location.startsWith(client.redirectUri)) return new URL(location).searchParams
      const next = new URL(location, this.#metadata.issuer)
      path = next.pathname + next.search
    }
    throw new Error("redirected in a circle")
  }

  authorize(scope: string, prompt?: string): Promise<URLSearchParams> {
    return this.follow(authorizationParameters(client.clientId, scope, prompt))
  }

  async exchange(response: URLSearchParams): Promise<Tokens> {
    const path = pathOf(this.#metadata.token_endpoint)
    const request = post(this.#target.port, path, exchangeBody(response), `authorization: ${basic}\r\n`)
    return tokensOf(await this.#connection.send(request))
  }

  /** RFC 7515 §5.2, with the published key. */
  async verify(jwt: string): Promise<void> {
    const { body } = await this.#connection.send(get(this.#target.port, pathOf(this.#metadata.jwks_uri)))
    const [protectedHeader = "", payload = "", signature = ""] = jwt.split(".")
    const { alg, kid } = JSON.parse(Buffer.from(protectedHeader, "base64url").toString()) as Record<string, string>
    const jwk = (
      JSON.parse(body) as { readonly keys: ReadonlyArray<crypto.webcrypto.JsonWebKey & { readonly kid?: string }> }
    ).keys.find((key) => key.kid === kid)
    expect(alg === "ES256" && jwk !== undefined, () => `a token signed with ${alg} ${kid}`)
    const key = crypto.createPublicKey({ key: jwk, format: "jwk" })
    const isOurs = crypto.verify(
      "sha256",
      Buffer.from(`${protectedHeader}.${payload}`),
      { key, dsaEncoding: "ieee-p1363" },
      Buffer.from(signature, "base64url")
    )
    expect(isOurs, () => "a token's signature does not hold")
  }

  /** Code, tokens, claims; each answer checked. */
  async signIn(request: string): Promise<void> {
    const response = responseOf(await this.#connection.send(request))
    const tokens = await this.exchange(response)
    checkIdToken(tokens, client.clientId)
    const authorization = `authorization: Bearer ${tokens.access_token}\r\n`
    checkUserinfo(
      await this.#connection.send(get(this.#target.port, pathOf(this.#metadata.userinfo_endpoint), authorization))
    )
  }

  /** The `/authorize` request of a browser that is signed in and whose consent is remembered. */
  silentRequest(): string {
    return this.request(authorizationParameters(client.clientId, client.scope))
  }

  /** Signs in with offline access; for who needs tokens to start with. */
  async offlineTokens(): Promise<Tokens> {
    const tokens = await this.exchange(await this.authorize(client.offlineScope, this.#target.offlinePrompt))
    expect(tokens.refresh_token !== undefined, () => "no refresh token was issued")
    await this.verify(tokens.id_token ?? "")
    return tokens
  }
}

/** RFC 6749 §4.1.2, from the redirect that ends a silent authorization. */
export const responseOf = (answer: Answer): URLSearchParams => {
  const location = header(answer.head, "location") ?? ""
  expect(location.startsWith(client.redirectUri), () => `/authorize answered ${answer.status} ${location}`)
  const response = new URL(location).searchParams
  expect(response.get("state") === state && response.has("code"), () => `authorization response ${location}`)
  return response
}

/** OpenID Connect Core §3.1.3.7, but for the signature. */
export const checkIdToken = (tokens: Tokens, clientId: string): void => {
  const idToken = claimsOf(tokens.id_token)
  expect(
    idToken["nonce"] === nonce && idToken["sub"] === person.subject && idToken["aud"] === clientId,
    () => `ID token ${JSON.stringify(idToken)}`
  )
}

/** OpenID Connect Core §5.3.2. */
export const checkUserinfo = (answer: Answer): void => {
  expect(answer.status === 200, () => `/userinfo answered ${answer.status} ${answer.body}`)
  const claims = JSON.parse(answer.body) as Record<string, unknown>
  expect(
    claims["sub"] === person.subject && claims["email"] === person.claims.email && claims["name"] !== undefined,
    () => `userinfo ${answer.body}`
  )
}

/** RFC 6749 §4.1.3. */
export const exchangeBody = (response: URLSearchParams): string =>
  new URLSearchParams({
    grant_type: "authorization_code",
    code: response.get("code") ?? "",
    redirect_uri: client.redirectUri,
    code_verifier: pkce.verifier
  }).toString()

/** RFC 6749 §4.4.2 with RFC 8707 §2. */
export const machineBody = new URLSearchParams({
  grant_type: "client_credentials",
  resource: api.identifier,
  scope: api.scope
}).toString()

/** RFC 6749 §5.1. */
export const tokensOf = (answer: Answer): Tokens => {
  expect(answer.status === 200, () => `/token answered ${answer.status} ${answer.body.slice(0, 300)}`)
  const tokens = JSON.parse(answer.body) as Tokens
  expect(typeof tokens.access_token === "string" && tokens.access_token.length > 20, () => `tokens ${answer.body}`)
  return tokens
}

/** The claims of a JWT. Signatures are verified while preparing: to verify each would cost more than to make it. */
export const claimsOf = (jwt: string | undefined): Record<string, unknown> => {
  expect(jwt !== undefined, () => "a JWT is missing")
  return JSON.parse(Buffer.from(jwt.split(".")[1] ?? "", "base64url").toString()) as Record<string, unknown>
}
