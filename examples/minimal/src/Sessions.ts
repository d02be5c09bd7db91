/**
 * Who is signed in in a browser. The cookie holds one random token per account, the active one first, joined by dots;
 * the store knows only their hashes.
 */
import { type Account, AccountStore, Crypto, Issuer, Transaction } from "@lockspire/core"
import { Pages } from "@lockspire/http"
import { DateTime, Effect, Option } from "effect"
import type { HttpServerResponse } from "effect/http"
import { HostOptions } from "./HostOptions.ts"

type Cookies = Readonly<Record<string, string>>

/** One account that is signed in in this browser. */
export interface SignedIn {
  readonly token: string
  readonly session: Account.AccountSession
  readonly account: Account.Account
}

const purpose = "session"
const isToken = /^[A-Za-z0-9_-]{43}$/
/** However many a forged cookie holds, no more are looked up. */
const mostTokens = 20

const tokensOf = (issuer: Issuer.Issuer, cookies: Cookies): ReadonlyArray<string> =>
  (Pages.readCookie(cookies, issuer, purpose) ?? "")
    .split(".")
    .slice(0, mostTokens)
    .filter((one) => isToken.test(one))

const find = Effect.fnUntraced(function* (token: string) {
  const store = yield* AccountStore
  const { identifier } = yield* Issuer.CurrentIssuer
  const session = yield* store.findSession(identifier, yield* Crypto.hashToken(token), yield* DateTime.now)
  if (Option.isNone(session)) return Option.none<SignedIn>()
  const account = yield* store.findBySubject(identifier, session.value.subject)
  return Option.map(account, (account): SignedIn => ({ token, session: session.value, account }))
})

/** The person this browser is now: only the first token counts, or an expiry would silently change who somebody is. */
export const active = Effect.fnUntraced(function* (cookies: Cookies) {
  const [first] = tokensOf(yield* Issuer.CurrentIssuer, cookies)
  return first === undefined ? Option.none<SignedIn>() : yield* find(first)
})

/** Every account signed in in this browser. */
export const all = Effect.fnUntraced(function* (cookies: Cookies) {
  const tokens = tokensOf(yield* Issuer.CurrentIssuer, cookies)
  return (yield* Effect.forEach(tokens, find)).flatMap(Option.toArray)
})

const keep = (
  response: HttpServerResponse.HttpServerResponse,
  issuer: Issuer.Issuer,
  tokens: ReadonlyArray<string>
): HttpServerResponse.HttpServerResponse =>
  tokens.length === 0
    ? Pages.expireCookie(response, issuer, purpose)
    : Pages.setCookie(response, issuer, purpose, tokens.join("."))

/**
 * Signs an account in: always under a new token, so that one planted before sign-in is worth nothing (session
 * fixation). The account's earlier session in this browser ends.
 */
export const start = Effect.fnUntraced(function* (
  account: Account.Account,
  cookies: Cookies,
  response: HttpServerResponse.HttpServerResponse
) {
  const store = yield* AccountStore
  const transaction = yield* Transaction
  const options = yield* HostOptions
  const issuer = yield* Issuer.CurrentIssuer
  const before = yield* all(cookies)
  const others = before.filter((one) => one.account.subject !== account.subject)
  const kept = others.slice(0, options.accountsPerBrowser - 1)
  const authTime = yield* DateTime.now
  const token = yield* Crypto.randomToken
  const session: Account.AccountSession = {
    issuer: issuer.identifier,
    sessionHash: yield* Crypto.hashToken(token),
    subject: account.subject,
    authTime,
    acr: account.acr,
    amr: account.amr,
    expiresAt: DateTime.addDuration(authTime, options.sessionLifetime)
  }
  yield* transaction.within(
    Effect.gen(function* () {
      yield* store.startSession(session)
      for (const one of before) {
        if (!kept.includes(one)) yield* store.endSession(issuer.identifier, one.session.sessionHash)
      }
    })
  )
  return keep(response, issuer, [token, ...kept.map((one) => one.token)])
})

/** Makes another signed-in account the active one. */
export const choose = Effect.fnUntraced(function* (
  chosen: SignedIn,
  cookies: Cookies,
  response: HttpServerResponse.HttpServerResponse
) {
  const others = (yield* all(cookies)).map((one) => one.token).filter((token) => token !== chosen.token)
  return keep(response, yield* Issuer.CurrentIssuer, [chosen.token, ...others])
})

/** Ends every session of this browser. */
export const endAll = Effect.fnUntraced(function* (cookies: Cookies, response: HttpServerResponse.HttpServerResponse) {
  const store = yield* AccountStore
  const issuer = yield* Issuer.CurrentIssuer
  for (const token of tokensOf(issuer, cookies)) {
    yield* store.endSession(issuer.identifier, yield* Crypto.hashToken(token))
  }
  return keep(response, issuer, [])
})
