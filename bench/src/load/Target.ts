/** A contender as the load sees it: where it listens, and what its metadata says. */
import { Connection } from "./Connection.ts"

export interface Target {
  readonly contender: string
  readonly port: number
  /** Where each connection goes in turn: several where several processes are one server. The first is `port`. */
  readonly ports: ReadonlyArray<number>
  /** `prompt` with which this product grants offline access; OpenID Connect Core §11 lets a server demand `consent`. */
  readonly offlinePrompt: string | undefined
  /** A ceiling repeats one recorded answer, so nothing in it can be fresh. */
  readonly repeats: boolean
}

export interface Metadata {
  readonly issuer: string
  readonly authorization_endpoint: string
  readonly token_endpoint: string
  readonly userinfo_endpoint: string
  readonly introspection_endpoint: string
  readonly pushed_authorization_request_endpoint: string
  readonly jwks_uri: string
}

/** The client that every contender knows. */
export const client = {
  clientId: "benchmark",
  clientSecret: "0123456789abcdefghijklmnopqrstuvwxyz-ABCDEF",
  redirectUri: "https://client.example/callback",
  scope: "openid profile email",
  offlineScope: "openid profile email offline_access"
} as const

/** The same client again, registered with a key (`keys.ts`): it pushes its requests, and its tokens are bound by DPoP. */
export const keyClient = { ...client, clientId: "benchmark-with-key" } as const

/** RFC 8707: an API whose access tokens are JWTs signed by ES256. */
export const api = { identifier: "https://api.example", scope: "read" } as const

export const basic = `Basic ${Buffer.from(`${client.clientId}:${client.clientSecret}`).toString("base64")}`

/** RFC 7636 Appendix B. */
export const pkce = {
  verifier: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
  challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
} as const

/** The person who is signed in, as every contender knows her. */
export const person = {
  subject: "alice",
  claims: {
    name: "Alice Liddell",
    given_name: "Alice",
    family_name: "Liddell",
    preferred_username: "alice",
    locale: "en-GB",
    updated_at: 1_700_000_000,
    email: "alice@example.com",
    email_verified: true
  }
} as const

/** Lower-case for all: who compares names case by case is not measured. */
export const get = (port: number, path: string, headers = ""): string =>
  `GET ${path} HTTP/1.1\r\nhost: localhost:${port}\r\n${headers}\r\n`

export const post = (port: number, path: string, body: string, headers = ""): string =>
  `POST ${path} HTTP/1.1\r\nhost: localhost:${port}\r\ncontent-type: application/x-www-form-urlencoded\r\n` +
  `content-length: ${body.length}\r\n${headers}\r\n${body}`

export const pathOf = (url: string): string => new URL(url).pathname

export class Wrong extends Error {}

/** Whatever is not right ends the measurement: a wrong answer is worth nothing, however fast. */
export const expect: (holds: boolean, what: () => string) => asserts holds = (holds, what) => {
  if (!holds) throw new Wrong(what())
}

export const discover = async (target: Target): Promise<Metadata> => {
  const connection = await Connection.open(target.port)
  const { body, status } = await connection.send(get(target.port, "/.well-known/openid-configuration"))
  connection.close()
  expect(status === 200, () => `discovery answered ${status}`)
  const metadata = JSON.parse(body) as Metadata
  expect(metadata.issuer === `http://localhost:${target.port}`, () => `issuer is ${metadata.issuer}`)
  return metadata
}
