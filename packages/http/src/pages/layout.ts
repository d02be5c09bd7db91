/** What every page of the browser has in common: the document, and the headers that protect it. */
import { Context } from "effect"
import { HttpServerResponse } from "effect/http"
import { html, Html } from "./Html.ts"
import { inlineHash } from "./inlineHash.ts"
import { stylesheet } from "./stylesheet.ts"

/** Whose pages these are. */
export interface BrandOptions {
  /** Stands above every page. */
  readonly name: string
  /** Added below the stylesheet, for example `:root{--accent:#0b6e4f}`. Trusted text of the host. */
  readonly css?: string
}

/** The name and the colours of the pages, for a host to replace. */
export const Brand = Context.Reference<BrandOptions>("@lockspire/http/pages/Brand", {
  defaultValue: () => ({ name: "Lockspire" })
})

/** A whole document, which knows its own inline parts: the policy it is sent with cannot drift from it. */
export class Page extends Html {
  readonly style: string
  readonly script: string | undefined
  constructor(text: string, style: string, script: string | undefined) {
    super(text)
    this.style = style
    this.script = script
  }
}

export interface PageOptions {
  readonly title: string
  readonly body: Html
  readonly brand?: BrandOptions | undefined
  /** For tables and lists rather than one question. */
  readonly wide?: boolean
  /** Runs when the document is there; a constant of ours, never made from input. */
  readonly script?: string
  /** Stands below the card. */
  readonly footer?: Html
}

/** Not a template: what is hashed is every character between the tags. */
const element = (name: "style" | "script", text: string): Html => new Html(`<${name}>${text}</${name}>`)

export const page = (options: PageOptions): Page => {
  const { name, css = "" } = options.brand ?? { name: "Lockspire" }
  const style = `${stylesheet}${css}`
  const document = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="robots" content="noindex" />
        <title>${options.title} – ${name}</title>
        <link rel="icon" href="data:," />
        ${element("style", style)}
      </head>
      <body class="${options.wide === true ? "wide" : ""}">
        <header>${name}</header>
        <main>${options.body}</main>
        <footer>${options.footer}</footer>
        ${options.script === undefined ? undefined : element("script", options.script)}
      </body>
    </html>`
  return new Page(document.text, style, options.script)
}

/**
 * No `form-action`: browsers apply it to the redirect that follows a POST too, and would stop the way back to the
 * client.
 */
const policyOf = (document: Html): string => {
  const inline = document instanceof Page ? document : undefined
  return [
    "default-src 'none'",
    ...(inline === undefined ? [] : [`style-src ${inlineHash(inline.style)}`]),
    ...(inline?.script === undefined ? [] : [`script-src ${inlineHash(inline.script)}`]),
    "img-src 'self' data:",
    "frame-ancestors 'none'",
    "base-uri 'none'"
  ].join("; ")
}

/** The headers of every page, whatever it shows. */
export const pageHeaders = {
  "cache-control": "no-store",
  "referrer-policy": "no-referrer",
  "x-frame-options": "DENY",
  "x-content-type-options": "nosniff"
} as const

/** The page as a response. */
export const respond = (
  document: Html,
  options: { readonly status?: number; readonly headers?: Readonly<Record<string, string>> } = {}
): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.text(document.text, {
    status: options.status ?? 200,
    contentType: "text/html; charset=utf-8",
    headers: { ...options.headers, ...pageHeaders, "content-security-policy": policyOf(document) }
  })

/** After a POST: the browser goes on with a GET, and the form is not sent again by a reload (RFC 9110 §15.4.4). */
export const seeOther = (location: string): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.empty({ status: 303, headers: { location, ...pageHeaders } })
