/** Forms that only our own pages can have sent: a token in a cookie, and what follows from it in a hidden field. */
import { Crypto, Issuer, OAuthError, Parameters } from "@lockspire/core"
import { Form, Pages } from "@lockspire/http"
import { Effect } from "effect"
import type { HttpServerRequest, HttpServerResponse } from "effect/http"

type Request = HttpServerRequest.HttpServerRequest
type Response = HttpServerResponse.HttpServerResponse

const purpose = "form"
const isToken = /^[A-Za-z0-9_-]{43}$/

const fieldFor = (token: string) => Crypto.hashToken(`form ${token}`)

const tokenOf = (request: Request, issuer: Issuer.Issuer): string | undefined => {
  const token = Pages.readCookie(request.cookies, issuer, purpose)
  return token !== undefined && isToken.test(token) ? token : undefined
}

/** A page with a form: `make` gets the hidden field, the response the cookie that proves it. */
export const withForm = Effect.fnUntraced(function* (
  request: Request,
  make: (csrf: Pages.Html) => Pages.PageOptions,
  status = 200
) {
  const brand = yield* Pages.Brand
  const issuer = yield* Issuer.CurrentIssuer
  const token = tokenOf(request, issuer) ?? (yield* Crypto.randomToken)
  const field = Pages.html`<input type="hidden" name="csrf" value="${yield* fieldFor(token)}" />`
  const response: Response = Pages.respond(Pages.page({ brand, ...make(field) }), { status })
  return Pages.setCookie(response, issuer, purpose, token)
})

/** The form that was sent, if a page of ours in this browser sent it. */
export const readOwnForm = Effect.fnUntraced(function* (request: Request) {
  const issuer = yield* Issuer.CurrentIssuer
  if (!Pages.isSameOrigin(request.headers, issuer)) {
    return yield* new OAuthError.InvalidRequest({ reason: "ForeignOrigin" })
  }
  const form = yield* Form.readForm(request)
  const sent = yield* Parameters.optional(form, "csrf")
  const token = tokenOf(request, issuer)
  const isOurs =
    sent !== undefined &&
    token !== undefined &&
    Crypto.equal(Crypto.encode(sent), Crypto.encode(yield* fieldFor(token)))
  if (!isOurs) return yield* new OAuthError.InvalidRequest({ reason: "CsrfTokenMismatch" })
  return form
})
