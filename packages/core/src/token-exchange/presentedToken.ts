/** A token that a client presents to be exchanged, RFC 8693 §2.1: one of our own, and what it stands for. */
import { DateTime, Effect, Option, type Schema } from "effect"
import { ClientStore } from "../client/ClientStore.ts"
import { hashToken } from "../crypto/Crypto.ts"
import { HostResolver } from "../host/HostResolver.ts"
import { CurrentIssuer } from "../issuer/Issuer.ts"
import { SigningKeys } from "../key/SigningKeys.ts"
import type { Confirmation } from "../oauth/Confirmation.ts"
import type { Live } from "../token/Grant.ts"
import { TokenStore } from "../token/TokenStore.ts"

/** RFC 8693 §3. A refresh token is not among them: it is a credential of its client, and redeemed as one. */
export const tokenTypes = {
  accessToken: "urn:ietf:params:oauth:token-type:access_token",
  jwt: "urn:ietf:params:oauth:token-type:jwt",
  idToken: "urn:ietf:params:oauth:token-type:id_token"
} as const
export type TokenType = (typeof tokenTypes)[keyof typeof tokenTypes]

export const isTokenType = (text: string): text is TokenType =>
  Object.values(tokenTypes).some((tokenType) => tokenType === text)

/** A live token of the current issuer, whose client is enabled and whose account exists. */
export interface PresentedToken {
  readonly tokenHash: string
  /** Whom it is about, as the host knows them. */
  readonly subject: string
  /** The same, as the token says it: a pseudonym for a client with pairwise subjects. */
  readonly sub: string
  /** The client that it was issued to. */
  readonly clientId: string
  readonly scope: ReadonlyArray<string>
  /** The grant that it ends with. */
  readonly grant: Live | undefined
  /** RFC 8693 §4.1. */
  readonly actor: Schema.Json | undefined
  /** RFC 8693 §4.4: what the token itself says, and what the host says about its subject. Both have to allow. */
  readonly mayAct: ReadonlyArray<Schema.Json | undefined>
  /** What it is bound to. */
  readonly confirmation: Confirmation | undefined
  readonly expiresAt: DateTime.Utc
}

/** Why a token is worth nothing here; for the trace, never for the wire. */
export type Worthless = "Unknown" | "Expired" | "Revoked" | "ClientDisabled" | "AccountGone"

type Found = Omit<PresentedToken, "tokenHash" | "mayAct"> & { readonly claim: Schema.Json | undefined }

const isJwt = (token: string) => /^[\w-]+(\.[\w-]*){2,4}$/.test(token)

/** An access token of either form: both are kept by hash, so that a revoked JWT is as dead as an opaque one. */
const accessToken = Effect.fnUntraced(function* (tokenHash: string) {
  const tokens = yield* TokenStore
  const issuer = (yield* CurrentIssuer).identifier
  const found = Option.getOrUndefined(yield* tokens.findAccessToken(issuer, tokenHash))
  if (found === undefined) return "Unknown"
  const { clientDisabled, grant, token } = found
  if (token._tag === "Revoked" || grant?._tag === "Revoked") return "Revoked"
  if (clientDisabled) return "ClientDisabled"
  return {
    subject: grant?.subject ?? token.subject,
    sub: token.subject,
    clientId: token.clientId,
    scope: token.scope,
    grant,
    actor: token.actor,
    confirmation: token.confirmation,
    claim: undefined,
    expiresAt: token.expiresAt
  } satisfies Found
})

/** An ID token names no grant: it stands for the newest that its session gave its client, and dies with the last one. */
const idToken = Effect.fnUntraced(function* (jwt: string, now: DateTime.Utc) {
  const tokens = yield* TokenStore
  const clients = yield* ClientStore
  const keys = yield* SigningKeys
  const issuer = (yield* CurrentIssuer).identifier
  const claims = Option.getOrUndefined(yield* keys.verifyOwn(issuer, "JWT", jwt))
  const { aud, exp, sid, sub } = claims ?? {}
  if (claims === undefined || claims["iss"] !== issuer) return "Unknown"
  if (typeof sub !== "string" || typeof aud !== "string" || typeof exp !== "number") return "Unknown"
  const given = (yield* tokens.grantsOf(issuer, sub, now)).find(
    (one) => one.clientId === aud && one.sid === sid && one.sub === sub
  )
  if (given === undefined) return "Revoked"
  const owner = Option.getOrUndefined(yield* clients.find(issuer, aud))
  if (owner === undefined || owner.disabled) return "ClientDisabled"
  return {
    subject: given.subject,
    sub,
    clientId: aud,
    scope: given.scope,
    grant: given,
    actor: undefined,
    confirmation: undefined,
    claim: claims["may_act"],
    expiresAt: DateTime.makeUnsafe(exp * 1000)
  } satisfies Found
})

/** What the token stands for, or why it is worthless. Its type has to be what it is said to be. */
export const presentedToken = Effect.fnUntraced(function* (token: string, tokenType: TokenType, now: DateTime.Utc) {
  const host = yield* HostResolver
  if (tokenType !== tokenTypes.accessToken && !isJwt(token)) return "Unknown"
  const tokenHash = yield* hashToken(token)
  const found = tokenType === tokenTypes.idToken ? yield* idToken(token, now) : yield* accessToken(tokenHash)
  if (typeof found === "string") return found
  if (DateTime.isLessThanOrEqualTo(found.expiresAt, now)) return "Expired"
  const { claim, ...facts } = found
  // A token of client credentials is about the client itself: no person has to exist.
  const isPerson = facts.grant !== undefined || facts.subject !== facts.clientId
  const known = isPerson
    ? Option.getOrUndefined(yield* host.claims({ subject: facts.subject, scope: [], names: ["may_act"], locales: [] }))
    : {}
  if (known === undefined) return "AccountGone"
  const said = Object.hasOwn(known, "may_act") ? known["may_act"] : undefined
  return { ...facts, tokenHash, mayAct: [claim, said] } satisfies PresentedToken
})
