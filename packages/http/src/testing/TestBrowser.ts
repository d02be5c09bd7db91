/** A browser without pictures: cookies, redirects and forms, over the platform's `fetch`. */

/** Where a chain of redirects ended. */
export interface Landing {
  readonly url: URL
  readonly status: number
  readonly headers: Headers
  readonly body: string
  /** Every address on the way, the last one included. */
  readonly visited: ReadonlyArray<URL>
}

/** One form of a page: where it goes and what its fields hold, ticked boxes and hidden fields included. */
export interface PageForm {
  readonly action: string
  readonly fields: URLSearchParams
}

const attribute = (tag: string, name: string): string | undefined => {
  const found = new RegExp(`\\s${name}="([^"]*)"`).exec(tag)?.[1]
  return found
    ?.replaceAll("&quot;", '"')
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&#39;", "'")
    .replaceAll("&amp;", "&")
}

/** The first form of a page. */
export const formOf = (html: string): PageForm | undefined => {
  const form = /<form[\s\S]*?<\/form>/.exec(html)?.[0]
  if (form === undefined) return undefined
  const fields = new URLSearchParams()
  for (const [input] of form.matchAll(/<input[^>]*>/g)) {
    const name = attribute(input, "name")
    if (name === undefined) continue
    if (attribute(input, "type") === "checkbox" && !/\schecked\b/.test(input)) continue
    fields.append(name, attribute(input, "value") ?? "")
  }
  return { action: attribute(/<form[^>]*>/.exec(form)![0], "action") ?? "", fields }
}

export class TestBrowser {
  /** Cookies by name; one origin is enough here. */
  readonly cookies = new Map<string, string>()
  private readonly stopAt: (url: URL) => boolean

  /** `stopAt` says which addresses belong to the client: the browser arrives there without asking them. */
  constructor(stopAt: (url: URL) => boolean) {
    this.stopAt = stopAt
  }

  /** One request, no redirect followed. */
  async request(url: string | URL, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers)
    const cookies = [...this.cookies].map(([name, value]) => `${name}=${value}`).join("; ")
    if (cookies !== "") headers.set("cookie", cookies)
    const response = await fetch(url, { ...init, headers, redirect: "manual" })
    for (const line of response.headers.getSetCookie()) {
      const [pair = "", ...attributes] = line.split(";")
      const at = pair.indexOf("=")
      const name = pair.slice(0, at)
      const isExpired = attributes.some((one) => /^\s*max-age=0$/i.test(one) || /expires=Thu, 01 Jan 1970/i.test(one))
      if (isExpired) this.cookies.delete(name)
      else this.cookies.set(name, decodeURIComponent(pair.slice(at + 1)))
    }
    return response
  }

  /** Visits an address and follows redirects to a page, or to an address of the client. */
  async visit(address: string | URL, init: RequestInit = {}): Promise<Landing> {
    const visited: Array<URL> = []
    let url = new URL(address)
    let next: RequestInit = init
    for (let hop = 0; hop < 20; hop++) {
      visited.push(url)
      if (this.stopAt(url)) return { url, status: 0, headers: new Headers(), body: "", visited }
      const response = await this.request(url, next)
      const location = response.headers.get("location")
      const body = await response.text()
      if (location === null) return { url, status: response.status, headers: response.headers, body, visited }
      url = new URL(location, url)
      next = {}
    }
    throw new Error(`Too many redirects: ${visited.join(" → ")}`)
  }

  /** Submits the form of a page, with some fields replaced. */
  async submit(page: Landing, changes: Readonly<Record<string, string | ReadonlyArray<string>>>): Promise<Landing> {
    const form = formOf(page.body)
    if (form === undefined) throw new Error(`No form on the page at ${page.url}: ${page.body}`)
    for (const [name, value] of Object.entries(changes)) {
      form.fields.delete(name)
      for (const one of typeof value === "string" ? [value] : value) form.fields.append(name, one)
    }
    return this.visit(new URL(form.action, page.url), { method: "POST", body: form.fields })
  }

  /** Visits an authorization request, signs in and approves what is asked; lands at the client. */
  async approve(address: string | URL): Promise<URL> {
    const page = await this.visit(address)
    if (this.stopAt(page.url)) return page.url
    const landed = await this.submit(page, { decision: "approve" })
    if (!this.stopAt(landed.url)) throw new Error(`The browser stopped at ${landed.url}: ${landed.body}`)
    return landed.url
  }
}
