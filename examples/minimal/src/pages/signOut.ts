/** Leaving: every session of this browser ends. */
import { Issuer } from "@lockspire/core"
import { Pages } from "@lockspire/http"
import { Effect } from "effect"
import type { HttpServerRequest } from "effect/http"
import { readOwnForm, withForm } from "../ownForm.ts"
import * as Sessions from "../Sessions.ts"
import { goOn, nameOf } from "../signingIn.ts"

type Request = HttpServerRequest.HttpServerRequest
const { html } = Pages
const nowhere = { returnTo: undefined, clientId: undefined, loginHint: undefined }

export const get = Effect.fnUntraced(function* (request: Request) {
  const issuer = yield* Issuer.CurrentIssuer
  const signedIn = yield* Sessions.all(request.cookies)
  if (signedIn.length === 0) return yield* goOn(nowhere)
  return yield* withForm(request, (csrf) => ({
    title: "Sign out",
    body: html`<h1>Sign out?</h1>
      <p>This browser is signed in as:</p>
      <ul>
        ${signedIn.map(({ account }) => html`<li><bdi>${nameOf(account)}</bdi></li>`)}
      </ul>
      <form method="post" action="${issuer.path}/sign-out">
        ${csrf}
        <div class="actions">
          <button>Sign out</button>
          <a class="button quiet" href="${issuer.path}/">Stay</a>
        </div>
      </form>`
  }))
})

export const post = Effect.fnUntraced(function* (request: Request) {
  yield* readOwnForm(request)
  return yield* Sessions.endAll(request.cookies, yield* goOn(nowhere))
})
