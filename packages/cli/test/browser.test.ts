/** The pages as people meet them: Chromium, the demo, the whole way there and back. */
import { assert, describe, it } from "@effect/vitest"
import * as fs from "node:fs"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import type { Browser, Page } from "playwright-core"
import { afterAll, beforeAll } from "vitest"
import { launch } from "./Browser.ts"
import { folder, type Running, start } from "./lockspire.ts"

const screenshots = fileURLToPath(new URL("../../../coverage/screenshots", import.meta.url))

let browser: Browser
let server: Running

/** Accounts beside the demo's own: what one test consents to must not spare another the question. */
const accounts = ["scripted", "unscripted"].map((name) => ({ username: name, password: name, claims: { name } }))

beforeAll(async () => {
  using directory = folder()
  const seed = directory.file("seed.json", { accounts })
  ;[browser, server] = await Promise.all([launch(), start(["dev", "--memory", "--seed", seed])])
})

afterAll(async () => {
  await browser?.close()
  await server?.stop("SIGKILL")
})

interface Visitor extends AsyncDisposable {
  readonly page: Page
  /** What the browser found fault with: violations of the policy, errors of script, requests that were refused. */
  readonly complaints: Array<string>
}

/** A browser with cookies of its own, and what it complains about. */
const visitor = async (options: { readonly javaScriptEnabled: boolean }): Promise<Visitor> => {
  const context = await browser.newContext(options)
  const page = await context.newPage()
  page.setDefaultTimeout(10_000)
  const complaints: Array<string> = []
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text())
  })
  page.on("pageerror", (error) => complaints.push(error.message))
  page.on("requestfailed", (request) => complaints.push(`${request.url()}: ${request.failure()?.errorText}`))
  return { page, complaints, [Symbol.asyncDispose]: () => context.close() }
}

/** The page as it is on a telephone and on a desk. Nothing may be cut off at the side. */
const picture = async (page: Page, name: string) => {
  for (const width of [360, 1280]) {
    await page.setViewportSize({ width, height: 800 })
    await page.screenshot({ path: path.join(screenshots, `${name}-${width}.png`), fullPage: true })
    const overflow = await page.locator("html").evaluate((html) => html.scrollWidth - html.clientWidth)
    assert.isAtMost(overflow, 0, `${name} is wider than ${width} px`)
  }
}

const heading = (page: Page, name: string | RegExp) => page.getByRole("heading", { level: 1, name }).waitFor()
const press = (page: Page, name: string) => page.getByRole("button", { name, exact: true }).click()

/** The password of each account is its username. */
const fillIn = async (page: Page, username: string) => {
  await heading(page, "Sign in")
  await page.getByLabel("Username").fill(username)
  await page.getByLabel("Password").fill(username)
}

describe.concurrent("lockspire dev in a browser", () => {
  it("the demo: sign in, consent in part, refresh, call the API, take the access away, sign out", async () => {
    fs.mkdirSync(screenshots, { recursive: true })
    await using visit = await visitor({ javaScriptEnabled: true })
    const { complaints, page } = visit
    await page.goto(`${server.url}/demo`)
    await press(page, "Sign in")

    await fillIn(page, "demo")
    await picture(page, "sign-in")
    await press(page, "Sign in")

    await heading(page, "Lockspire demo wants to access your account")
    await picture(page, "consent")
    await page.getByLabel("See your email address").uncheck()
    await press(page, "Allow")

    await heading(page, "Signed in as Dana Emory")
    await picture(page, "demo")
    const claims = await page.getByRole("main").innerText()
    assert.include(claims, "Emory")
    assert.notInclude(claims, "demo@example.com")
    const tokenBefore = await accessToken(page)

    await press(page, "Refresh tokens")
    await page.getByRole("status").getByText("The issuer sent new tokens.").waitFor()
    assert.notStrictEqual(await accessToken(page), tokenBefore)
    await press(page, "Call the API")
    await page.getByRole("status").getByText("The API answered 200.").waitFor()

    await page.goto(`${server.url}/apps`)
    await heading(page, "Apps with access")
    await page.getByText("Lockspire demo", { exact: true }).waitFor()
    await picture(page, "apps")
    await press(page, "Remove access")
    await page.getByText("No app has access to your account.").waitFor()

    await page.goto(`${server.url}/demo`)
    await press(page, "Call the API")
    await page.getByRole("alert").getByText("The API answered 401.").waitFor()
    await press(page, "Refresh tokens")
    await page.getByRole("alert").getByText("invalid_grant").waitFor()
    await press(page, "Sign out")
    await heading(page, "See a sign-in from the client’s side")

    await page.goto(`${server.url}/sign-out`)
    await press(page, "Sign out")
    await page.getByText("You are not signed in.").waitFor()
    assert.deepStrictEqual(complaints, [])
  })

  it("OAuth 2.0 Form Post Response Mode §2: the form sends itself, which the policy of its page allows", async () => {
    await using visit = await visitor({ javaScriptEnabled: true })
    const { complaints, page } = visit
    await page.goto(`${server.url}/demo`)
    await page.getByRole("link", { name: "response_mode=form_post" }).click()
    await fillIn(page, "scripted")
    await press(page, "Sign in")
    await press(page, "Allow")
    await heading(page, "Signed in as scripted")
    assert.deepStrictEqual(complaints, [])
  })

  it("without script: every page works, and form_post goes by its button", async () => {
    await using visit = await visitor({ javaScriptEnabled: false })
    const { complaints, page } = visit
    await page.goto(`${server.url}/demo`)
    await page.getByRole("link", { name: "response_mode=form_post" }).click()
    await fillIn(page, "unscripted")
    await press(page, "Sign in")
    await press(page, "Allow")
    await heading(page, "Back to the app")
    await press(page, "Continue")
    await heading(page, "Signed in as unscripted")
    await press(page, "Refresh tokens")
    await page.getByRole("status").getByText("The issuer sent new tokens.").waitFor()
    assert.deepStrictEqual(complaints, [])
  })

  it("a request that cannot go back to a client ends on a page that names its error", async () => {
    await using visit = await visitor({ javaScriptEnabled: true })
    const { page } = visit
    const answer = await page.goto(`${server.url}/authorize?client_id=nobody`)
    assert.strictEqual(answer?.status(), 400)
    await page.getByText("unauthorized_client").waitFor()
    await picture(page, "error")
  })
})

/** The access token that the demo shows when it is asked to. */
const accessToken = async (page: Page): Promise<string> => {
  const shown = page.getByRole("group").filter({ hasText: "Show the whole access token" })
  await shown.getByText("Show the whole access token").click()
  return shown.innerText()
}
