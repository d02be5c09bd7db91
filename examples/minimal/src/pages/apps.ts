/** What a person gave to whom, and taking it back. */
import { type Application, applicationsOf, Issuer, Parameters, revokeApplication } from "@lockspire/core"
import { Pages } from "@lockspire/http"
import { DateTime, Effect, Option } from "effect"
import type { HttpServerRequest } from "effect/http"
import * as Demand from "../Demand.ts"
import { readOwnForm, withForm } from "../ownForm.ts"
import * as Sessions from "../Sessions.ts"
import { nameOf } from "../signingIn.ts"

type Request = HttpServerRequest.HttpServerRequest
const { html } = Pages

const toSignIn = Effect.map(Issuer.CurrentIssuer, (issuer) =>
  Pages.seeOther(
    Demand.address(issuer, "/sign-in", { returnTo: `${issuer.path}/apps`, clientId: undefined, loginHint: undefined })
  )
)

const scopeText = (scope: string): string => Pages.scopeWording(scope)?.label ?? Pages.plainText(scope)

const row = (application: Application): Pages.Html =>
  html`<li>
    <div>
      <strong>${Pages.clientName(application)}</strong>
      <p class="hint">${application.scope.map(scopeText).join(" · ")}</p>
      <p class="hint">Allowed on ${DateTime.formatUtc(application.since, { locale: "en-GB", dateStyle: "long" })}</p>
    </div>
    <button class="danger" name="client_id" value="${application.clientId}">Remove access</button>
  </li>`

export const get = Effect.fnUntraced(function* (request: Request) {
  const issuer = yield* Issuer.CurrentIssuer
  const person = yield* Sessions.active(request.cookies)
  if (Option.isNone(person)) return yield* toSignIn
  const applications = yield* applicationsOf(person.value.account.subject)
  return yield* withForm(request, (csrf) => ({
    title: "Apps with access",
    wide: true,
    body: html`<h1>Apps with access</h1>
      <p class="lead">What these apps may see or do in the account of <bdi>${nameOf(person.value.account)}</bdi>.</p>
      ${
        applications.length === 0
          ? html`<p class="notice">No app has access to your account.</p>`
          : html`<form method="post" action="${issuer.path}/apps">
              ${csrf}
              <ul class="rows">
                ${applications.map(row)}
              </ul>
            </form>`
      }
      <p class="after"><a href="${issuer.path}/">Back to your account</a></p>`
  }))
})

export const post = Effect.fnUntraced(function* (request: Request) {
  const issuer = yield* Issuer.CurrentIssuer
  const form = yield* readOwnForm(request)
  const clientId = yield* Parameters.required(form, "client_id")
  const person = yield* Sessions.active(request.cookies)
  if (Option.isNone(person)) return yield* toSignIn
  yield* revokeApplication(person.value.account.subject, clientId)
  return Pages.seeOther(`${issuer.path}/apps`)
})
