/** The flow as the Foundation's suite drives it: by a client that the operator exempted from PKCE. */
import { assert } from "@effect/vitest"
import { Effect, Ref } from "effect"
import type { TestBrowser, TestIssuer } from "../../src/testing/index.ts"
import { authorizationUrl, browser, payloadOf, post, redirectUri, type Tokens } from "../flow.ts"

type Changes = Readonly<Record<string, string | undefined>>

/** Like the suite's requests: `openid`, a state, a nonce, no code challenge. */
export const plain: Changes = { scope: "openid", code_challenge: undefined, code_challenge_method: undefined }

export const ask = async (issuer: string, changes: Changes = {}, person: TestBrowser = browser()) => {
  const page = await person.visit(authorizationUrl(issuer, "exempt", { ...plain, ...changes }))
  const isAsked = changes["prompt"] === "consent"
  const landed = isAsked ? await person.submit(page, { decision: "approve" }) : page
  return {
    ...landed,
    response: landed.url.searchParams,
    signedIn: landed.visited.some((url) => url.pathname === "/test/sign-in")
  }
}

export const redeem = (issuer: string, code: string | null) =>
  post(`${issuer}/token`, "exempt", { grant_type: "authorization_code", code: code ?? "", redirect_uri: redirectUri })

export const tokensOf = async (issuer: string, changes?: Changes, person?: TestBrowser): Promise<Tokens> => {
  const { response } = await ask(issuer, changes, person)
  const answer = await redeem(issuer, response.get("code"))
  assert.strictEqual(answer.status, 200, `${response.toString()} ${await answer.clone().text()}`)
  return (await answer.json()) as Tokens
}

export const userinfo = async (issuer: string, init: RequestInit) => {
  const answer = await fetch(`${issuer}/userinfo`, init)
  assert.strictEqual(answer.status, 200)
  return (await answer.json()) as Record<string, unknown>
}
export const bearer = ({ access_token }: Tokens) => ({ headers: { authorization: `Bearer ${access_token}` } })

export const authTimeOf = ({ id_token }: Tokens) => payloadOf(id_token)["auth_time"] as number

/** A browser in which Alice signed in an hour ago. */
export const signedInAnHourAgo = async (issuer: string) => {
  const person = browser()
  const now = authTimeOf(await tokensOf(issuer, {}, person))
  person.cookies.set("test-session", `alice.${(now - 3600) * 1000}..an-earlier-session`)
  return { person, authTime: now - 3600 }
}

export const setPerson = ({ person }: typeof TestIssuer.TestIssuer.Service, subject: string, acr?: string) =>
  Effect.runPromise(Ref.set(person, { subject, acr }))
