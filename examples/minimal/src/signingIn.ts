/** What the pages on the way into an account share: for whom it is, and where the browser goes afterwards. */
import { type Account, ClientStore, Issuer } from "@lockspire/core"
import { Pages } from "@lockspire/http"
import { Effect, Option } from "effect"
import type { HttpServerRequest } from "effect/http"
import type * as Demand from "./Demand.ts"
import * as Sessions from "./Sessions.ts"

/** Which client is asking. Its name is looked up: a name in the query could be anybody's. */
export const asking = Effect.fnUntraced(function* (demand: Demand.Demand) {
  if (demand.clientId === undefined) return undefined
  const clients = yield* ClientStore
  const { identifier } = yield* Issuer.CurrentIssuer
  const found = Option.getOrUndefined(yield* clients.find(identifier, demand.clientId))
  if (found === undefined) return undefined
  const name = Pages.clientName({ clientId: found.clientId, name: found.clientName })
  return Pages.html`<p class="lead">to continue to <strong>${name}</strong></p>`
})

export const goOn = Effect.fnUntraced(function* (demand: Demand.Demand) {
  const { path } = yield* Issuer.CurrentIssuer
  return Pages.seeOther(demand.returnTo ?? (path === "" ? "/" : path))
})

/** Signs in and goes on. */
export const enter = Effect.fnUntraced(function* (
  request: HttpServerRequest.HttpServerRequest,
  account: Account.Account,
  demand: Demand.Demand
) {
  return yield* Sessions.start(account, request.cookies, yield* goOn(demand))
})

/** How an account is shown to its owner. */
export const nameOf = (account: Account.Account): string =>
  Pages.plainText(Pages.personName(account.claims) ?? account.username)

export interface Field {
  readonly name: string
  readonly label: string
  readonly type: "text" | "password"
  readonly autocomplete: string
  readonly value?: string
  readonly hint?: string
  readonly optional?: boolean
  readonly autofocus?: boolean
  readonly invalid?: boolean
}

export const field = (one: Field): Pages.Html => {
  const { html } = Pages
  const flags = [
    one.optional === true ? undefined : html` required`,
    one.autofocus === true ? html` autofocus` : undefined,
    one.invalid === true ? html` aria-invalid="true"` : undefined,
    one.hint === undefined ? undefined : html` aria-describedby="${one.name}-hint"`
  ]
  return html`<div class="field">
    <label for="${one.name}">${one.label}</label>
    <input
      id="${one.name}"
      name="${one.name}"
      type="${one.type}"
      value="${one.value ?? ""}"
      autocomplete="${one.autocomplete}"
      autocapitalize="none"
      spellcheck="false"
      ${flags}
    />
    ${one.hint === undefined ? undefined : html`<p class="hint" id="${one.name}-hint">${one.hint}</p>`}
  </div>`
}
