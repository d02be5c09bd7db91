/**
 * The demo relying party: it signs people in at the issuer with openid-client and shows what it was told. Below its
 * `baseUrl` it registers its pages and the API that accepts the access tokens.
 */
import { Pages } from "@lockspire/http"
import { Effect, Layer } from "effect"
import { HttpRouter, HttpServerResponse, type HttpServerRequest } from "effect/http"
import * as Actions from "./actions.ts"
import * as Api from "./Api.ts"
import { type Failure, refusal } from "./Failure.ts"
import * as Issuer from "./Issuer.ts"
import { type Options, type Settings, settings as settingsOf } from "./Options.ts"
import { errorPage, homePage } from "./pages.ts"
import { BadRequest, fromThisSite, optional, readForm, readQuery } from "./request.ts"
import * as Sessions from "./Sessions.ts"

export type { Options } from "./Options.ts"

type Request = HttpServerRequest.HttpServerRequest
type Response = HttpServerResponse.HttpServerResponse
/** A handler of a browser's request: what it cannot do becomes a page. */
type Handler = (request: Request) => Effect.Effect<Response, BadRequest | Failure>

/** The routes, for the host's `HttpRouter`. */
export const layer = (options: Options) => {
  const settings = settingsOf(options)
  const issuer = Issuer.make(settings)
  const actions = Actions.make(issuer)
  const sessions = Sessions.make()
  const home = settings.path === "" ? "/" : settings.path
  const cookie = cookieOf(settings)

  const sessionIdOf = (request: Request): string | undefined => request.cookies[cookie.name]
  const keeping = (sessionId: string) => HttpServerResponse.setCookieUnsafe(cookie.name, sessionId, cookie.options)
  const goHome = Pages.seeOther(home)

  const showHome: Handler = Effect.fnUntraced(function* (request) {
    const session = yield* sessions.find(sessionIdOf(request))
    return Pages.respond(homePage(settings, session ?? Sessions.empty))
  })

  /** Starts an attempt and sends the browser on its way. */
  const start = Effect.fnUntraced(function* (request: Request, wishes: Issuer.Wishes) {
    const { attempt, url } = yield* issuer.begin(wishes)
    const presented = sessionIdOf(request)
    const session = yield* sessions.find(presented)
    // An id that this process did not make is never adopted.
    const sessionId = yield* sessions.put(
      Sessions.withAttempt(session ?? Sessions.empty, attempt),
      session === undefined ? undefined : presented
    )
    return keeping(sessionId)(Pages.seeOther(url.href))
  })

  /** With what the query, or the form, wishes for. */
  const signIn = Effect.fnUntraced(function* (request: Request, parameters: URLSearchParams) {
    return yield* start(request, {
      scope: (yield* optional(parameters, "scope")) ?? settings.scope,
      prompt: yield* optional(parameters, "prompt"),
      maxAge: yield* maxAgeOf(yield* optional(parameters, "max_age")),
      acrValues: yield* optional(parameters, "acr_values"),
      responseMode: yield* optional(parameters, "response_mode")
    })
  })

  /** RFC 9470 §4: a new authorization request with what the challenge asks for, and the scope that there was. */
  const stepUp = (request: Request, signedIn: Sessions.SignedIn, wanted: Issuer.StepUp) =>
    start(request, {
      scope: [...new Set(`${signedIn.scope ?? settings.scope} ${wanted.scope ?? ""}`.trim().split(" "))].join(" "),
      prompt: undefined,
      maxAge: wanted.maxAge,
      acrValues: wanted.acrValues,
      responseMode: undefined,
      stepUp: wanted
    })

  /** RFC 6749 §4.1.2 and §4.1.2.1: an attempt is over with its first response, whatever it says. */
  const callback = Effect.fnUntraced(function* (request: Request, response: URLSearchParams) {
    const presented = sessionIdOf(request)
    const session = yield* sessions.find(presented)
    const state = yield* optional(response, "state")
    if (response.size === 0) {
      return yield* refusal(
        "Nothing came with this request. A response in the fragment (response_mode=fragment) stays in the address bar, for scripts alone."
      )
    }
    const attempt = state === undefined ? undefined : session?.attempts.get(state)
    if (presented === undefined || state === undefined || attempt === undefined) {
      return yield* refusal("No sign-in that was started in this browser is waiting for this response.")
    }
    yield* sessions.update(presented, (current) => Sessions.withoutAttempt(current, state))
    const tokens = yield* issuer.finish(response, attempt)
    const first = yield* actions.userinfo(yield* Actions.signedInBy(tokens))
    const { outcome, signedIn } =
      attempt.stepUp === undefined
        ? { signedIn: first.signedIn, outcome: first.outcome.succeeded ? undefined : first.outcome }
        : yield* actions.transfer(attempt.stepUp)(first.signedIn)
    const current = (yield* sessions.find(presented)) ?? Sessions.empty
    // A new id at sign-in: whoever planted or saw the old one has nothing (session fixation).
    yield* sessions.remove(presented)
    const sessionId = yield* sessions.put({
      ...current,
      signedIn,
      outcome
    })
    return keeping(sessionId)(goHome)
  })

  /** A button of the signed-in page: does it with the session's tokens, keeps how it went, and shows the page again. */
  const action =
    (act: (signedIn: Sessions.SignedIn) => Effect.Effect<Actions.Done>): Handler =>
    (request) =>
      Effect.gen(function* () {
        yield* fromThisSite(request, settings.origin)
        yield* readForm(request)
        const sessionId = sessionIdOf(request)
        const session = yield* sessions.find(sessionId)
        if (sessionId === undefined || session?.signedIn === undefined) return goHome
        const { stepUp: wanted, ...done } = yield* act(session.signedIn)
        if (wanted !== undefined) return yield* stepUp(request, session.signedIn, wanted)
        yield* sessions.update(sessionId, (current) => ({ ...current, ...done }))
        return goHome
      })

  const signOut: Handler = Effect.fnUntraced(function* (request) {
    yield* fromThisSite(request, settings.origin)
    yield* readForm(request)
    const sessionId = sessionIdOf(request)
    if (sessionId !== undefined) yield* sessions.remove(sessionId)
    return HttpServerResponse.expireCookieUnsafe(cookie.name, cookie.options)(goHome)
  })

  const postSignIn: Handler = Effect.fnUntraced(function* (request) {
    yield* fromThisSite(request, settings.origin)
    return yield* signIn(request, yield* readForm(request))
  })

  /** Every failure as a page that says it in words. */
  const asPage =
    (handler: Handler) =>
    (request: Request): Effect.Effect<Response> =>
      handler(request).pipe(
        Effect.catchTag("Failure", ({ code, description }) =>
          Effect.succeed(
            Pages.respond(errorPage(settings, { title: "That did not work", code, text: description }), { status: 400 })
          )
        ),
        Effect.catchTag("BadRequest", ({ status, text }) =>
          Effect.succeed(
            Pages.respond(errorPage(settings, { title: "That request cannot be served", text }), { status })
          )
        )
      )

  const pages = <const M extends "GET" | "POST">(path: string, handlers: Record<M, Handler>) =>
    methods(
      `${settings.path}${path}` as `/${string}`,
      Object.fromEntries(
        (Object.entries(handlers) as Array<[M, Handler]>).map(([method, handler]) => [method, asPage(handler)])
      ),
      (allow) =>
        Pages.respond(
          errorPage(settings, {
            title: "That request cannot be served",
            text: `This address answers to ${allow} only.`
          }),
          { status: 405, headers: { allow } }
        )
    )

  const routes = HttpRouter.addAll([
    // The router takes a slash at the end as none.
    ...pages("/", { GET: showHome }),
    ...pages("/sign-in", {
      GET: (request) => Effect.flatMap(readQuery(request), (query) => signIn(request, query)),
      POST: postSignIn
    }),
    ...pages("/callback", {
      GET: (request) => Effect.flatMap(readQuery(request), (query) => callback(request, query)),
      // OAuth 2.0 Form Post Response Mode §2: posted by a page of the issuer; `state` says that it was asked for.
      POST: (request) => Effect.flatMap(readForm(request), (form) => callback(request, form))
    }),
    ...pages("/refresh", { POST: action(actions.refresh) }),
    ...pages("/userinfo", { POST: action(actions.userinfo) }),
    ...pages("/call-api", { POST: action(actions.callApi) }),
    ...pages("/transfer", { POST: action(actions.transfer()) }),
    ...pages("/revoke", { POST: action(actions.revoke) }),
    ...pages("/sign-out", { POST: signOut }),
    ...(settings.apiClientSecret === undefined ? [] : otherMethodsOfApi(settings))
  ])
  return settings.apiClientSecret === undefined
    ? routes
    : Layer.merge(routes, Api.layer(settings, settings.apiClientSecret))
}

