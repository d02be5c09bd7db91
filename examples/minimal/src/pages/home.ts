import { Issuer } from "@lockspire/core"
import { Pages } from "@lockspire/http"
import { Effect, Option } from "effect"
import type { HttpServerRequest } from "effect/http"
import { HostOptions } from "../HostOptions.ts"
import * as Sessions from "../Sessions.ts"
import { nameOf } from "../signingIn.ts"

const { html } = Pages

export const get = Effect.fnUntraced(function* (request: HttpServerRequest.HttpServerRequest) {
  const { identifier, path } = yield* Issuer.CurrentIssuer
  const options = yield* HostOptions
  const brand = yield* Pages.Brand
  const person = Option.getOrUndefined(yield* Sessions.active(request.cookies))
  const links = [
    ...options.links,
    ...(person === undefined ? [] : [{ href: `${path}/apps`, text: "Apps with access" }]),
    { href: `${path}/.well-known/openid-configuration`, text: "What this server can do (metadata)" }
  ]
  const account =
    person === undefined
      ? html`<h1>Your account</h1>
          <p class="lead">You are not signed in.</p>
          <div class="actions">
            <a class="button" href="${path}/sign-in">Sign in</a>
            ${options.signUp ? html`<a class="button quiet" href="${path}/sign-up">Create an account</a>` : undefined}
          </div>`
      : html`<h1>Your account</h1>
          <p class="lead">
            You are signed in as <strong><bdi>${nameOf(person.account)}</bdi></strong
            >.
          </p>
          <div class="actions">
            <a class="button quiet" href="${path}/choose-account">Switch account</a>
            <a class="button quiet" href="${path}/sign-out">Sign out</a>
          </div>`
  const body = html`${account}
    <h2>Places</h2>
    <ul>
      ${links.map((link) => html`<li><a href="${link.href}">${link.text}</a></li>`)}
    </ul>`
  return Pages.respond(Pages.page({ title: "Your account", brand, body, footer: html`Issuer: ${identifier}` }))
})
