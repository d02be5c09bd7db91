import { assert, describe, it } from "@effect/vitest"
import { type AuthorizationResponse, type Interact, Issuer, SafeRedirect } from "@lockspire/core"
import { Effect } from "effect"
import { HttpServerResponse } from "effect/http"
import { createHash } from "node:crypto"
import * as Pages from "../../src/pages/index.ts"

const { html } = Pages

const view = (
  client: Partial<Interact.ConsentView["client"]>,
  request: Partial<Interact.ConsentView["request"]> = {}
) =>
  ({
    handle: "handle",
    csrfToken: "csrf-token",
    subject: "alice",
    resources: [],
    details: [],
    client: { issuer: "https://as.example", clientId: "client", clientName: "Notes", metadata: {}, ...client },
    request: {
      clientId: "client",
      redirectUri: SafeRedirect.SafeRedirect.make("https://notes.example/callback"),
      scope: ["openid", "profile", "notes:read"],
      claims: undefined,
      resources: [],
      ...request
    }
  }) as unknown as Interact.ConsentView

const headersOf = (response: HttpServerResponse.HttpServerResponse) => HttpServerResponse.toWeb(response).headers
const count = (text: string, part: RegExp) => [...text.matchAll(part)].length
/** What the policy has to allow for the page to look and run as it should. */
const inlineSources = (text: string) =>
  [...text.matchAll(/<(style|script)>([\s\S]*?)<\/\1>/g)].map(
    ([, element, inline]) => `${element}-src 'sha256-${createHash("sha256").update(inline!).digest("base64")}'`
  )

describe("Html", () => {
  it("escapes whatever is interpolated, arrays included, and leaves markup of its own", () => {
    const text = `<b a='"'>&`
    assert.strictEqual(
      html`<p title="${text}">${[text, html`<i>x</i>`]}</p>`.text,
      [`<p title="&lt;b a=&#39;&quot;&#39;&gt;&amp;">`, `&lt;b a=&#39;&quot;&#39;&gt;&amp;<i>x</i></p>`].join("")
    )
    assert.strictEqual(html`${undefined}${null}${false}${0}`.text, "0")
  })
})

describe("every page", () => {
  const pages: Record<string, Pages.Page> = {
    consent: Pages.consentPage(view({}), "https://as.example/interaction/handle"),
    error: Pages.errorPage({ error: "invalid_request", description: "A sentence.", trace: "abc" }),
    formPost: Pages.formPostPage({
      redirectUri: SafeRedirect.SafeRedirect.make("https://notes.example/callback"),
      responseMode: "form_post",
      parameters: [["code", "c"]]
    } satisfies AuthorizationResponse.AuthorizationResponse),
    branded: Pages.page({ title: "t", body: html`<h1>t</h1>`, brand: { name: "Acme", css: ":root{--accent:#060}" } })
  }
  for (const [name, page] of Object.entries(pages)) {
    it(`${name}: allows its own inline style and script by hash, no framing, no form-action`, () => {
      const headers = headersOf(Pages.respond(page))
      const policy = headers.get("content-security-policy")!
      assert.strictEqual(
        policy,
        [
          "default-src 'none'",
          ...inlineSources(page.text),
          "img-src 'self' data:",
          "frame-ancestors 'none'",
          "base-uri 'none'"
        ].join("; ")
      )
      assert.include(policy, "style-src 'sha256-")
      assert.strictEqual(headers.get("cache-control"), "no-store")
      assert.strictEqual(headers.get("referrer-policy"), "no-referrer")
      assert.strictEqual(headers.get("x-frame-options"), "DENY")
      assert.strictEqual(headers.get("x-content-type-options"), "nosniff")
      assert.strictEqual(headers.get("content-type"), "text/html; charset=utf-8")
    })
  }
})

