/** What this client shows. Names, claims and errors came from elsewhere: everything is text, and escaped. */
import { Pages } from "@lockspire/http"
import { DateTime, Option } from "effect"
import { freshness } from "./Api.ts"
import type { Settings } from "./Options.ts"
import type { Outcome, Session, SignedIn } from "./Sessions.ts"

const { html } = Pages

const brand = {
  name: "Demo relying party",
  css: `
.actions form{display:flex}.tools{gap:.625rem}.tools>*{flex:1 1 auto}
.tools button{padding:.5rem .8rem;white-space:nowrap}h1+.notice{margin-top:1rem}.actions form>button{flex:1}
pre{margin:.75rem 0 0;padding:.75rem .875rem;background:var(--tint);border-radius:var(--radius);
font:.8125rem/1.5 var(--mono);white-space:pre-wrap;overflow-wrap:anywhere}
details{margin-top:.375rem}summary{cursor:pointer;color:var(--accent);font-size:.875rem}
.links{margin:0;padding-left:1.25rem}.links li{margin:.25rem 0}
.notice p{margin:0}.notice pre{color:var(--text)}
.wide dt{flex-basis:10rem}`
}

const document = (title: string, body: Pages.Html, issuer: URL) =>
  Pages.page({
    title,
    body,
    brand,
    wide: true,
    footer: html`An independent client of
      <a href="${issuer.href}">${issuer.origin}${issuer.pathname.replace(/\/$/, "")}</a>, served beside it for trying it
      out.`
  })

/** Claims that are times (seconds since the epoch), shown as such beside the number. */
const times = new Set(["iat", "exp", "nbf", "auth_time", "updated_at"])

const time = (milliseconds: number): string =>
  DateTime.make(milliseconds).pipe(
    Option.map((at) => `${DateTime.formatIso(at).slice(0, 19).replace("T", " ")} UTC`),
    Option.getOrElse(() => "")
  )

const value = (name: string, claim: unknown): string => {
  if (typeof claim === "string") return claim
  if (typeof claim === "number" && times.has(name)) return `${claim} (${time(claim * 1000)})`
  return JSON.stringify(claim) ?? ""
}

const facts = (claims: object) =>
  html`<dl class="facts">
    ${Object.entries(claims).map(
      ([name, claim]) =>
        html`<div>
          <dt>${name}</dt>
          <dd>${value(name, claim)}</dd>
        </div>`
    )}
  </dl>`

const button = (path: string, text: string, look = "") =>
  html`<form method="post" action="${path}"><button class="${look}">${text}</button></form>`

const notice = (outcome: Outcome | undefined) =>
  outcome === undefined
    ? undefined
    : html`<div class="notice ${outcome.succeeded ? "good" : "bad"}" role="${outcome.succeeded ? "status" : "alert"}">
        <p>
          <strong>${outcome.tried}:</strong>
          ${outcome.code === undefined ? undefined : html`<code>${outcome.code}</code>`} ${outcome.text}
        </p>
        ${outcome.answer === undefined ? undefined : html`<pre>${outcome.answer}</pre>`}
      </div>`

/** Requests worth trying, by their query. */
const variations: ReadonlyArray<readonly [string, string]> = [
  ["prompt=login", "Ask for a new authentication"],
  ["prompt=none", "Succeed only without asking the person anything"],
  ["prompt=consent", "Ask for consent again"],
  ["prompt=select_account", "Let the person choose an account"],
  ["prompt=create", "Let the person sign up"],
  ["max_age=60", "Accept an authentication of the last minute only"],
  ["response_mode=form_post", "Have the response posted"],
  ["response_mode=fragment", "Have the response in the fragment, which this server cannot see"]
]

const tryOthers = (path: string) =>
  html`<h2>Try another request</h2>
    <ul class="links">
      ${variations.map(
        ([query, what]) =>
          html`<li>
            <a href="${path}/sign-in?${query}"><code>${query}</code></a> <span class="hint">${what}</span>
          </li>`
      )}
    </ul>`

/** Long enough to recognise, too short to use. */
const shortened = (token: string) => `${token.slice(0, 12)}…`

const capitalised = (text: string) => text.charAt(0).toUpperCase() + text.slice(1)

const token = (name: string, text: string | undefined, note: string) =>
  html`<div>
    <dt>${capitalised(name)}</dt>
    <dd>
      ${
        text === undefined
          ? html`<span class="muted">none: ${note}</span>`
          : html`<code>${shortened(text)}</code>
              <details>
                <summary>Show the whole ${name}</summary>
                <pre>${text}</pre>
              </details>`
      }
    </dd>
  </div>`

