/**
 * The browser's way from an authorization request to a response. `begin` is `/authorize`, `resume` the page the host
 * sends the browser back to, `decide` the answer to the consent page.
 */
import { DateTime, Effect, Option } from "effect"
import { type AuditEvent, AuditLog } from "../audit/AuditLog.ts"
import { client as clientActor, eventsBy, subject as subjectActor } from "../audit/event.ts"
import { check, refuse } from "../audit/Refusal.ts"
import type { AuthorizationRequest } from "../authorization-request/AuthorizationRequest.ts"
import { PageRefusal, RedirectRefusal } from "../authorization-request/establish.ts"
import { heldMode } from "../authorization-request/responseMode.ts"
import { validate } from "../authorization-request/validate.ts"
import type { Client } from "../client/Client.ts"
import { ClientStore } from "../client/ClientStore.ts"
import { ConsentStore } from "../consent/ConsentStore.ts"
import { type Asked, remember } from "../consent/cover.ts"
import { Crypto, equalText, hashToken, randomToken } from "../crypto/Crypto.ts"
import { AuthorizationDetailsTypes } from "../host/AuthorizationDetailsTypes.ts"
import type { Authentication } from "../host/Authentication.ts"
import { type BrowserRequest, HostResolver, type SignInDemand } from "../host/HostResolver.ts"
import { CurrentIssuer, url } from "../issuer/Issuer.ts"
import { currentPolicy } from "../issuer/Policy.ts"
import { AccessDenied, InvalidRequest } from "../oauth/OAuthError.ts"
import type { Parameters } from "../oauth/Parameters.ts"
import { every, optional } from "../oauth/Parameters.ts"
import { isPushed, pushedRequest } from "../par/resolve.ts"
import { rulesFor } from "../profile/inForce.ts"
import { type Resource } from "../resource/Resource.ts"
import { currentResources } from "../resource/registry.ts"
import { isPairwise, isSubjectOf } from "../subject/subjectFor.ts"
import { Transaction } from "../storage/Transaction.ts"
import type { Interaction, Unfinished } from "./Interaction.ts"
import { InteractionStore } from "./InteractionStore.ts"
import { prepareCode } from "./issueCode.ts"
import { askedOf, nextStep } from "./nextStep.ts"
import { type AuthorizationResponse, secured, success } from "./respond.ts"
import { mustBeFirst, usedByNow, useUp } from "./useUp.ts"

/** A browser at one of our pages. */
export interface Browser {
  readonly request: BrowserRequest
  /** The values of our binding cookies; more than one when two tabs raced to set the first. */
  readonly bindings: ReadonlyArray<string>
}

/** What the consent page shows. */
export interface ConsentView {
  readonly handle: string
  readonly csrfToken: string
  readonly client: Client
  readonly request: AuthorizationRequest
  readonly resources: ReadonlyArray<Resource>
  readonly subject: string
  /** RFC 9396: what each authorization detail means, in the words of the host. */
  readonly details: ReadonlyArray<{ readonly type: string; readonly lines: ReadonlyArray<string> }>
}

/** What the browser is answered with. */
export type Outcome =
  /** To the client, with a code. */
  | { readonly _tag: "Respond"; readonly response: AuthorizationResponse }
  /** To the host's page where the person signs in. */
  | { readonly _tag: "SignIn"; readonly location: string; readonly binding: string }
  /** To the interaction's own address. */
  | { readonly _tag: "Continue"; readonly location: string; readonly binding: string | undefined }
  | { readonly _tag: "ShowConsent"; readonly view: ConsentView; readonly binding: string }

const interactionUrl = Effect.fnUntraced(function* (handle: string) {
  return url(yield* CurrentIssuer, `/interaction/${handle}`)
})

