/** Making an account: OpenID Connect `prompt=create` leads here. */
import {
  type Account,
  AccountStore,
  AuditEvents,
  AuditLog,
  Crypto,
  Issuer,
  Parameters,
  SecretHash,
  Transaction
} from "@lockspire/core"
import { Pages } from "@lockspire/http"
import { DateTime, Effect } from "effect"
import type { HttpServerRequest } from "effect/http"
import * as Demand from "../Demand.ts"
import { readOwnForm, withForm } from "../ownForm.ts"
import { asking, enter, field } from "../signingIn.ts"

type Request = HttpServerRequest.HttpServerRequest
const { html } = Pages

interface Entered {
  readonly username: string
  readonly name: string
  readonly password: string
}

interface Objection {
  readonly status: number
  readonly about: keyof Entered
  readonly sentence: string
}

const show = Effect.fnUntraced(function* (
  request: Request,
  demand: Demand.Demand,
  entered: Omit<Entered, "password">,
  objection?: Objection
) {
  const issuer = yield* Issuer.CurrentIssuer
  const lead = yield* asking(demand)
  return yield* withForm(
    request,
    (csrf) => ({
      title: "Create an account",
      body: html`<h1>Create an account</h1>
        ${lead} ${objection && html`<p class="notice bad" role="alert">${objection.sentence}</p>`}
        <form method="post" action="${Demand.address(issuer, "/sign-up", demand)}">
          ${csrf}
          ${field({
            name: "username",
            label: "Username",
            type: "text",
            autocomplete: "username",
            hint: "Letters, digits and . _ @ + -",
            value: entered.username,
            autofocus: objection === undefined || objection.about === "username",
            invalid: objection?.about === "username"
          })}
          ${field({
            name: "name",
            label: "Name (optional)",
            type: "text",
            autocomplete: "name",
            value: entered.name,
            optional: true
          })}
          ${field({
            name: "password",
            label: "Password",
            type: "password",
            autocomplete: "new-password",
            hint: "At least 8 characters. A few words are good.",
            autofocus: objection?.about === "password",
            invalid: objection?.about === "password"
          })}
          <div class="actions"><button>Create account</button></div>
        </form>
        <p class="after">Have one already? <a href="${Demand.address(issuer, "/sign-in", demand)}">Sign in</a></p>`
    }),
    objection?.status ?? 200
  )
})

export const get = Effect.fnUntraced(function* (request: Request) {
  const demand = yield* Demand.read(request)
  return yield* show(request, demand, { username: demand.loginHint ?? "", name: "" })
})

const objectTo = ({ name, password, username }: Entered): Objection | undefined => {
  if (!/^[\p{L}\p{N}._@+-]{2,64}$/u.test(username)) {
    return { status: 400, about: "username", sentence: "Choose a username of 2 to 64 letters, digits and . _ @ + -" }
  }
  if (name.length > 200) return { status: 400, about: "name", sentence: "The name is too long." }
  if (password.length < 8) {
    return { status: 400, about: "password", sentence: "Choose a password of at least 8 characters." }
  }
  return undefined
}

/** Makes the account; false when the username is taken. */
const create = Effect.fnUntraced(function* (account: Account.Account) {
  const accounts = yield* AccountStore
  const audit = yield* AuditLog.AuditLog
  const transaction = yield* Transaction
  const event = AuditEvents.eventsBy(account.issuer, yield* DateTime.now, AuditEvents.subject(account.subject))
  const added = Effect.tap(accounts.create(account), (isCreated) =>
    isCreated ? audit.append([event("account.created", "account", account.subject)]) : Effect.void
  )
  return yield* transaction.within(added)
})

export const post = Effect.fnUntraced(function* (request: Request) {
  const demand = yield* Demand.read(request)
  const form = yield* readOwnForm(request)
  const username = ((yield* Parameters.optional(form, "username")) ?? "").trim().normalize("NFC")
  const name = ((yield* Parameters.optional(form, "name")) ?? "").trim()
  const password = (yield* Parameters.optional(form, "password")) ?? ""
  const objection = objectTo({ username, name, password })
  if (objection !== undefined) return yield* show(request, demand, { username, name }, objection)
  const account: Account.Account = {
    issuer: (yield* Issuer.CurrentIssuer).identifier,
    subject: yield* Crypto.randomToken,
    username,
    passwordHash: yield* SecretHash.hashChosen(password),
    claims: { preferred_username: username, ...(name === "" ? {} : { name }) },
    acr: undefined,
    amr: ["pwd"]
  }
  if (!(yield* create(account))) {
    const taken: Objection = { status: 409, about: "username", sentence: "This username is taken." }
    return yield* show(request, demand, { username, name }, taken)
  }
  return yield* enter(request, account, demand)
})
