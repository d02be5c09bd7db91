/** What a person does in a browser, as effects. */
import { formOf, type Landing, type TestBrowser } from "@lockspire/http/testing"
import { DateTime, Effect, Option } from "effect"
import { createHash } from "node:crypto"
import * as http from "node:http"
import { credentials, TestHost } from "./TestHost.ts"

export const hash = (token: string) => createHash("sha256").update(token).digest("base64url")
export const visit = (browser: TestBrowser, url: string, init?: RequestInit) =>
  Effect.promise(() => browser.visit(url, init))
export const request = (browser: TestBrowser, url: string, init?: RequestInit) =>
  Effect.promise(() => browser.request(url, init))
export const submit = (browser: TestBrowser, page: Landing, fields: Record<string, string>) =>
  Effect.promise(() => browser.submit(page, fields))

export const signIn = Effect.fnUntraced(function* (browser: TestBrowser, url: string) {
  return yield* submit(browser, yield* visit(browser, url), credentials)
})
export const signUp = Effect.fnUntraced(function* (browser: TestBrowser, issuer: string, username: string) {
  const page = yield* visit(browser, `${issuer}/sign-up`)
  return yield* submit(browser, page, { username, password: "a long password", name: "" })
})
export const isOpen = Effect.fnUntraced(function* (issuer: string, token: string) {
  const { accounts } = yield* TestHost
  return Option.isSome(yield* accounts.findSession(issuer, hash(token), yield* DateTime.now))
})
export const formBody = (body: string, headers: Record<string, string> = {}): RequestInit => ({
  method: "POST",
  body,
  headers: { "content-type": "application/x-www-form-urlencoded", ...headers }
})
/** The status of a request whose `Host` header is another's. */
export const statusFor = (url: string, host: string) =>
  new Promise<number | undefined>((resolve, reject) => {
    http.get(url, { headers: { host } }, (response) => resolve(response.resume().statusCode)).on("error", reject)
  })
export const csrfOf = (page: Landing) => formOf(page.body)!.fields.get("csrf")!