/** Everything `nextStep` decides from, read once. */
const gather = Effect.fnUntraced(function* (client: Client, request: AuthorizationRequest, browser: Browser) {
  const host = yield* HostResolver
  const consents = yield* ConsentStore
  const issuer = (yield* CurrentIssuer).identifier
  const now = yield* DateTime.now
  const authentication = Option.getOrUndefined(yield* host.authentication(browser.request))
  const consent =
    authentication === undefined
      ? undefined
      : Option.getOrUndefined(yield* consents.find(issuer, authentication.subject, client.clientId, now))
  const mayUse = authentication === undefined || (yield* host.mayUse(authentication.subject, client.clientId))
  const isMeant =
    authentication === undefined ||
    request.subject === undefined ||
    (yield* isSubjectOf(client, authentication.subject, request.subject))
  return { client, request, authentication, consent, mayUse, isMeant, now, policy: yield* currentPolicy }
})

const demandOf = (client: Client, request: AuthorizationRequest, reason: SignInDemand["reason"], returnTo: string) => ({
  reason,
  returnTo,
  client: { clientId: client.clientId, name: client.clientName },
  loginHint: request.loginHint,
  // A pseudonym means nothing to the host.
  subject: isPairwise(client) ? undefined : request.subject,
  acrValues: request.acrValues,
  acrEssential: request.acrEssential,
  uiLocales: request.uiLocales,
  display: request.display
})

/** RFC 6749 §4.1.1. `mayAnswerAtOnce` is false for a cross-site POST, whose request carries no cookies to decide from. */
export const begin = Effect.fnUntraced(function* (parameters: Parameters, browser: Browser, mayAnswerAtOnce: boolean) {
  const { client, request } = yield* isPushed(parameters) ? pushedRequest(parameters) : validate(parameters)
  const host = yield* HostResolver
  const interactions = yield* InteractionStore
  const audit = yield* AuditLog
  const transaction = yield* Transaction
  const issuer = (yield* CurrentIssuer).identifier
  const facts = yield* gather(client, request, browser)
  const step = mayAnswerAtOnce ? nextStep({ ...facts, since: undefined, prompted: [] }) : undefined

  // Of a pushed request it was just read whether it was used.
  const { requestObject } = request
  yield* mustBeFirst(yield* usedByNow(issuer, { requestObject }), request, client)
  if (step?._tag === "Refuse") {
    yield* mustBeFirst(yield* useUp(issuer, request, facts.now, Effect.void), request, client)
    return yield* refuse(step.rule, new RedirectRefusal({ error: step.error, target: request, client }))
  }
  if (step?._tag === "Issue") {
    const { code, store } = yield* prepareCode(client, request, step.authentication, askedOf(request))
    const response = yield* secured(success(issuer, request, code), client)
    yield* mustBeFirst(yield* useUp(issuer, request, facts.now, store), request, client)
    return { _tag: "Respond", response } satisfies Outcome
  }

  const handle = yield* randomToken
  // Without cookies nothing is known of the browser yet: whichever opens the address first claims the interaction.
  const binding = mayAnswerAtOnce ? (browser.bindings[0] ?? (yield* randomToken)) : undefined
  const prompt = step?._tag === "SignIn" && step.reason !== "none_signed_in" ? [step.reason] : []
  const interaction: Interaction = {
    _tag: "Pending",
    issuer,
    handleHash: yield* hashToken(handle),
    browserHash: binding === undefined ? undefined : yield* hashToken(binding),
    request,
    createdAt: facts.now,
    expiresAt: DateTime.add(facts.now, { seconds: facts.policy.interactionLifetime }),
    prompted: prompt
  }
  const event = eventsBy(issuer, facts.now, clientActor(client.clientId))
  yield* transaction.within(
    Effect.andThen(
      interactions.insert(interaction),
      audit.append([event("interaction.begun", "interaction", interaction.handleHash)])
    )
  )
  const returnTo = yield* interactionUrl(handle)
  if (step?._tag !== "SignIn" || binding === undefined) {
    return { _tag: "Continue", location: returnTo, binding } satisfies Outcome
  }
  const location = yield* host.signIn(demandOf(client, request, step.reason, returnTo))
  return { _tag: "SignIn", location, binding } satisfies Outcome
})

