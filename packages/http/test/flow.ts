/** The steps of the code flow over HTTP, each one a request that a test can change. */
import { assert } from "@effect/vitest"
import { createHash, randomBytes } from "node:crypto"
import { formOf, TestBrowser, type TestIssuer } from "../src/testing/index.ts"

export const redirectUri = "https://client.example/callback"
export const secret = "a-secret-of-more-than-thirty-two-characters"
export const resource = "https://api.example/"

/** One client for every way of being one. */
export const options = {
  clients: [
    { clientId: "public" },
    { clientId: "basic", secret },
    { clientId: "post", secret, tokenEndpointAuthMethod: "client_secret_post" },
    { clientId: "es256", secret, idTokenSignedResponseAlg: "ES256" },
    { clientId: "first", secret, firstParty: true },
    { clientId: "other", secret, firstParty: true },
    { clientId: "exempt", secret, firstParty: true, dangerouslyAllowNoPkce: true },
    { clientId: "query", secret, firstParty: true, redirectUris: [`${redirectUri}?tenant=1&x=`] },
    { clientId: "native", firstParty: true, applicationType: "native", redirectUris: ["http://127.0.0.1/callback"] },
    { clientId: "once", secret, firstParty: true, grantTypes: ["authorization_code"] },
    { clientId: "disabled", secret, disabled: true },
    { clientId: "api", secret, redirectUris: [], grantTypes: [], responseTypes: [] },
    { clientId: "gateway", secret, redirectUris: [], grantTypes: [], responseTypes: [], introspectAllTokens: true }
  ],
  resources: [
    { identifier: resource, scopes: ["read", "write"], accessTokenFormat: "opaque", introspectionClients: ["api"] }
  ]
} as const satisfies TestIssuer.TestIssuerOptions

/** RFC 7636 Appendix B. */
export const verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
export const challenge = createHash("sha256").update(verifier).digest("base64url")

type Changes = Readonly<Record<string, string | undefined>>

const parameters = (members: Changes): URLSearchParams =>
  new URLSearchParams(Object.entries(members).filter((entry): entry is [string, string] => entry[1] !== undefined))

/** The parameters of a valid authorization request; `undefined` leaves one out. */
export const authorization = (clientId: string, changes: Changes = {}): URLSearchParams =>
  parameters({
    client_id: clientId,
    redirect_uri: redirectUri,
    response_type: "code",
    scope: "openid profile email offline_access",
    state: "the-state",
    nonce: "the-nonce",
    code_challenge: challenge,
    code_challenge_method: "S256",
    ...changes
  })

export const authorizationUrl = (issuer: string, clientId: string, changes?: Changes): string =>
  `${issuer}/authorize?${authorization(clientId, changes)}`

/** The client's addresses are where the browser's way ends. */
export const browser = () =>
  new TestBrowser(
    (url) => url.host === "client.example" || (url.hostname === "127.0.0.1" && url.pathname === "/callback")
  )

export const basic = (clientId: string, password = secret): Record<string, string> => ({
  authorization: `Basic ${Buffer.from(`${clientId}:${password}`).toString("base64")}`
})

/** How each client authenticates. */
const credentials = (clientId: string): { readonly headers: Record<string, string>; readonly form: Changes } => {
  if (clientId === "public" || clientId === "native") return { headers: {}, form: { client_id: clientId } }
  if (clientId === "post") return { headers: {}, form: { client_id: clientId, client_secret: secret } }
  return { headers: basic(clientId), form: {} }
}

/** A form to an endpoint, as the client. */
export const post = (url: string, clientId: string | undefined, form: Changes): Promise<Response> => {
  const presented = clientId === undefined ? { headers: {}, form: {} } : credentials(clientId)
  return fetch(url, { method: "POST", headers: presented.headers, body: parameters({ ...presented.form, ...form }) })
}

export interface Tokens {
  readonly access_token: string
  readonly token_type: string
  readonly expires_in: number
  readonly refresh_token: string
  readonly id_token: string
  readonly scope: string
}

/** The parameters with which the browser came back, wherever the response mode puts them. */
export const responseOf = (landed: { readonly url: URL; readonly body: string }): URLSearchParams => {
  if (landed.body !== "") return formOf(landed.body)!.fields
  return landed.url.hash === "" ? landed.url.searchParams : new URLSearchParams(landed.url.hash.slice(1))
}

/** From an authorization request to what the client receives, approving what is asked. */
export const authorize = async (
  issuer: string,
  clientId: string,
  changes?: Changes,
  person: TestBrowser = browser()
): Promise<URLSearchParams> => {
  const page = await person.visit(authorizationUrl(issuer, clientId, changes))
  const isAsked = page.status === 200 && page.body.includes('name="decision"')
  return responseOf(isAsked ? await person.submit(page, { decision: "approve" }) : page)
}

/** The code exchange of `authorization`. */
export const exchange = (issuer: string, clientId: string, code: string | null, changes?: Changes): Promise<Response> =>
  post(`${issuer}/token`, clientId, {
    grant_type: "authorization_code",
    code: code ?? "",
    redirect_uri: redirectUri,
    code_verifier: verifier,
    ...changes
  })

/** The whole flow: what the token endpoint answers at its end. */
export const signIn = async (
  issuer: string,
  clientId: string,
  changes?: Changes,
  person?: TestBrowser
): Promise<Tokens> => {
  const response = await authorize(issuer, clientId, changes, person)
  const answer = await exchange(issuer, clientId, response.get("code"), {
    redirect_uri: changes?.["redirect_uri"] ?? redirectUri
  })
  assert.strictEqual(answer.status, 200, await answer.clone().text())
  return (await answer.json()) as Tokens
}

export const refresh = (issuer: string, clientId: string, refreshToken: string, changes?: Changes) =>
  post(`${issuer}/token`, clientId, { grant_type: "refresh_token", refresh_token: refreshToken, ...changes })

/** The payload of a JWT, unverified. */
export const payloadOf = (jwt: string): Record<string, unknown> =>
  JSON.parse(Buffer.from(jwt.split(".")[1]!, "base64url").toString())

/** The `error` of a JSON answer. */
export const errorOf = async (response: Response): Promise<string | undefined> =>
  ((await response.json()) as { readonly error?: string }).error

export const random = (): string => randomBytes(32).toString("base64url")