describe("consent page", () => {
  it("is one form with csrf, a ticked box per scope, remember ticked, approve and deny", () => {
    const { text } = Pages.consentPage(view({}), "https://as.example/interaction/handle")
    assert.strictEqual(count(text, /<form/g), 1)
    assert.include(text, `<form method="post" action="https://as.example/interaction/handle">`)
    assert.include(text, `<input type="hidden" name="csrf" value="csrf-token" />`)
    assert.include(text, `<input type="checkbox" name="scope" value="openid" checked required />`)
    assert.include(text, `<input type="checkbox" name="scope" value="profile" checked />`)
    assert.include(text, `<input type="checkbox" name="scope" value="notes:read" checked />`)
    assert.match(text, /<input type="checkbox" name="remember" value="[^"]+" checked \/>/)
    assert.include(text, `<button name="decision" value="approve">`)
    assert.match(text, /<button name="decision" value="deny"[^>]* formnovalidate>/)
  })

  it("says where the browser will be sent and who is signed in", () => {
    const { text } = Pages.consentPage(view({}), "/x", { person: "Alice Liddell" })
    assert.include(text, "<dd>notes.example</dd>")
    assert.include(text, "Alice Liddell")
    assert.include(Pages.consentPage(view({}), "/x").text, "<bdi>alice</bdi>")
  })

  it("names a native application by its scheme and a loopback address as this computer", () => {
    assert.strictEqual(Pages.redirectPlace("com.example.app:/callback"), "an app on this device (com.example.app)")
    assert.strictEqual(Pages.redirectPlace("http://127.0.0.1:5000/cb"), "this computer (127.0.0.1:5000)")
    assert.strictEqual(Pages.redirectPlace("https://bücher.example/cb"), "xn--bcher-kva.example")
  })

  it("a client name cannot reorder, hide or flood what stands around it", () => {
    const overriding = Pages.consentPage(
      view({ clientName: "Good\u202Egnp.exe\u2066\u200B\nSigned in as: root" }),
      "/x"
    ).text
    assert.include(overriding, "<bdi>Goodgnp.exe Signed in as: root</bdi>")
    assert.notMatch(overriding, /[\u200B-\u200F\u202A-\u202E\u2066-\u2069]/)
    const long = Pages.consentPage(view({ clientName: "N".repeat(2048) }), "/x").text
    assert.include(long, `<bdi>${"N".repeat(59)}…</bdi>`)
    const piled = Pages.plainText(`a${"\u0301".repeat(500)}b`)
    assert.isAtMost(piled.length, 4)
    const markup = Pages.consentPage(view({ clientName: `<script>alert(1)</script>` }), "/x").text
    assert.notInclude(markup, "<script")
    assert.include(Pages.consentPage(view({ clientName: "\u202E\u200B" }), "/x").text, "<bdi>client</bdi>")
  })

  it("links to the client's own pages only over https", () => {
    const metadata = {
      policy_uri: "https://notes.example/privacy",
      tos_uri: "javascript:alert(1)",
      client_uri: "http://notes.example/"
    }
    const { text } = Pages.consentPage(view({ metadata }), "/x")
    assert.include(text, `href="https://notes.example/privacy"`)
    assert.notInclude(text, "javascript:")
    assert.notInclude(text, "http://notes.example/")
  })

  it("OpenID Connect Core §5.5: lists the claims asked for one by one, in words or raw and escaped", () => {
    const claims = { userinfo: { phone_number: null, "<i>": { essential: true } } }
    const { text } = Pages.consentPage(view({}, { claims }), "/x")
    assert.include(text, "<li>Phone number</li>")
    assert.include(text, "<code>&lt;i&gt;</code>")
  })

  it("OpenID Connect Core §3.1.2.4: whatever is granted is shown, however much stands around it", () => {
    const junk = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`junk${i}`, null]))
    const claims = { userinfo: { ...junk, phone_number: null } }
    const long = `${"x".repeat(5000)} to evil`
    const { text } = Pages.consentPage({ ...view({}, { claims }), details: [{ type: "payment", lines: [long] }] }, "/x")
    assert.include(text, "<code>junk199</code>")
    assert.isBelow(text.indexOf("<li>Phone number</li>"), text.indexOf("junk0"))
    assert.include(text, long)
  })
})

describe("other pages", () => {
  it("the error page states the code, the sentence and the reference", () => {
    const { text } = Pages.errorPage({ error: "invalid_request", description: "A <b> sentence.", trace: "tr4ce" })
    for (const part of ["<code>invalid_request</code>", "A &lt;b&gt; sentence.", "<code>tr4ce</code>"]) {
      assert.include(text, part)
    }
  })

  it("OAuth 2.0 Form Post Response Mode §2: the parameters are hidden fields, escaped, with a button", () => {
    const page = Pages.formPostPage({
      redirectUri: SafeRedirect.SafeRedirect.make("https://notes.example/callback?a=1&b=2"),
      responseMode: "form_post",
      parameters: [
        ["state", `"><script>x</script>`],
        ["code", "c0de"]
      ]
    })
    assert.include(page.text, `<form method="post" action="https://notes.example/callback?a=1&amp;b=2">`)
    assert.include(page.text, `name="state" value="&quot;&gt;&lt;script&gt;x&lt;/script&gt;"`)
    assert.include(page.text, "<button>Continue</button>")
    assert.strictEqual(count(page.text, /<script>/g), 1)
  })
})

