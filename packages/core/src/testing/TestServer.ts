/** An authorization server for tests, on memory storage and a test host, and a driver for its flows without HTTP. */
import { Effect, Layer, Redacted } from "effect"
import { Base64 } from "effect/encoding"
import * as AuthorizationServer from "../AuthorizationServer.ts"
import { RecordedRefusals } from "../audit/Refusals.ts"
import type { Unsecured } from "../authorize/respond.ts"
import { type Browser, begin, decide, type Outcome, resume } from "../authorize/interact.ts"
import type { PresentedCredentials } from "../client/authenticate.ts"
import type { Client } from "../client/Client.ts"
import { encode, hashToken } from "../crypto/Crypto.ts"
import { CurrentIssuer, make as makeIssuer } from "../issuer/Issuer.ts"
import * as MemoryStorage from "../MemoryStorage.ts"
import type { Parameters } from "../oauth/Parameters.ts"
import type { Resource } from "../resource/Resource.ts"
import { token } from "../token-endpoint/token.ts"
import { form, registerResource, testIssuer, testRedirectUri, testSecret } from "./fixtures.ts"
import { sessionCookie, TestHost } from "./TestHost.ts"

export interface Options extends Partial<Omit<AuthorizationServer.Options, "issuers">> {
  /** Registered before anything reads them. */
  readonly resources?: ReadonlyArray<Resource>
}

/** Everything a pipeline needs, for one issuer; nothing runs in the background. */
export const layer = ({ resources = [], ...options }: Options = {}) => {
  const issuer = Layer.effect(CurrentIssuer, makeIssuer(testIssuer))
  const server = AuthorizationServer.layer({
    issuers: [testIssuer],
    keyEncryptionKey: Redacted.make(new Uint8Array(32).fill(7)),
    prune: false,
    rotateKeys: false,
    ...options
  })
  return Layer.mergeAll(server, TestHost.layer, RecordedRefusals.layer).pipe(
    Layer.provideMerge(Layer.effectDiscard(Effect.forEach(resources, registerResource))),
    Layer.provideMerge(Layer.merge(MemoryStorage.layer, issuer)),
    Layer.orDie
  )
}

/** RFC 7636 §4.1: a code verifier for every test that is not about verifiers. */
export const testVerifier = "a-code-verifier-of-forty-three-characters-0123456789"

/** A browser with a cookie jar: what the server binds it to, and the session by which the test host knows it. */
export class TestBrowser implements Browser {
  readonly name: string
  bindings: ReadonlyArray<string> = []
  constructor(name: string) {
    this.name = name
  }
  get request() {
    return { cookies: { [sessionCookie]: this.name }, headers: {} }
  }
  /** Takes the binding cookie of an answer, as a browser does. */
  keep(outcome: Outcome): Outcome {
    const binding = outcome._tag === "Respond" ? undefined : outcome.binding
    if (binding !== undefined && !this.bindings.includes(binding)) this.bindings = [...this.bindings, binding]
    return outcome
  }
}

let serial = 0
/** A browser that nobody is signed in in. */
export const aBrowser = (): TestBrowser => new TestBrowser(`browser-${++serial}`)

/** A browser in which a person of its own has just signed in. */
export const aSignedInBrowser = Effect.fnUntraced(function* (subject = `subject-${++serial}`) {
  const browser = aBrowser()
  yield* TestHost.use((host) => host.signIn(subject, { browser: browser.name }))
  return { browser, subject }
})

/** A valid authorization request of the client; members replace or, when undefined, remove parameters. */
export const authorizationRequest = Effect.fnUntraced(function* (
  client: Client,
  members: Readonly<Record<string, string | ReadonlyArray<string> | undefined>> = {}
) {
  return form({
    response_type: "code",
    client_id: client.clientId,
    redirect_uri: client.redirectUris[0] ?? testRedirectUri,
    scope: "openid",
    state: "a-state",
    code_challenge: yield* hashToken(testVerifier),
    code_challenge_method: "S256",
    ...members
  })
})

/** `/authorize` in this browser. */
export const authorize = (browser: TestBrowser, parameters: Parameters) =>
  Effect.map(begin(parameters, browser, true), (outcome) => browser.keep(outcome))

