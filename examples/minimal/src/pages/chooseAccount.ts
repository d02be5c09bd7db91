/** Choosing among the accounts of this browser: OpenID Connect `prompt=select_account` leads here. */
import { Issuer, OAuthError, Parameters } from "@lockspire/core"
import { Pages } from "@lockspire/http"
import { Effect } from "effect"
import type { HttpServerRequest } from "effect/http"
import * as Demand from "../Demand.ts"
import { readOwnForm, withForm } from "../ownForm.ts"
import * as Sessions from "../Sessions.ts"
import { asking, goOn, nameOf } from "../signingIn.ts"

type Request = HttpServerRequest.HttpServerRequest
const { html } = Pages

export const get = Effect.fnUntraced(function* (request: Request) {
  const issuer = yield* Issuer.CurrentIssuer
  const demand = yield* Demand.read(request)
  const signedIn = yield* Sessions.all(request.cookies)
  if (signedIn.length === 0) return Pages.seeOther(Demand.address(issuer, "/sign-in", demand))
  const lead = yield* asking(demand)
  return yield* withForm(request, (csrf) => ({
    title: "Choose an account",
    body: html`<h1>Choose an account</h1>
      ${lead}
      <form method="post" action="${Demand.address(issuer, "/choose-account", demand)}">
        ${csrf}
        <div class="choices">
          ${signedIn.map(
            ({ account }) =>
              html`<button class="account" name="subject" value="${account.subject}">
                <span>
                  <bdi>${nameOf(account)}</bdi>
                  <span class="hint"><bdi>${Pages.plainText(account.username)}</bdi></span>
                </span>
                <span aria-hidden="true">→</span>
              </button>`
          )}
        </div>
      </form>
      <p class="after"><a href="${Demand.address(issuer, "/sign-in", demand)}">Use another account</a></p>`
  }))
})

export const post = Effect.fnUntraced(function* (request: Request) {
  const demand = yield* Demand.read(request)
  const form = yield* readOwnForm(request)
  const subject = yield* Parameters.required(form, "subject")
  const chosen = (yield* Sessions.all(request.cookies)).find((one) => one.account.subject === subject)
  if (chosen === undefined) {
    return yield* new OAuthError.InvalidRequest({ reason: "AccountChanged", parameter: "subject" })
  }
  return yield* Sessions.choose(chosen, request.cookies, yield* goOn(demand))
})
