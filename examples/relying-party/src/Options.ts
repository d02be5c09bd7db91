/** What the relying party and its API need to know. */
import type { Redacted } from "effect"

export interface Options {
  /** The issuer identifier; everything else about the issuer is discovered from it. */
  readonly issuer: string
  /** Where this relying party is reached, without a slash at the end: `http://localhost:3000/demo`. */
  readonly baseUrl: string
  /** `demo` by default. Its redirect URI is `<baseUrl>/callback`. */
  readonly clientId?: string | undefined
  /** With it the client authenticates by `client_secret_basic`; without it, it is a public client. */
  readonly clientSecret?: Redacted.Redacted | undefined
  /** What "Sign in" asks for. */
  readonly scope?: string | undefined
  /** The confidential client as which the API introspects the tokens it is given; `demo-api` by default. */
  readonly apiClientId?: string | undefined
  /** The API is served only with it: an API that cannot ask about a token must not answer to one. */
  readonly apiClientSecret?: Redacted.Redacted | undefined
  /** The scope value that the API demands of a token; none by default, so that any token can be tried. */
  readonly apiScope?: string | undefined
  /** Replaces the platform's fetch, for example by one that trusts a certificate of one's own. */
  readonly fetch?: typeof globalThis.fetch | undefined
}

/** The options with every default filled in. */
export interface Settings {
  /** As it was given, which is how the issuer spells it. */
  readonly issuerIdentifier: string
  readonly issuer: URL
  readonly baseUrl: string
  /** The path of `baseUrl`, below which every route lies. */
  readonly path: string
  readonly origin: string
  readonly clientId: string
  readonly clientSecret: Redacted.Redacted | undefined
  readonly scope: string
  readonly apiClientId: string
  readonly apiClientSecret: Redacted.Redacted | undefined
  readonly apiScope: string | undefined
  readonly fetch: typeof globalThis.fetch
}

export const settings = (options: Options): Settings => {
  const baseUrl = new URL(options.baseUrl)
  const path = baseUrl.pathname.replace(/\/+$/, "")
  return {
    issuerIdentifier: options.issuer,
    issuer: new URL(options.issuer),
    baseUrl: baseUrl.origin + path,
    path,
    origin: baseUrl.origin,
    clientId: options.clientId ?? "demo",
    clientSecret: options.clientSecret,
    scope: options.scope ?? "openid profile email offline_access",
    apiClientId: options.apiClientId ?? "demo-api",
    apiClientSecret: options.apiClientSecret,
    apiScope: options.apiScope,
    fetch: options.fetch ?? globalThis.fetch
  }
}