const tokens = (signedIn: SignedIn) =>
  html`<h2>Tokens</h2>
    ${signedIn.revoked ? html`<p class="hint">These were revoked: nobody should accept them any more.</p>` : undefined}
    <dl class="facts">
      ${token("access token", signedIn.accessToken, "")}
      <div>
        <dt>Expires</dt>
        <dd>${signedIn.expiresAt === undefined ? "The issuer did not say." : time(signedIn.expiresAt)}</dd>
      </div>
      <div>
        <dt>Scope</dt>
        <dd>${signedIn.scope ?? "As it was asked for."}</dd>
      </div>
      ${token("refresh token", signedIn.refreshToken, "offline_access was not granted")}
      ${token("ID token", signedIn.idToken, "openid was not asked for")}
    </dl>`

/** The most telling of the names that the issuer gave. */
const nameOf = ({ claims, userinfo }: SignedIn): string => {
  const all: Record<string, unknown> = { ...claims, ...userinfo }
  const known = [all["name"], all["preferred_username"], all["email"], all["sub"]]
  return Pages.plainText(known.find((one): one is string => typeof one === "string") ?? "someone")
}

const stepUp = (path: string) =>
  html`<h2>Step-up authentication</h2>
    <p class="hint">
      One route of the API takes a token only when you signed in during the last ${freshness} seconds. It refuses any
      other with what it wants (RFC 9470), and this application then asks the issuer for exactly that: you sign in
      again, and it is done.
    </p>
    <div class="actions">${button(`${path}/transfer`, "Do something that needs a fresh sign-in", "quiet")}</div>`

const signedOutPage = (settings: Settings, session: Session) =>
  document(
    "Sign in",
    html`<h1>See a sign-in from the client’s side</h1>
      <p class="lead">
        This is a small application that knows nobody. It asks <strong>${settings.issuer.host}</strong> who you are,
        with the authorization code flow, PKCE, <code>state</code> and <code>nonce</code>, and then shows everything it
        was told.
      </p>
      ${notice(session.outcome)}
      <div class="actions">${button(`${settings.path}/sign-in`, "Sign in")}</div>
      ${tryOthers(settings.path)}`,
    settings.issuer
  )

const signedInPage = (settings: Settings, session: Session, signedIn: SignedIn) =>
  document(
    "Signed in",
    html`<h1>Signed in as ${nameOf(signedIn)}</h1>
      <p class="lead">This is what <strong>${settings.issuer.host}</strong> told this application about you.</p>
      ${notice(session.outcome)}
      <div class="actions tools">
        ${button(`${settings.path}/refresh`, "Refresh tokens")}
        ${button(`${settings.path}/userinfo`, "Fetch userinfo", "quiet")}
        ${settings.apiClientSecret === undefined ? undefined : button(`${settings.path}/call-api`, "Call the API", "quiet")}
        ${button(`${settings.path}/revoke`, "Revoke", "danger")}
        ${button(`${settings.path}/sign-out`, "Sign out", "quiet")}
      </div>
      ${settings.apiClientSecret === undefined ? undefined : stepUp(settings.path)}
      <h2>Claims of the ID token</h2>
      ${signedIn.claims === undefined ? html`<p class="muted">There is no ID token.</p>` : facts(signedIn.claims)}
      <h2>Claims from userinfo</h2>
      ${signedIn.userinfo === undefined ? html`<p class="muted">Not fetched.</p>` : facts(signedIn.userinfo)}
      ${tokens(signedIn)} ${tryOthers(settings.path)}`,
    settings.issuer
  )

export const homePage = (settings: Settings, session: Session) =>
  session.signedIn === undefined ? signedOutPage(settings, session) : signedInPage(settings, session, session.signedIn)

/** `code` is the OAuth error code where there is one. */
export const errorPage = (
  settings: Settings,
  options: { readonly title: string; readonly code?: string | undefined; readonly text: string }
) =>
  document(
    options.title,
    html`<h1>${options.title}</h1>
      <div class="notice bad" role="alert">
        <p>${options.code === undefined ? undefined : html`<code>${options.code}</code>`} ${options.text}</p>
      </div>
      <div class="actions">
        <a class="button" href="${settings.path === "" ? "/" : settings.path}">Back to the start</a>
      </div>`,
    settings.issuer
  )
