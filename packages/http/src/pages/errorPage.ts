/** What a person is shown when a request cannot go on and nobody can safely be redirected to. */
import { type Child, html } from "./Html.ts"
import { type BrandOptions, page, type Page } from "./layout.ts"

export interface ErrorPageOptions {
  /** The OAuth error code, as it would stand on the wire. */
  readonly error: string
  /** One fixed sentence, never made from the request. */
  readonly description: string
  /** The handle under which an operator finds the refusal. */
  readonly trace?: string | undefined
  readonly title?: string
  /** What the person can do; by default, start again from the app. */
  readonly advice?: Child
  readonly brand?: BrandOptions | undefined
}

export const errorPage = (options: ErrorPageOptions): Page => {
  const title = options.title ?? "This request cannot continue"
  return page({
    title,
    brand: options.brand,
    body: html`<h1>${title}</h1>
      <p class="notice bad" role="alert">${options.description}</p>
      <p>
        ${
          options.advice ??
          html`Go back to the app you came from and start again. If this happens once more, tell the people who run the
          app, and give them the details below.`
        }
      </p>
      <dl class="facts">
        <div>
          <dt>Error code</dt>
          <dd><code>${options.error}</code></dd>
        </div>
        ${
          options.trace === undefined
            ? undefined
            : html`<div>
                <dt>Reference</dt>
                <dd><code>${options.trace}</code></dd>
              </div>`
        }
      </dl>`
  })
}