/** A refusal that only a page can tell: whose request it is cannot be trusted any more. */
const page = (reason: InvalidRequest["reason"], clientId?: string) =>
  new PageRefusal({ error: new InvalidRequest({ reason }), clientId })

/** The interaction of this handle, if it is this browser's and can still be finished; claimed when nobody has. */
const openInteraction = Effect.fnUntraced(function* (handle: string, browser: Browser) {
  const interactions = yield* InteractionStore
  const clients = yield* ClientStore
  const issuer = (yield* CurrentIssuer).identifier
  const now = yield* DateTime.now
  const handleHash = yield* hashToken(handle)
  const found = Option.getOrUndefined(yield* interactions.find(issuer, handleHash))
  yield* check("the interaction exists", found !== undefined, () => page("InteractionUnknown"))
  const clientId = found!.request.clientId
  const binding = yield* bindTo(found!, browser)
  yield* check("the interaction belongs to this browser", binding !== undefined, () =>
    page("InteractionOfAnotherBrowser", clientId)
  )
  yield* check("the interaction is not finished", found!._tag !== "Finished", () =>
    page("InteractionFinished", clientId)
  )
  yield* check("the interaction has not expired", now.epochMilliseconds < found!.expiresAt.epochMilliseconds, () =>
    page("InteractionExpired", clientId)
  )
  const client = Option.getOrUndefined(yield* clients.find(issuer, clientId))
  yield* check("the client is registered and enabled", client?.disabled === false, () =>
    page("InteractionUnknown", clientId)
  )
  const request = heldMode(found!.request, yield* rulesFor(client!))
  const interaction: Unfinished = { ...(found as Unfinished), request, browserHash: yield* hashToken(binding!) }
  return { binding: binding!, client: client!, interaction }
})

/** The cookie value that binds this browser to the interaction; undefined when it is another's. */
const bindTo = Effect.fnUntraced(function* (interaction: Interaction, browser: Browser) {
  const interactions = yield* InteractionStore
  if (interaction.browserHash === undefined) {
    const binding = browser.bindings[0] ?? (yield* randomToken)
    const claimed = yield* interactions.claim(interaction.issuer, interaction.handleHash, yield* hashToken(binding))
    return claimed ? binding : undefined
  }
  for (const binding of browser.bindings) {
    if ((yield* hashToken(binding)) === interaction.browserHash) return binding
  }
  return undefined
})

/**
 * Proves that a form came from the page that this browser was shown for this interaction, and says to whom it was shown:
 * two parts with a dot between.
 */
const csrfTokenOf = Effect.fnUntraced(function* (binding: string, handle: string, subject: string) {
  const crypto = yield* Crypto
  const page = yield* crypto.sha256(`csrf\0${binding}\0${handle}`)
  return `${page}.${yield* crypto.sha256(`person\0${binding}\0${handle}\0${subject}`)}`
})

const partsOf = (token: string): readonly [page: string, person: string] => {
  const at = token.indexOf(".")
  return at < 0 ? [token, ""] : [token.slice(0, at), token.slice(at + 1)]
}

/** One move of an interaction with its event; `false`, and no event, when it was finished before. */
const moving = Effect.fnUntraced(function* <R>(move: Effect.Effect<boolean, never, R>, event: AuditEvent) {
  const audit = yield* AuditLog
  const transaction = yield* Transaction
  return yield* transaction.within(Effect.tap(move, (moved) => (moved ? audit.append([event]) : Effect.void)))
})

