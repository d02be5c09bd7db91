/** The relying party beside a running issuer, each on a port of its own, over real HTTP. */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { type Landing, TestBrowser, TestIssuer } from "@lockspire/http/testing"
import { Context, Effect, Layer, Logger, Redacted } from "effect"
import { HttpRouter } from "effect/http"
import { createServer } from "node:http"
import { type AddressInfo, createServer as createProbe } from "node:net"
import { MemoryStorage } from "@lockspire/core"
import { RelyingParty } from "../src/index.ts"

export const secret = "a-secret-of-more-than-thirty-two-characters"

export const freePort = Effect.callback<number>((resume) => {
  const probe = createProbe()
  probe.listen(0, "127.0.0.1", () => {
    const { port } = probe.address() as AddressInfo
    probe.close(() => resume(Effect.succeed(port)))
  })
})

/** Where the relying party is. */
export class Site extends Context.Service<Site, { readonly demo: string; readonly origin: string }>()(
  "@lockspire/example-relying-party/test/Site"
) {}

export const layer: Layer.Layer<Site | TestIssuer.TestIssuer> = Layer.unwrap(
  Effect.gen(function* () {
    const port = yield* freePort
    const origin = `http://localhost:${port}`
    const demo = `${origin}/demo`
    const { issuer, putClient } = yield* TestIssuer.TestIssuer
    yield* putClient({ clientId: "demo", secret, redirectUris: [`${demo}/callback`] })
    yield* putClient({ clientId: "demo-api", secret, redirectUris: [], grantTypes: [], introspectAllTokens: true })
    const routes = RelyingParty.layer({
      issuer,
      baseUrl: demo,
      clientSecret: Redacted.make(secret),
      apiClientSecret: Redacted.make(secret)
    })
    return HttpRouter.serve(routes, { disableListenLog: true, disableLogger: true }).pipe(
      Layer.provide(NodeHttpServer.layer(() => createServer({ keepAliveTimeout: 1 }), { port, host: "localhost" })),
      Layer.merge(Layer.succeed(Site, { demo, origin }))
    )
  })
).pipe(Layer.provideMerge(TestIssuer.layer(MemoryStorage.layer)), Layer.provide(Logger.layer([])), Layer.orDie)

/** A browser that visits everything. */
export const browser = () => new TestBrowser(() => false)

/** Presses a button of the demo and shows the page that follows. */
export const press = (tab: TestBrowser, demo: string, path: string) => tab.visit(`${demo}${path}`, { method: "POST" })

/** Approves what the consent page asks, for this once: no test finds another one's consent. */
export const approve = (tab: TestBrowser, consent: Landing) =>
  tab.submit(consent, { decision: "approve", remember: [] })

/** Signs Alice in and stands on the signed-in page. */
export const signIn = async (tab: TestBrowser, demo: string, query = "") =>
  approve(tab, await tab.visit(`${demo}/sign-in${query}`))

/** The whole text of a token that the page shows shortened. */
export const shown = (body: string, name: string): string => {
  const found = new RegExp(`Show the whole ${name}</summary>\\s*<pre>([^<]+)</pre>`).exec(body)?.[1]
  if (found === undefined) throw new Error(`The page shows no ${name}: ${body}`)
  return found
}
