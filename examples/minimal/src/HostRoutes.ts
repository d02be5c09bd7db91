/** This host's own pages, below the path of every issuer it serves. */
import { Issuer, type OAuthError, StorageUnavailable } from "@lockspire/core"
import { Pages } from "@lockspire/http"
import { Cause, Effect } from "effect"
import { HttpRouter, type HttpServerRequest, type HttpServerResponse } from "effect/http"
import { HostOptions } from "./HostOptions.ts"
import * as Apps from "./pages/apps.ts"
import * as ChooseAccount from "./pages/chooseAccount.ts"
import * as Home from "./pages/home.ts"
import * as SignIn from "./pages/signIn.ts"
import * as SignOut from "./pages/signOut.ts"
import * as SignUp from "./pages/signUp.ts"

type Request = HttpServerRequest.HttpServerRequest
type Response = HttpServerResponse.HttpServerResponse

/** What the pages need, beside the issuer of the request. */
type Services = Exclude<
  Effect.Services<
    ReturnType<
      | typeof Apps.get
      | typeof Apps.post
      | typeof ChooseAccount.get
      | typeof ChooseAccount.post
      | typeof Home.get
      | typeof SignIn.get
      | typeof SignIn.post
      | typeof SignOut.get
      | typeof SignOut.post
      | typeof SignUp.get
      | typeof SignUp.post
    >
  >,
  Issuer.CurrentIssuer
>

type Handler = (request: Request) => Effect.Effect<Response, OAuthError.InvalidRequest, Services | Issuer.CurrentIssuer>

interface Route {
  readonly get: Handler
  readonly post?: Handler
}

const message = (status: number, description: string, headers: Record<string, string> = {}) =>
  Effect.map(Pages.Brand, (brand) =>
    Pages.respond(
      Pages.errorPage({
        error: status < 500 ? "invalid_request" : status === 503 ? "temporarily_unavailable" : "server_error",
        title: status < 500 ? "That did not work" : "Something is wrong here",
        description,
        advice: status < 500 ? "Go back, reload the page and try again." : "Wait a moment and try again.",
        brand
      }),
      { status, headers }
    )
  )

const refusals: Partial<Record<OAuthError.InvalidRequest["reason"], readonly [status: number, sentence: string]>> = {
  BodyTooLarge: [413, "The form is too large."],
  ContentTypeNotForm: [415, "The body must be application/x-www-form-urlencoded."],
  CsrfTokenMismatch: [403, "The form is not one that this browser was shown. Cookies must be allowed."],
  ForeignOrigin: [403, "The form did not come from this site."],
  AccountChanged: [400, "That account is no longer signed in here."]
}

const refuse = (error: OAuthError.InvalidRequest) => {
  const [status, sentence] = refusals[error.reason] ?? [400, "The address or the form is not one of ours."]
  return message(status, sentence)
}

/** The answer to a fault says nothing about it; the log has the cause. */
const fault = (cause: Cause.Cause<never>): Effect.Effect<Response> => {
  if (Cause.hasInterruptsOnly(cause)) return Effect.failCause(cause)
  const isStorage = cause.reasons.some((one) => one._tag === "Die" && one.defect instanceof StorageUnavailable)
  return isStorage
    ? message(503, "The server cannot answer at the moment.", { "retry-after": "1" })
    : Effect.andThen(
        Effect.logError("host page: defect", cause),
        message(500, "The server met an unexpected condition.")
      )
}

/** RFC 9110 §15.5.6. */
const pick = (route: Route, method: string): Handler => {
  if (method === "GET" || method === "HEAD") return route.get
  if (method === "POST" && route.post !== undefined) return route.post
  const allow = route.post === undefined ? "GET, HEAD" : "GET, HEAD, POST"
  return () => message(405, "This page does not take such a request.", { allow })
}

/** `Host` only selects among the configured issuers, by exact match. */
const select = (issuers: ReadonlyArray<Issuer.Issuer>, path: string, request: Request) => {
  const fromUrl = URL.canParse(request.originalUrl) ? new URL(request.originalUrl).host : undefined
  const host = request.headers["host"] ?? fromUrl
  return issuers.find((issuer) => issuer.path === path && issuer.host === host)
}

export const layer = HttpRouter.use(
  Effect.fnUntraced(function* (router) {
    const issuers = yield* Issuer.Issuers
    const { signUp } = yield* HostOptions
    const services = yield* Effect.context<Services>()
    const routes: Record<string, Route> = {
      "/": Home,
      "/sign-in": SignIn,
      ...(signUp ? { "/sign-up": SignUp } : {}),
      "/choose-account": ChooseAccount,
      "/sign-out": SignOut,
      "/apps": Apps
    }
    for (const path of new Set(issuers.map((issuer) => issuer.path))) {
      for (const [page, route] of Object.entries(routes)) {
        yield* router.add("*", `${path}${page}` as `/${string}`, (request) => {
          const issuer = select(issuers, path, request)
          if (issuer === undefined) return message(404, "No issuer is configured for this host.")
          return pick(
            route,
            request.method
          )(request).pipe(
            Effect.provideService(Issuer.CurrentIssuer, issuer),
            Effect.provideContext(services),
            Effect.catch(refuse),
            Effect.catchCause(fault)
          )
        })
      }
    }
  })
)