/** The host sends the browser back here; a reload, the back button and a second tab come here too. */
export const resume = Effect.fnUntraced(function* (handle: string, browser: Browser) {
  const host = yield* HostResolver
  const interactions = yield* InteractionStore
  const { binding, client, interaction } = yield* openInteraction(handle, browser)
  const { handleHash, issuer, request } = interaction
  if ((yield* usedByNow(issuer, request)) !== undefined) {
    yield* finishWith(client, interaction, undefined, Effect.void, "interaction.refused")
  }
  const facts = yield* gather(client, request, browser)
  const step = nextStep({ ...facts, since: interaction.createdAt, prompted: interaction.prompted })
  const browserHash = interaction.browserHash!
  const finished = () => page("InteractionFinished", client.clientId)

  const event = eventsBy(issuer, facts.now, clientActor(client.clientId))
  if (step._tag === "SignIn") {
    const { reason } = step
    const isUnfinished =
      reason === "none_signed_in" ||
      (yield* moving(
        interactions.prompted(issuer, handleHash, browserHash, reason),
        event("interaction.prompted", "interaction", handleHash, reason)
      ))
    yield* check("the interaction is not finished", isUnfinished, finished)
    const location = yield* host.signIn(demandOf(client, request, step.reason, yield* interactionUrl(handle)))
    return { _tag: "SignIn", location, binding } satisfies Outcome
  }
  if (step._tag === "Consent") {
    const { subject } = step.authentication
    const isUnfinished = yield* moving(
      interactions.deciding(issuer, handleHash, browserHash, subject),
      event("interaction.deciding", "interaction", handleHash)
    )
    yield* check("the interaction is not finished", isUnfinished, finished)
    const csrfToken = yield* csrfTokenOf(binding, handle, subject)
    const resources = (yield* currentResources).filter((one) => request.resources.includes(one.identifier))
    const types = yield* AuthorizationDetailsTypes
    const details = request.authorizationDetails.map(({ detail }) => ({
      type: detail.type,
      lines: types.get(detail.type)?.describe(detail) ?? []
    }))
    const view: ConsentView = { handle, csrfToken, client, request, resources, subject, details }
    return { _tag: "ShowConsent", view, binding } satisfies Outcome
  }
  if (step._tag === "Refuse") {
    yield* finishWith(client, interaction, undefined, Effect.void, "interaction.refused")
    return yield* refuse(step.rule, new RedirectRefusal({ error: step.error, target: request, client }))
  }
  return yield* issueTo(client, interaction, undefined, step.authentication, askedOf(request), Effect.void)
})

/** Finishes the interaction and runs `store` in one transaction; whoever comes second is told so. */
const finishWith = <E, R>(
  client: Client,
  interaction: Unfinished,
  decidedBy: string | undefined,
  store: Effect.Effect<void, E, R>,
  action: "interaction.denied" | "interaction.refused" | "interaction.completed"
) =>
  Effect.gen(function* () {
    const interactions = yield* InteractionStore
    const audit = yield* AuditLog
    const transaction = yield* Transaction
    const at = yield* DateTime.now
    const { browserHash, handleHash, issuer, request } = interaction
    const actor = decidedBy === undefined ? clientActor(request.clientId) : subjectActor(decidedBy)
    const event = eventsBy(issuer, at, actor)
    const ended = yield* transaction.within(
      Effect.gen(function* () {
        if (!(yield* interactions.finish(issuer, handleHash, browserHash!, at, decidedBy))) return undefined
        const used = yield* useUp(issuer, request, at, store)
        yield* audit.append([event(used === undefined ? action : "interaction.refused", "interaction", handleHash)])
        return { used }
      })
    )
    yield* check("the interaction is finished once", ended !== undefined, () =>
      page("InteractionFinished", request.clientId)
    )
    yield* mustBeFirst(ended!.used, request, client)
  })

