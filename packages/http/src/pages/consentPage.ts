/** The page on which a person decides what a client may have. One form; works without script. */
import { Claims, type Interact } from "@lockspire/core"
import { Context } from "effect"
import { clientLinks, clientName, redirectPlace } from "./clientText.ts"
import { type Child, html } from "./Html.ts"
import { type BrandOptions, page, type Page } from "./layout.ts"
import { plainText } from "./text.ts"
import { claimWording, scopeWording } from "./wording.ts"

export interface ConsentOptions {
  /** The person's own name for their account, for example from `personName`; the subject when there is none. */
  readonly person?: string | undefined
  readonly brand?: BrandOptions | undefined
}

/** How a person recognises their account: the claims that hosts usually have. */
export const personName = (claims: Claims.Claims): string | undefined =>
  ["name", "preferred_username", "email"]
    .map((name) => (Object.hasOwn(claims, name) ? claims[name] : undefined))
    .find((value): value is string => typeof value === "string" && value !== "")

const choice = (input: Child, label: Child, hint?: string): Child =>
  html`<label class="choice">
    ${input}
    <span>
      <strong>${label}</strong>
      ${hint === undefined ? undefined : html`<span class="hint">${hint}</span>`}
    </span>
  </label>`

const scopeChoice = (scope: string): Child => {
  const wording = scopeWording(scope)
  // Without `openid` it would be no sign-in at all: the box shows it, and cannot be left out.
  const required = scope === "openid" ? html` required` : undefined
  const input = html`<input type="checkbox" name="scope" value="${scope}" checked${required} />`
  return choice(input, wording?.label ?? html`<code>${plainText(scope, 120)}</code>`, wording?.hint)
}

const rememberChoice = choice(
  html`<input type="checkbox" name="remember" value="yes" checked />`,
  "Remember this",
  "You are not asked about this app again unless it wants more."
)

const scopeChoices = (scopes: ReadonlyArray<string>): Child =>
  scopes.length === 0
    ? undefined
    : html`<fieldset>
        <legend>It would like to</legend>
        <div class="choices">${scopes.map(scopeChoice)}</div>
      </fieldset>`

const claimItem = (name: string): Child =>
  html`<li>${claimWording(name) ?? html`<code>${plainText(name, 120)}</code>`}</li>`

/** All of them, since all of them are released; those that mean something to a person first. */
const claimList = (names: ReadonlyArray<string>): Child => {
  const isKnown = (name: string) => claimWording(name) !== undefined
  const sorted = [...names.filter(isKnown), ...names.filter((name) => !isKnown(name))]
  return names.length === 0
    ? undefined
    : html`<h2>It also asks for</h2>
        <ul>
          ${sorted.map(claimItem)}
        </ul>`
}

const resourceList = (resources: Interact.ConsentView["resources"]): Child =>
  resources.length === 0
    ? undefined
    : html`<h2>To be used at</h2>
        <ul>
          ${resources.map((resource) => html`<li><code>${plainText(resource.identifier, 200)}</code></li>`)}
        </ul>`

/** Longer than any request can be: of what is granted nothing is cut off. */
const whole = 1_000_000

/** RFC 9396: what is wanted, detail by detail, in the host's words. */
const detailList = (details: Interact.ConsentView["details"]): Child =>
  details.length === 0
    ? undefined
    : html`<h2>In detail</h2>
        <dl class="facts">
          ${details.map(
            ({ lines, type }) =>
              html`<div>
                <dt><code>${plainText(type, 120)}</code></dt>
                <dd>${lines.map((line) => html`<div>${plainText(line, whole)}</div>`)}</dd>
              </div>`
          )}
        </dl>`

/** The form fields are those that `Interact.decide` reads: `csrf`, `scope`, `remember`, `decision`. */
export const consentPage = (view: Interact.ConsentView, action: string, options: ConsentOptions = {}): Page => {
  const { client, request } = view
  const name = clientName({ clientId: client.clientId, name: client.clientName })
  const links = clientLinks(client)
  return page({
    title: "Allow access",
    brand: options.brand,
    body: html`<h1>${name} wants to access your account</h1>
      <p class="lead">The app chose its name itself. Go on only if you know the address it sends you to.</p>
      <dl class="facts">
        <div>
          <dt>Sends you to</dt>
          <dd>${redirectPlace(request.redirectUri)}</dd>
        </div>
        <div>
          <dt>Signed in as</dt>
          <dd><bdi>${plainText(options.person ?? view.subject, 80)}</bdi></dd>
        </div>
      </dl>
      <form method="post" action="${action}">
        <input type="hidden" name="csrf" value="${view.csrfToken}" />
        ${scopeChoices(request.scope)} ${claimList(Claims.namesOf(request.claims))} ${resourceList(view.resources)}
        ${detailList(view.details)}
        <div class="choices">${rememberChoice}</div>
        <div class="actions">
          <button name="decision" value="approve">Allow</button>
          <button name="decision" value="deny" class="quiet" formnovalidate>Deny</button>
        </div>
      </form>
      ${links.length === 0 ? undefined : html`<p class="after hint">From the app itself: ${links}</p>`}`
  })
}

/** The consent page in use; a host replaces it with a function of its own. The answer's form fields stay the same. */
export const ConsentPage = Context.Reference<
  (view: Interact.ConsentView, action: string, options?: ConsentOptions) => Page
>("@lockspire/http/pages/ConsentPage", { defaultValue: () => consentPage })
