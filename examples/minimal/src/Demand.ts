/** Why a browser is at one of our sign-in pages: what `HostResolver.signIn` was asked, carried in the page's query. */
import { Form } from "@lockspire/http"
import { Issuer, OAuthError, Parameters, type SignInDemand } from "@lockspire/core"
import { Effect } from "effect"
import type { HttpServerRequest } from "effect/http"

export interface Demand {
  /** Where the browser goes afterwards; undefined for our home page. */
  readonly returnTo: string | undefined
  readonly clientId: string | undefined
  readonly loginHint: string | undefined
}

/** One of our own paths: no query, no second slash at the start that would make a host of what follows. */
const ownPath = /^\/(?:[A-Za-z0-9._~-]+(?:\/[A-Za-z0-9._~-]+)*)?$/
const handle = /^[A-Za-z0-9_-]{1,128}$/

/** Whether a browser may be sent there: an interaction of this issuer or a path of ours. Anything else is an open redirect. */
export const isReturnable = (issuer: Issuer.Issuer, returnTo: string): boolean => {
  const interaction = Issuer.url(issuer, "/interaction/")
  return returnTo.startsWith(interaction) ? handle.test(returnTo.slice(interaction.length)) : ownPath.test(returnTo)
}

/** Reads the query strictly: malformed, repeated or foreign is refused. */
export const read = Effect.fnUntraced(function* (request: HttpServerRequest.HttpServerRequest) {
  const issuer = yield* Issuer.CurrentIssuer
  const query = yield* Form.readQuery(request)
  const returnTo = yield* Parameters.optional(query, "return_to")
  const clientId = yield* Parameters.optional(query, "client_id")
  const loginHint = yield* Parameters.optional(query, "login_hint")
  if (returnTo !== undefined && !isReturnable(issuer, returnTo)) {
    return yield* new OAuthError.InvalidRequest({ reason: "ParameterMalformed", parameter: "return_to" })
  }
  return { returnTo, clientId, loginHint } satisfies Demand
})

/** The address of one of our pages with the demand. */
export const address = (issuer: Issuer.Issuer, page: `/${string}`, demand: Demand): string => {
  const query = new URLSearchParams()
  if (demand.returnTo !== undefined) query.set("return_to", demand.returnTo)
  if (demand.clientId !== undefined) query.set("client_id", demand.clientId)
  if (demand.loginHint !== undefined) query.set("login_hint", demand.loginHint)
  return query.size === 0 ? `${issuer.path}${page}` : `${issuer.path}${page}?${query.toString()}`
}

export const fromSignIn = (demand: SignInDemand): Demand => ({
  returnTo: demand.returnTo,
  clientId: demand.client.clientId,
  // It comes from the client's request and goes into a response header.
  loginHint: demand.loginHint?.slice(0, 200)
})