/** The page the host sends the browser back to. */
export const comeBack = (browser: TestBrowser, handle: string) =>
  Effect.map(resume(handle, browser), (outcome) => browser.keep(outcome))

/** The handle of the interaction that the host was asked to return to, or that the browser is sent to. */
export const handleOf = (location: string): string => location.slice(location.lastIndexOf("/") + 1)

/** Follows redirects until the answer needs a person: a consent page, the host's page, or the response. */
export const followed = Effect.fnUntraced(function* (browser: TestBrowser, outcome: Outcome) {
  let current = outcome
  while (current._tag === "Continue") current = yield* comeBack(browser, handleOf(current.location))
  return current
})

/** The consent page's answer, everything ticked unless `members` say otherwise. */
export const answerConsent = Effect.fnUntraced(function* (
  browser: TestBrowser,
  outcome: Outcome,
  members: Readonly<Record<string, string | ReadonlyArray<string> | undefined>> = {}
) {
  if (outcome._tag !== "ShowConsent") return yield* Effect.die(new Error(`no consent page but ${outcome._tag}`))
  const { csrfToken, handle, request } = outcome.view
  const fields = form({ csrf: csrfToken, decision: "approve", scope: request.scope, ...members })
  return browser.keep(yield* decide(handle, fields, browser))
})

/** The value of a parameter of an authorization response. */
export const responseParameter = (response: Unsecured, name: string): string | undefined =>
  response.parameters.find(([one]) => one === name)?.[1]

/** From a request to its code, approving everything; dies when the browser's person has to sign in first. */
export const obtainCode = Effect.fnUntraced(function* (browser: TestBrowser, parameters: Parameters) {
  const first = yield* followed(browser, yield* authorize(browser, parameters))
  const last = first._tag === "ShowConsent" ? yield* answerConsent(browser, first) : first
  if (last._tag !== "Respond") return yield* Effect.die(new Error(`no response but ${last._tag}`))
  return responseParameter(last.response, "code")!
})

/** How the client authenticates, by its registered method. */
export const credentialsOf = (
  client: Client,
  secret = testSecret
): { readonly parameters: Readonly<Record<string, string>>; readonly header: PresentedCredentials } => {
  const { clientId: client_id } = client
  switch (client.tokenEndpointAuthMethod) {
    case "client_secret_basic":
      return { parameters: {}, header: { authorization: basicHeader(client_id, secret) } }
    case "client_secret_post":
      return { parameters: { client_id, client_secret: secret }, header: { authorization: undefined } }
    default:
      return { parameters: { client_id }, header: { authorization: undefined } }
  }
}

/** RFC 6749 §2.3.1: form-encoded, joined, base64. */
export const basicHeader = (clientId: string, secret: string): string => {
  const encoded = new URLSearchParams([[clientId, secret]]).toString()
  return `Basic ${Base64.encode(encode(encoded.replace("=", ":")))}`
}

/** A token request of the client with its own credentials. */
export const requestToken = (
  client: Client,
  members: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>
) => {
  const { header, parameters } = credentialsOf(client)
  return token(form({ ...parameters, ...members }), header)
}

/** Exchanges a code as the client would. */
export const exchangeCode = (
  client: Client,
  code: string,
  members: Readonly<Record<string, string | ReadonlyArray<string> | undefined>> = {}
) =>
  requestToken(client, {
    grant_type: "authorization_code",
    code,
    redirect_uri: client.redirectUris[0],
    code_verifier: testVerifier,
    ...members
  })

/** Uses a refresh token as the client would. */
export const refresh = (
  client: Client,
  refreshToken: string,
  members: Readonly<Record<string, string | ReadonlyArray<string> | undefined>> = {}
) => requestToken(client, { grant_type: "refresh_token", refresh_token: refreshToken, ...members })

/** The whole flow for a person of its own: request, approval, exchange. */
export const obtainTokens = Effect.fnUntraced(function* (
  client: Client,
  members: Readonly<Record<string, string | ReadonlyArray<string> | undefined>> = {}
) {
  const { browser, subject } = yield* aSignedInBrowser()
  const code = yield* obtainCode(browser, yield* authorizationRequest(client, members))
  const tokens = yield* exchangeCode(client, code)
  return { browser, subject, code, tokens }
})
