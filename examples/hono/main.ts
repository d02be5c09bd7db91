/** A Hono application that signs its own people in, and with Lockspire is an OpenID Connect provider. */
import { serve } from "@hono/node-server"
import { AuthorizationServer, Client, ClientStore, HostResolver, MemoryStorage } from "@lockspire/core"
import { Pages, ProtocolRoutes, toWebHandler } from "@lockspire/http"
import { NodeCrypto } from "@lockspire/http/node"
import { DateTime, Effect, Layer, Option, Redacted } from "effect"
import { Hono } from "hono"
import { bodyLimit } from "hono/body-limit"
import { setCookie } from "hono/cookie"
import { randomBytes, scrypt, timingSafeEqual } from "node:crypto"
import { promisify } from "node:util"

const port = Number(process.env["PORT"] ?? 3000)
const origin = `http://localhost:${port}`
const issuer = `${origin}/oauth`

// The application's own people and sessions: yours are in your database.
const stretch = promisify<string, Buffer, number, Buffer>(scrypt)
const hashed = async (password: string, salt = randomBytes(16)) => ({ salt, hash: await stretch(password, salt, 32) })
const people = new Map([
  ["alice", { password: await hashed("wonderland"), claims: { name: "Alice Liddell", email: "alice@example.com" } }]
])
const nobody = { password: await hashed(randomBytes(32).toString("hex")) }
const sessions = new Map<string, { readonly username: string; readonly authTime: DateTime.Utc }>()

// What Lockspire asks of the application: who is signed in, where to sign in, and what may be said about them.
const Host = Layer.succeed(HostResolver, {
  authentication: ({ cookies }) =>
    Effect.sync(() => {
      const sessionId = cookies["session"] ?? ""
      return Option.fromUndefinedOr(sessions.get(sessionId)).pipe(
        Option.map(({ authTime, username }) => ({
          subject: username,
          authTime,
          acr: undefined,
          amr: ["pwd"],
          sessionId
        }))
      )
    }),
  signIn: ({ returnTo }) => Effect.succeed(`/sign-in?return_to=${encodeURIComponent(returnTo)}`),
  claims: ({ subject }) => Effect.succeed(Option.fromUndefinedOr(people.get(subject)?.claims)),
  mayUse: () => Effect.succeed(true),
  // These people are a fixed list.
  signsUp: false
})

// A public client: any loopback port will do for a native application (RFC 8252 §7.3).
const Clients = Layer.effectDiscard(
  ClientStore.use((clients) =>
    clients.put(
      Client.make({
        issuer,
        clientId: "app",
        clientName: "Your app",
        applicationType: "native",
        redirectUris: ["http://127.0.0.1/callback"],
        grantTypes: ["authorization_code", "refresh_token"],
        tokenEndpointAuthMethod: "none"
      })
    )
  )
)

const provider = toWebHandler(
  ProtocolRoutes.layer.pipe(
    Layer.provide(Clients),
    Layer.provide(Host),
    Layer.provide(
      AuthorizationServer.layer({
        issuers: [issuer],
        // As short-lived as the storage in memory. One that survives it comes from your secret store.
        keyEncryptionKey: Redacted.make(randomBytes(32)),
        crypto: NodeCrypto.layer
      })
    ),
    Layer.provide(MemoryStorage.layer)
  )
)

const app = new Hono()

const signInPage = (returnTo: string, message = "") =>
  Pages.html`<!doctype html>
<html lang="en">
  <meta charset="utf-8" />
  <meta name="viewport" content="width=device-width, initial-scale=1" />
  <title>Sign in</title>
  <h1>Sign in</h1>
  <p role="alert">${message}</p>
  <form method="post" action="/sign-in">
    <input type="hidden" name="return_to" value="${returnTo}" />
    <p><label>Name <input name="username" autocomplete="username" required autofocus /></label></p>
    <p><label>Password <input name="password" type="password" autocomplete="current-password" required /></label></p>
    <button>Sign in</button>
  </form>
</html>`.text

/** Only back to an interaction of ours: anything else would be an open redirect. */
const interactions = `${issuer}/interaction/`
const isReturnable = (returnTo: unknown): returnTo is string =>
  typeof returnTo === "string" &&
  returnTo.startsWith(interactions) &&
  /^[A-Za-z0-9_-]+$/.test(returnTo.slice(interactions.length))

app.use("/sign-in", bodyLimit({ maxSize: 8192 }), async (context, next) => {
  await next()
  context.header("Cache-Control", "no-store")
  context.header("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
  context.header("Referrer-Policy", "same-origin")
})

app.get("/sign-in", (context) => {
  const returnTo = context.req.query("return_to")
  return isReturnable(returnTo) ? context.html(signInPage(returnTo)) : context.text("Bad Request", 400)
})

app.post("/sign-in", async (context) => {
  // Another site's form must not sign anybody in: every browser states where a POST comes from.
  if ((context.req.header("origin") ?? origin) !== origin) return context.text("Forbidden", 403)
  const form = new URLSearchParams(await context.req.text())
  const [returnTo, username = "", password = ""] = ["return_to", "username", "password"].map(
    (name) => form.get(name) ?? undefined
  )
  if (!isReturnable(returnTo)) return context.text("Bad Request", 400)
  // Somebody unknown costs the same work as a wrong password.
  const known = (people.get(username) ?? nobody).password
  if (!timingSafeEqual((await hashed(password, known.salt)).hash, known.hash)) {
    return context.html(signInPage(returnTo, "The name or the password is wrong."), 401)
  }
  // A new session at every sign-in, so that one planted before it is worth nothing.
  const sessionId = randomBytes(32).toString("base64url")
  sessions.set(sessionId, { username, authTime: DateTime.nowUnsafe() })
  setCookie(context, "session", sessionId, { httpOnly: true, sameSite: "Lax", secure: issuer.startsWith("https:") })
  return context.redirect(returnTo, 303)
})

// Last, at the root: it answers below the issuer's path and at the well-known places.
app.all("*", (context) => provider.handler(context.req.raw))

const server = serve({ fetch: app.fetch, port, hostname: "localhost" }, () =>
  console.log(`An OpenID Connect provider at ${issuer}`)
)
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => server.close(() => void provider.dispose()))
}