/** Ends the interaction with a code. */
const issueTo = <E, R>(
  client: Client,
  interaction: Unfinished,
  decidedBy: string | undefined,
  authentication: Authentication,
  granted: Asked,
  alsoStore: Effect.Effect<void, E, R>
) =>
  Effect.gen(function* () {
    const { code, store } = yield* prepareCode(client, interaction.request, authentication, granted)
    // A code that nobody can be told of is not made.
    const response = yield* secured(success(interaction.issuer, interaction.request, code), client)
    yield* finishWith(client, interaction, decidedBy, Effect.andThen(alsoStore, store), "interaction.completed")
    return { _tag: "Respond", response } satisfies Outcome
  })

/** The answer to the consent page: form fields `csrf`, `decision`, `scope` (one per ticked box) and `remember`. */
export const decide = Effect.fnUntraced(function* (handle: string, form: Parameters, browser: Browser) {
  const { binding, client, interaction } = yield* openInteraction(handle, browser)
  const { issuer, request } = interaction
  const asPage = Effect.mapError((error: InvalidRequest) => new PageRefusal({ error, clientId: client.clientId }))
  const [csrfPage, csrfPerson] = partsOf((yield* asPage(optional(form, "csrf"))) ?? "")
  const decider = interaction._tag === "Deciding" ? interaction.subject : undefined
  const [expectedPage, expectedPerson] = partsOf(yield* csrfTokenOf(binding, handle, decider ?? ""))
  yield* check("the form came from our page", equalText(csrfPage, expectedPage), () =>
    page("CsrfTokenMismatch", client.clientId)
  )
  const decision = yield* asPage(optional(form, "decision"))
  yield* check("the decision is approve or deny", decision === "approve" || decision === "deny", () =>
    page("ParameterMalformed", client.clientId)
  )

  // Judged anew: the session may have ended, or another person may have signed in, since the page was shown.
  const facts = yield* gather(client, request, browser)
  const step = nextStep({ ...facts, since: interaction.createdAt, prompted: interaction.prompted })
  // In two tabs the page may have been shown to two people in turn: the form counts for whom it was shown to.
  const isShownTo = equalText(csrfPerson, expectedPerson)
  const isSamePerson = decider !== undefined && isShownTo && facts.authentication?.subject === decider
  if (!isSamePerson || step._tag === "SignIn") {
    return { _tag: "Continue", location: yield* interactionUrl(handle), binding } satisfies Outcome
  }
  if (step._tag === "Refuse") {
    yield* finishWith(client, interaction, decider, Effect.void, "interaction.refused")
    return yield* refuse(step.rule, new RedirectRefusal({ error: step.error, target: request, client }))
  }

  const asked = askedOf(request)
  const ticked = every(form, "scope")
  // What makes it an OpenID request is not the person's to untick: it names nobody by itself.
  const scope = asked.scope.filter((value) => value === "openid" || ticked.includes(value))
  const isDenied = decision === "deny" || (asked.scope.length > 0 && scope.length === 0)
  if (isDenied) {
    yield* finishWith(client, interaction, decider, Effect.void, "interaction.denied")
    const denied = new AccessDenied({ reason: "PersonDenied" })
    return yield* refuse(
      "RFC 6749 §4.1.2.1: the person approves",
      new RedirectRefusal({ error: denied, target: request, client })
    )
  }
  const granted: Asked = { ...asked, scope }
  const rememberIt = Effect.gen(function* () {
    const consents = yield* ConsentStore
    const audit = yield* AuditLog
    const by = { issuer, subject: decider, clientId: client.clientId }
    yield* consents.put(remember(facts.consent, asked, granted, by, facts.now, facts.policy.consentLifetime))
    yield* audit.append([
      eventsBy(issuer, facts.now, subjectActor(decider))("consent.remembered", "client", client.clientId)
    ])
  })
  const isRemembered = every(form, "remember").length > 0
  return yield* issueTo(
    client,
    interaction,
    decider,
    step.authentication,
    granted,
    isRemembered ? rememberIt : Effect.void
  )
})
