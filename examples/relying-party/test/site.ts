/** The relying party beside a running issuer, each on a port of its own, over real HTTP. */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { ClientCertificates } from "@lockspire/http/node"
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

/** The relying party is what its clients know by its port, which the issuer's registry has to know first. */
const at = (port: number) => {
  const origin = `http://localhost:${port}`
  const demo = `${origin}/demo`
  const Served = Layer.unwrap(
    Effect.gen(function* () {
      const { issuer, putClient } = yield* TestIssuer.TestIssuer
      yield* putClient({ clientId: "demo", secret, redirectUris: [`${demo}/callback`] })
      yield* putClient({ clientId: "demo-api", secret, redirectUris: [], grantTypes: [], introspectAllTokens: true })
      const routes = RelyingParty.layer({
        issuer,
        baseUrl: demo,
        clientSecret: Redacted.make(secret),
        apiClientSecret: Redacted.make(secret),
        apiScope: "openid"
      })
      return HttpRouter.serve(routes, { disableListenLog: true, disableLogger: true }).pipe(
        Layer.provide(NodeHttpServer.layer(() => createServer({ keepAliveTimeout: 1 }), { port, host: "localhost" })),
        Layer.merge(Layer.succeed(Site, { demo, origin }))
      )
    })
  )
  const resource = { scopes: ["openid"], introspectionClients: [] }
  const Issuer = TestIssuer.layer(MemoryStorage.layer, {
    clients: [
      { clientId: "app", secret, firstParty: true },
      {
        clientId: "certified",
        secret,
        firstParty: true,
        metadata: { tls_client_certificate_bound_access_tokens: true }
      }
    ],
    resources: [
      { ...resource, identifier: `${demo}/api`, accessTokenFormat: "jwt" },
      { ...resource, identifier: "https://other.example", accessTokenFormat: "jwt" }
    ],
    // As if a proxy ended TLS before the issuer and before the demo.
    certificates: () => certificates
  })
  return Layer.provideMerge(Served, Issuer).pipe(Layer.provide(certificates))
}

/** The header in which a test shows a certificate (RFC 9440 §2). */
export const certificateHeader = "client-cert"
const certificates = ClientCertificates.layerHeader({
  header: certificateHeader,
  format: "rfc9440",
  chainVerifiedByProxy: false,
  trustedProxies: ["127.0.0.1", "::1"]
})

export const layer: Layer.Layer<Site | TestIssuer.TestIssuer> = Layer.unwrap(Effect.map(freePort, at)).pipe(
  Layer.provide(Logger.layer([])),
  Layer.orDie
)

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