describe("cookies and origins", () => {
  const issuers = Effect.forEach(["https://as.example", "https://as.example/two", "http://localhost:3000"], Issuer.make)

  it.effect("__Host- and Secure on https only; HttpOnly, SameSite=Lax, Path=/; a name per issuer", () =>
    Effect.gen(function* () {
      const [first, second, plain] = yield* issuers
      const set = (issuer: Issuer.Issuer) =>
        headersOf(Pages.setCookie(HttpServerResponse.empty(), issuer, "session", "value")).getSetCookie()[0]!
      assert.match(set(first!), /^__Host-session-[a-z0-9]+=value; Path=\/; HttpOnly; Secure; SameSite=Lax$/)
      assert.match(set(plain!), /^session-[a-z0-9]+=value; Path=\/; HttpOnly; SameSite=Lax$/)
      assert.notStrictEqual(Pages.cookieName(first!, "session"), Pages.cookieName(second!, "session"))
      const expired = headersOf(Pages.expireCookie(HttpServerResponse.empty(), first!, "session")).getSetCookie()[0]!
      assert.match(expired, /^__Host-session-[a-z0-9]+=; Max-Age=0; Path=\/; HttpOnly; Secure; SameSite=Lax$/)
    })
  )

  it.effect("a foreign Origin or Sec-Fetch-Site is refused; an absent one is not, nor the null of our own pages", () =>
    Effect.gen(function* () {
      const issuer = yield* Issuer.make("https://as.example/path")
      const rows: ReadonlyArray<readonly [headers: Record<string, string>, expected: boolean]> = [
        [{}, true],
        [{ origin: "https://as.example" }, true],
        [{ origin: "https://as.example", "sec-fetch-site": "same-origin" }, true],
        [{ origin: "null", "sec-fetch-site": "same-origin" }, true],
        [{ origin: "null" }, true],
        [{ "sec-fetch-site": "none" }, true],
        [{ "sec-fetch-site": "same-site" }, false],
        [{ origin: "null", "sec-fetch-site": "same-site" }, false],
        [{ origin: "null", "sec-fetch-site": "cross-site" }, false],
        [{ origin: "https://as.example", "sec-fetch-site": "cross-site" }, false],
        [{ origin: "https://as.example.evil.example" }, false],
        [{ origin: "http://as.example" }, false],
        [{ origin: "https://as.example:8443" }, false],
        [{ "sec-fetch-site": "cross-site" }, false]
      ]
      for (const [headers, expected] of rows) {
        assert.strictEqual(Pages.isSameOrigin(headers, issuer), expected, JSON.stringify(headers))
      }
    })
  )
})

describe("stylesheet", () => {
  const luminance = (hex: string) => {
    const full = hex.length === 4 ? hex.replace(/[0-9a-f]/gi, "$&$&") : hex
    const [r, g, b] = [1, 3, 5].map((at) => {
      const channel = Number.parseInt(full.slice(at, at + 2), 16) / 255
      return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4
    }) as [number, number, number]
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const contrast = (a: string, b: string) => {
    const [dark, light] = [luminance(a), luminance(b)].toSorted((x, y) => x - y) as [number, number]
    return (light + 0.05) / (dark + 0.05)
  }
  const properties = (css: string) =>
    Object.fromEntries([...css.matchAll(/--([a-z-]+):(#[0-9a-f]{3,6})[;}]/g)].map(([, name, value]) => [name, value!]))
  const [light = "", dark = ""] = Pages.stylesheet.split("@media (prefers-color-scheme:dark)")

  for (const [scheme, colours] of Object.entries({ light: properties(light), dark: properties(dark.slice(0, 600)) })) {
    it(`WCAG 2.2 §1.4.3: text has a contrast of 4.5 at least, ${scheme}`, () => {
      const pairs = [
        ["text", "surface"],
        ["text", "canvas"],
        ["text", "tint"],
        ["muted", "surface"],
        ["muted", "canvas"],
        ["muted", "tint"],
        ["accent", "surface"],
        ["accent-strong", "surface"],
        ["on-accent", "accent"],
        ["on-accent", "accent-strong"],
        ["danger", "surface"],
        ["danger", "danger-tint"],
        ["ok", "ok-tint"]
      ] as const
      for (const [text, ground] of pairs) {
        const ratio = contrast(colours[text], colours[ground])
        assert.isAtLeast(ratio, 4.5, `${text} on ${ground}: ${ratio}`)
      }
      assert.isAtLeast(contrast(colours["field-line"], colours["surface"]), 3, "WCAG 2.2 §1.4.11")
    })
  }
})
