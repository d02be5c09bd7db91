/**
 * What has to happen before a code may be issued: one pure decision, made anew at every request of the browser, so
 * that reload, back button and parallel tabs cannot get ahead of it. OpenID Connect Core §3.1.2.1–§3.1.2.4.
 */
import type { DateTime } from "effect"
import type { AuthorizationRequest } from "../authorization-request/AuthorizationRequest.ts"
import type { Client } from "../client/Client.ts"
import type { Consent } from "../consent/Consent.ts"
import { type Asked, covers } from "../consent/cover.ts"
import type { Authentication } from "../host/Authentication.ts"
import type { SignInDemand } from "../host/HostResolver.ts"
import type { Policy } from "../issuer/Policy.ts"
import { namesOf } from "../oauth/Claims.ts"
import {
  AccessDenied,
  type AuthorizationError,
  ConsentRequired,
  LoginRequired,
  UnmetAuthenticationRequirements
} from "../oauth/OAuthError.ts"
import { brokenRule } from "./stillHeld.ts"

export type NextStep =
  /** The host has to do something with the person first. */
  | { readonly _tag: "SignIn"; readonly reason: SignInDemand["reason"] }
  /** The person has to decide. */
  | { readonly _tag: "Consent"; readonly authentication: Authentication }
  /** Everything binding is met: a code may be issued from exactly these facts. */
  | { readonly _tag: "Issue"; readonly authentication: Authentication }
  | { readonly _tag: "Refuse"; readonly rule: string; readonly error: AuthorizationError }

/** What is known when the decision is made. */
export interface Facts {
  readonly request: AuthorizationRequest
  readonly client: Client
  readonly policy: Policy
  readonly authentication: Authentication | undefined
  /** Whether this is the subject that the request names, if it names one. */
  readonly isMeant: boolean
  /** Whether the host lets this subject use this client. */
  readonly mayUse: boolean
  readonly consent: Consent | undefined
  /** When the request began: what `prompt=login` calls new is newer. Undefined at its beginning, when nothing is. */
  readonly since: DateTime.Utc | undefined
  readonly now: DateTime.Utc
  /** What the host has already been asked to do for this request. */
  readonly prompted: ReadonlyArray<"login" | "select_account" | "create">
}

export const askedOf = (request: AuthorizationRequest): Asked => ({
  scope: request.scope,
  claims: namesOf(request.claims),
  resources: request.resources,
  details: request.authorizationDetails.map(({ digest }) => digest)
})

const refuse = (rule: string, error: AuthorizationError): NextStep => ({ _tag: "Refuse", rule, error })
const signIn = (reason: SignInDemand["reason"]): NextStep => ({ _tag: "SignIn", reason })

/** What the authentication lacks: undefined when it satisfies everything binding. */
const authenticationStep = (facts: Facts): NextStep | undefined => {
  const { authentication, prompted, request } = facts
  const isSilent = request.prompt.includes("none")
  if (request.prompt.includes("create") && !prompted.includes("create")) return signIn("create")
  if (authentication === undefined) {
    if (!isSilent) return signIn(request.prompt.includes("login") ? "login" : "none_signed_in")
    return refuse("OpenID Connect Core §3.1.2.6: somebody is signed in", new LoginRequired({ reason: "NotSignedIn" }))
  }

  const authTime = authentication.authTime.epochMilliseconds
  const isNew = facts.since !== undefined && authTime >= facts.since.epochMilliseconds
  // Who signed in for this request chose the account by doing so.
  if (request.prompt.includes("select_account") && !isNew && !prompted.includes("select_account")) {
    return signIn("select_account")
  }
  if (request.prompt.includes("login") && !isNew) return signIn("login")
  // An authentication made for this request is young enough however long the person then takes to decide.
  const age = facts.now.epochMilliseconds - authTime
  if (request.maxAge !== undefined && !isNew && age > request.maxAge * 1000) {
    if (!isSilent) return signIn("login")
    return refuse("OpenID Connect Core §3.1.2.1: max_age", new LoginRequired({ reason: "AuthenticationTooOld" }))
  }
  if (!facts.isMeant) {
    if (!isSilent && !isNew) return signIn("login")
    return refuse(
      "OpenID Connect Core §3.1.2.2: the subject that was asked for",
      new LoginRequired({ reason: "AnotherSubjectSignedIn" })
    )
  }
  const isAcrReached =
    (request.acrValues.length === 0 && !request.acrEssential) ||
    (authentication.acr !== undefined && request.acrValues.includes(authentication.acr))
  if (!isAcrReached) {
    const wasTried = isNew || prompted.includes("login")
    if (!isSilent && !wasTried) return signIn("login")
    if (request.acrEssential) {
      return refuse(
        "OpenID Connect Core §5.5.1.1: an essential acr is reached",
        new UnmetAuthenticationRequirements({
          reason: "AcrNotReached",
          expected: request.acrValues.join(" "),
          received: authentication.acr ?? ""
        })
      )
    }
  }
  return undefined
}

export const nextStep = (facts: Facts): NextStep => {
  const { authentication, client, request } = facts
  const broken = brokenRule(client, request, facts.policy)
  if (broken !== undefined) return refuse(broken.rule, broken.error)
  const step = authenticationStep(facts)
  if (step !== undefined || authentication === undefined) return step ?? signIn("none_signed_in")
  if (!facts.mayUse) {
    return refuse("the host lets this subject use this client", new AccessDenied({ reason: "HostDenied" }))
  }
  const isAsked = request.prompt.includes("consent")
  const isSpared = client.firstParty && facts.policy.firstPartySkipsConsent
  if (!isAsked && (isSpared || covers(facts.consent, askedOf(request)))) return { _tag: "Issue", authentication }
  if (!request.prompt.includes("none")) return { _tag: "Consent", authentication }
  return refuse(
    "OpenID Connect Core §3.1.2.6: consent is remembered",
    new ConsentRequired({ reason: "ConsentMissing" })
  )
}
