/** The issuer as this client sees it: openid-client over HTTP, found by discovery (OpenID Connect Discovery §4). */
import { Effect, Redacted } from "effect"
import * as oidc from "openid-client"
import { type Failure, fromLibrary } from "./Failure.ts"
import type { Settings } from "./Options.ts"

export type Tokens = oidc.TokenEndpointResponse & oidc.TokenEndpointResponseHelpers

/** What one authorization request must find again in its response. */
export interface Attempt {
  readonly state: string
  readonly nonce: string | undefined
  readonly codeVerifier: string
  readonly maxAge: number | undefined
  /** The refusal that this attempt is to overcome. */
  readonly stepUp: StepUp | undefined
}

/** What the API wants of a sign-in before it does something: RFC 9470 §3. */
export interface StepUp {
  readonly maxAge: number | undefined
  readonly acrValues: string | undefined
  readonly scope: string | undefined
  /** The challenge, word for word. */
  readonly challenge: string
  /** Who asked for it: nobody else's sign-in does. */
  readonly subject: string | undefined
}

/** Seconds after which a silent issuer counts as away. */
const timeout = 10

/** RFC 8252 §8.3: on the loopback interface nobody listens in, so plain http will do. Nowhere else. */
const isLoopback = (url: URL) => ["localhost", "127.0.0.1", "[::1]"].includes(url.hostname)

const attempt = <A>(run: () => Promise<A>): Effect.Effect<A, Failure> =>
  Effect.tryPromise({ try: run, catch: fromLibrary })

/**
 * The issuer as one of its clients. Discovery waits for the first request, since the issuer may be served by this very
 * process and not be listening yet; a discovery that failed is tried again the next time.
 */
const discovered = (
  settings: Settings,
  clientId: string,
  clientSecret: Redacted.Redacted | undefined
): Effect.Effect<oidc.Configuration, Failure> => {
  const authentication = clientSecret === undefined ? oidc.None() : oidc.ClientSecretBasic(Redacted.value(clientSecret))
  const mayBeHttp = settings.issuer.protocol === "http:" && isLoopback(settings.issuer)
  const discover = attempt(() =>
    oidc.discovery(settings.issuer, clientId, undefined, authentication, {
      timeout,
      [oidc.customFetch]: (url, init) => settings.fetch(url, init as RequestInit),
      // The second also checks the signature of an ID token that came straight from the token endpoint.
      execute: [...(mayBeHttp ? [oidc.allowInsecureRequests] : []), oidc.enableNonRepudiationChecks]
    })
  )
  let known: oidc.Configuration | undefined
  return Effect.suspend(() =>
    known === undefined
      ? Effect.tap(discover, (configuration) =>
          Effect.sync(() => {
            known = configuration
          })
        )
      : Effect.succeed(known)
  )
}

/** What a developer may try in an authorization request, beside the defaults. */
export interface Wishes {
  readonly scope: string
  readonly prompt: string | undefined
  readonly maxAge: number | undefined
  readonly acrValues?: string | undefined
  readonly responseMode: string | undefined
  readonly stepUp?: StepUp | undefined
}

