/** OAuth 2.0 Form Post Response Mode §2: the response goes to the client in a form that sends itself. */
import type { AuthorizationResponse } from "@lockspire/core"
import { redirectPlace } from "./clientText.ts"
import { html } from "./Html.ts"
import { type BrandOptions, page, type Page } from "./layout.ts"

const script = "document.forms[0].submit()"

/** The button is for browsers that run no script. */
export const formPostPage = (
  response: AuthorizationResponse.AuthorizationResponse,
  options: { readonly brand?: BrandOptions | undefined } = {}
): Page =>
  page({
    title: "Back to the app",
    brand: options.brand,
    script,
    body: html`<h1>Back to the app</h1>
      <p class="lead">You are being sent to <strong>${redirectPlace(response.redirectUri)}</strong>.</p>
      <form method="post" action="${response.redirectUri}">
        ${response.parameters.map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}" />`)}
        <div class="actions"><button>Continue</button></div>
      </form>`
  })
