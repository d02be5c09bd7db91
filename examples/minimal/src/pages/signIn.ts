/** Signing in with a username and a password. */
import { type Account, AccountStore, Issuer, Parameters, SecretVerifier } from "@lockspire/core"
import { Pages } from "@lockspire/http"
import { Effect, Option } from "effect"
import type { HttpServerRequest } from "effect/http"
import * as Demand from "../Demand.ts"
import { HostOptions } from "../HostOptions.ts"
import { readOwnForm, withForm } from "../ownForm.ts"
import { asking, enter, field } from "../signingIn.ts"

type Request = HttpServerRequest.HttpServerRequest
const { html } = Pages

const show = Effect.fnUntraced(function* (request: Request, demand: Demand.Demand, failed?: string) {
  const issuer = yield* Issuer.CurrentIssuer
  const options = yield* HostOptions
  const lead = yield* asking(demand)
  const username = failed ?? demand.loginHint ?? ""
  const invalid = failed !== undefined
  const notice = html`<p class="notice bad" role="alert">The username or the password is not right.</p>`
  return yield* withForm(
    request,
    (csrf) => ({
      title: "Sign in",
      body: html`<h1>Sign in</h1>
        ${lead} ${invalid ? notice : undefined}
        <form method="post" action="${Demand.address(issuer, "/sign-in", demand)}">
          ${csrf}
          ${field({
            name: "username",
            label: "Username",
            type: "text",
            autocomplete: "username",
            value: username,
            autofocus: username === "",
            invalid
          })}
          ${field({
            name: "password",
            label: "Password",
            type: "password",
            autocomplete: "current-password",
            autofocus: username !== "",
            invalid
          })}
          <div class="actions"><button>Sign in</button></div>
        </form>
        ${
          options.signUp
            ? html`<p class="after">
                No account yet? <a href="${Demand.address(issuer, "/sign-up", demand)}">Create one</a>
              </p>`
            : undefined
        }`
    }),
    invalid ? 403 : 200
  )
})

export const get = (request: Request) => Effect.flatMap(Demand.read(request), (demand) => show(request, demand))

/** The account with that password. Whether there is an account at all is not told, by words or by time. */
const authenticate = Effect.fnUntraced(function* (username: string, password: string) {
  const accounts = yield* AccountStore
  const secrets = yield* SecretVerifier
  const { identifier } = yield* Issuer.CurrentIssuer
  const found = yield* accounts.findByUsername(identifier, username)
  if (Option.isNone(found)) return yield* Effect.as(secrets.pretend(password), Option.none<Account.Account>())
  return (yield* secrets.verify(password, found.value.passwordHash)) ? found : Option.none<Account.Account>()
})

export const post = Effect.fnUntraced(function* (request: Request) {
  const demand = yield* Demand.read(request)
  const form = yield* readOwnForm(request)
  const username = ((yield* Parameters.optional(form, "username")) ?? "").trim()
  const password = (yield* Parameters.optional(form, "password")) ?? ""
  const account = yield* authenticate(username, password)
  if (Option.isNone(account)) return yield* show(request, demand, username)
  return yield* enter(request, account.value, demand)
})
