/** The endpoints that browsers visit: authorization (RFC 6749 §3.1) and the interaction that follows. */
import { AuthorizationResponse, HostResolver, Interact, Issuer, OAuthError, type Establish } from "@lockspire/core"
import { Effect, Option } from "effect"
import { HttpRouter, type HttpServerRequest, HttpServerResponse } from "effect/http"
import { ProtocolApi } from "../api/ProtocolApi.ts"
import { ConsentPage, personName } from "../pages/consentPage.ts"
import { errorPage } from "../pages/errorPage.ts"
import { formPostPage } from "../pages/formPostPage.ts"
import { Brand, type BrandOptions, respond } from "../pages/layout.ts"
import { isSameOrigin } from "../pages/sameOrigin.ts"
import { bindingsOf, setBinding } from "../wire/binding.ts"
import { answering, type Render } from "../wire/edge.ts"
import { readForm, readQuery } from "../wire/form.ts"
import { toWire } from "../wire/oauthError.ts"
import { routes } from "./routes.ts"
import type { ProtocolServices } from "../wire/services.ts"

type Request = HttpServerRequest.HttpServerRequest
/** A refusal with the response that tells the client. */
interface Told {
  readonly _tag: "Told"
  readonly error: OAuthError.OAuthError
  readonly clientId: string
  readonly response: AuthorizationResponse.AuthorizationResponse
}
type Failure = OAuthError.InvalidRequest | Establish.PageRefusal | Told

/** Nothing of an authorization response may stay in a cache or leak to the next page (RFC 9700 §4.2). */
const headers = { "cache-control": "no-store", "referrer-policy": "no-referrer" }

/** RFC 9700 §4.12: 303 after a POST, so that no browser sends the form on. */
const redirect = (request: Request, location: string) =>
  HttpServerResponse.empty({ status: request.method === "POST" ? 303 : 302, headers: { ...headers, location } })

const toClient = (request: Request, response: AuthorizationResponse.AuthorizationResponse, brand: BrandOptions) =>
  response.responseMode === "form_post"
    ? respond(formPostPage(response, { brand }))
    : redirect(request, AuthorizationResponse.location(response))

const errorOf = (failure: Failure): OAuthError.OAuthError => ("error" in failure ? failure.error : failure)

const refused = (failure: Failure) => {
  if (failure._tag === "PageRefusal" || failure._tag === "Told") {
    return { error: failure.error, clientId: failure.clientId }
  }
  return { error: failure }
}

/** Where the response cannot be secured as the client asks, the refusal becomes that of a page. */
const tell = Effect.fnUntraced(function* ({ client, error, target }: Establish.RedirectRefusal) {
  const issuer = (yield* Issuer.CurrentIssuer).identifier
  const unsecured = AuthorizationResponse.failure(issuer, target, error, toWire)
  const response = yield* AuthorizationResponse.secured(unsecured, client)
  return yield* Effect.fail({ _tag: "Told", error, clientId: client.clientId, response } satisfies Told)
})

const render =
  (request: Request, brand: BrandOptions): Render<Failure> =>
  (failure, trace) => {
    if (failure._tag === "Told") return toClient(request, failure.response, brand)
    const { description, error, status } = toWire(errorOf(failure))
    return respond(errorPage({ error, description, trace, brand }), { status })
  }

const faultAdvice =
  "The fault is not yours. Reload this page in a moment; if it stays, go back to the app you came from and start again."

const browserOf = (request: Request, issuer: Issuer.Issuer): Interact.Browser => ({
  request: { cookies: request.cookies, headers: request.headers },
  bindings: bindingsOf(issuer, request)
})

/** Shows what the pipeline decided. */
const show = Effect.fnUntraced(function* (request: Request, outcome: Interact.Outcome) {
  const issuer = yield* Issuer.CurrentIssuer
  const bind = (response: HttpServerResponse.HttpServerResponse, binding: string | undefined) =>
    setBinding(response, issuer, bindingsOf(issuer, request), binding)
  switch (outcome._tag) {
    case "Respond":
      return toClient(request, outcome.response, yield* Brand)
    case "SignIn":
    case "Continue":
      return bind(redirect(request, outcome.location), outcome.binding)
    case "ShowConsent": {
      const consentPage = yield* ConsentPage
      const host = yield* HostResolver
      const brand = yield* Brand
      const { handle, subject } = outcome.view
      const claims = yield* host.claims({ subject, scope: ["profile", "email"], names: [], locales: [] })
      const person = Option.getOrUndefined(Option.map(claims, personName))
      const action = Issuer.url(issuer, `/interaction/${handle}`)
      return bind(respond(consentPage(outcome.view, action, { person, brand })), outcome.binding)
    }
  }
})

/** A form of ours comes from a page of ours. */
const ownForm = Effect.fnUntraced(function* (request: Request) {
  const issuer = yield* Issuer.CurrentIssuer
  if (!isSameOrigin(request.headers, issuer)) return yield* new OAuthError.InvalidRequest({ reason: "ForeignOrigin" })
  return yield* readForm(request)
})

type Pipeline = (
  browser: Interact.Browser
) => Effect.Effect<
  Interact.Outcome,
  OAuthError.InvalidRequest | Establish.PageRefusal | Establish.RedirectRefusal,
  ProtocolServices | Issuer.CurrentIssuer
>

/** What the pipeline decides for the browser that asks. */
const shown = Effect.fnUntraced(function* (request: Request, pipeline: Pipeline) {
  const browser = browserOf(request, yield* Issuer.CurrentIssuer)
  return yield* show(request, yield* pipeline(browser))
})

const handlers = Effect.fnUntraced(function* (path: string) {
  const answer = yield* answering(path)
  const brand = yield* Brand
  const run = (endpoint: string, request: Request, pipeline: Pipeline) =>
    answer({
      endpoint,
      request,
      pipeline: Effect.catchTag(shown(request, pipeline), "RedirectRefusal", tell),
      refused,
      render: render(request, brand),
      renderFault: ({ description, error, status }) =>
        respond(errorPage({ error, description, title: "That did not work", advice: faultAdvice, brand }), { status })
    })
  const withHandle = (run: (handle: string) => Effect.Effect<HttpServerResponse.HttpServerResponse>) =>
    Effect.flatMap(HttpRouter.params, ({ handle }) => run(handle!))

  return {
    authorize: (request: Request) =>
      run("authorize", request, (browser) =>
        Effect.flatMap(readQuery(request), (parameters) => Interact.begin(parameters, browser, true))
      ),
    // OpenID Connect Core §3.1.2.1. From another site it comes without SameSite cookies, so it decides nothing: the
    // browser is sent on to the interaction's own address, where they are.
    authorizePost: (request: Request) =>
      run("authorize", request, (browser) =>
        Effect.flatMap(readForm(request), (parameters) => Interact.begin(parameters, browser, false))
      ),
    interaction: (request: Request) =>
      withHandle((handle) => run("interaction", request, (browser) => Interact.resume(handle, browser))),
    decide: (request: Request) =>
      withHandle((handle) =>
        run("interaction", request, (browser) =>
          Effect.flatMap(ownForm(request), (form) => Interact.decide(handle, form, browser))
        )
      )
  }
})

export const layer = (path: string) => routes(ProtocolApi.groups.browser, handlers(path))