const maxAgeOf = (text: string | undefined): Effect.Effect<number | undefined, BadRequest> => {
  if (text === undefined) return Effect.succeed(undefined)
  return /^\d{1,9}$/.test(text)
    ? Effect.succeed(Number(text))
    : Effect.fail(new BadRequest({ status: 400, text: "max_age must be a number of seconds." }))
}

/** Cookies know no ports: the port is in the name, so that two issuers on one machine keep apart. */
const cookieOf = (settings: Settings) => {
  const { port, protocol } = new URL(settings.origin)
  const secure = protocol === "https:"
  return {
    name: `${secure ? "__Host-" : ""}demo-session${port === "" ? "" : `-${port}`}`,
    options: { httpOnly: true, sameSite: "lax", secure, path: "/", maxAge: Sessions.lifetimeSeconds * 1000 } as const
  }
}

const everyMethod = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"] as const

/** Whatever a path does not do is 405 with `Allow` (RFC 9110 §15.5.6). */
const notAllowed = (path: `/${string}`, methods: ReadonlyArray<string>, answer: (allow: string) => Response) => {
  const allow = methods.flatMap((method) => (method === "GET" ? ["GET", "HEAD"] : [method])).join(", ")
  return everyMethod
    .filter((method) => !methods.includes(method))
    .map((method) => HttpRouter.route(method, path, answer(allow)))
}

/** The handlers of one path, and what every other method gets. */
const methods = <E, R>(
  path: `/${string}`,
  handlers: Readonly<Record<string, (request: Request) => Effect.Effect<Response, E, R>>>,
  otherwise: (allow: string) => Response
) => [
  ...everyMethod.flatMap((method) =>
    handlers[method] === undefined ? [] : [HttpRouter.route(method, path, handlers[method])]
  ),
  ...notAllowed(path, Object.keys(handlers), otherwise)
]

/** Not protected: whoever uses a wrong method needs no token to learn that. */
const otherMethodsOfApi = ({ path }: Settings) => {
  const otherwise = (allow: string) =>
    HttpServerResponse.jsonUnsafe({ error: "method_not_allowed" }, { status: 405, headers: { allow } })
  return [
    ...notAllowed(`${path}/api` as `/${string}`, ["GET"], otherwise),
    ...notAllowed(`${path}/api/transfer` as `/${string}`, ["POST"], otherwise)
  ]
}