export const make = (settings: Settings) => {
  const configuration = discovered(settings, settings.clientId, settings.clientSecret)
  const redirectUri = `${settings.baseUrl}/callback`

  /** The URL to send the browser to, and what to remember: RFC 6749 §4.1.1, RFC 7636 §4.3. */
  const begin = Effect.fnUntraced(function* (wishes: Wishes) {
    const config = yield* configuration
    const codeVerifier = oidc.randomPKCECodeVerifier()
    const begun: Attempt = {
      state: oidc.randomState(),
      nonce: wishes.scope.split(" ").includes("openid") ? oidc.randomNonce() : undefined,
      codeVerifier,
      maxAge: wishes.maxAge,
      stepUp: wishes.stepUp
    }
    const parameters: Record<string, string> = {
      redirect_uri: redirectUri,
      scope: wishes.scope,
      state: begun.state,
      code_challenge: yield* attempt(() => oidc.calculatePKCECodeChallenge(codeVerifier)),
      code_challenge_method: "S256"
    }
    if (begun.nonce !== undefined) parameters["nonce"] = begun.nonce
    if (wishes.prompt !== undefined) parameters["prompt"] = wishes.prompt
    if (wishes.maxAge !== undefined) parameters["max_age"] = String(wishes.maxAge)
    if (wishes.acrValues !== undefined) parameters["acr_values"] = wishes.acrValues
    if (wishes.responseMode !== undefined) parameters["response_mode"] = wishes.responseMode
    return { attempt: begun, url: oidc.buildAuthorizationUrl(config, parameters) }
  })

  /** Checks the response, exchanges its code, checks the ID token: RFC 6749 §4.1.2-4, OpenID Connect Core §3.1.3.7. */
  const finish = Effect.fnUntraced(function* (response: URLSearchParams, begun: Attempt) {
    const config = yield* configuration
    const current = new URL(redirectUri)
    current.search = response.toString()
    return yield* attempt(() =>
      oidc.authorizationCodeGrant(config, current, {
        expectedState: begun.state,
        pkceCodeVerifier: begun.codeVerifier,
        ...(begun.nonce === undefined ? {} : { expectedNonce: begun.nonce }),
        ...(begun.maxAge === undefined ? {} : { maxAge: begun.maxAge })
      })
    )
  })

  /** RFC 6749 §6. */
  const refresh = (refreshToken: string) =>
    Effect.flatMap(configuration, (config) => attempt(() => oidc.refreshTokenGrant(config, refreshToken)))

  /** OpenID Connect Core §5.3; the library refuses an answer about another subject (§5.3.2). */
  const userinfo = (accessToken: string, subject: string) =>
    Effect.flatMap(configuration, (config) => attempt(() => oidc.fetchUserInfo(config, accessToken, subject)))

  /** RFC 7009 §2. */
  const revoke = (token: string, hint: "access_token" | "refresh_token") =>
    Effect.flatMap(configuration, (config) =>
      attempt(() => oidc.tokenRevocation(config, token, { token_type_hint: hint }))
    )

  /** RFC 6750 §2.1: a request to the API as any holder of the token would send it; whatever comes back is the answer. */
  const callApi = (accessToken: string) =>
    attempt(async () => {
      const response = await settings.fetch(`${settings.baseUrl}/api`, {
        headers: { authorization: `Bearer ${accessToken}`, accept: "application/json" },
        redirect: "error",
        signal: AbortSignal.timeout(timeout * 1000)
      })
      return {
        status: response.status,
        challenge: response.headers.get("www-authenticate"),
        body: await response.text()
      }
    })

  /** A request that the API may answer with a step-up challenge, which the library reads (RFC 9470 §3). */
  const transfer = (accessToken: string): Effect.Effect<Transferred, Failure> =>
    Effect.flatMap(configuration, (config) =>
      attempt(async () => {
        try {
          const url = new URL(`${settings.baseUrl}/api/transfer`)
          const response = await oidc.fetchProtectedResource(config, accessToken, url, "POST")
          return { status: response.status, challenge: null, body: await response.text(), stepUp: undefined }
        } catch (error) {
          if (!(error instanceof oidc.WWWAuthenticateChallengeError)) throw error
          const challenge = error.response.headers.get("www-authenticate") ?? ""
          const asked = error.cause.map(({ parameters }) => parameters)
          const found = asked.find((one) => one.error === "insufficient_user_authentication")
          return {
            status: error.status,
            challenge,
            body: await error.response.text(),
            stepUp: found && {
              maxAge: /^\d{1,9}$/.test(found["max_age"] ?? "") ? Number(found["max_age"]) : undefined,
              acrValues: found["acr_values"],
              scope: found.scope,
              challenge
            }
          }
        }
      })
    )

  return { begin, finish, refresh, userinfo, revoke, callApi, transfer }
}

/** What the API answered, and what it wants first. */
export interface Transferred {
  readonly status: number
  readonly challenge: string | null
  readonly body: string
  readonly stepUp: Omit<StepUp, "subject"> | undefined
}
