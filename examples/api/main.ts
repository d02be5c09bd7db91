/** An API in a process of its own: it takes the access tokens of an issuer elsewhere, for what they allow. */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Crypto, CurrentAccessToken, ProtectedResource } from "@lockspire/core"
import { Protect } from "@lockspire/http"
import { Effect, Layer, Redacted, Schema } from "effect"
import { FetchHttpClient, HttpRouter } from "effect/http"
import { HttpApi, HttpApiBuilder, HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { createServer } from "node:http"

const port = Number(process.env["PORT"] ?? 3001)
const issuer = process.env["ISSUER"] ?? "http://localhost:3000"
// As they are in seed.example.json: the resource, and the client as whom the API may ask about its tokens.
const identifier = process.env["RESOURCE"] ?? "https://notes.example.com/api"
const clientId = process.env["CLIENT_ID"] ?? "notes-api"
const clientSecret = process.env["CLIENT_SECRET"] ?? "example-secret-of-the-notes-api-0123456789"

// Which routes there are, and what each of them asks of a token.
const List = Schema.Struct({ subject: Schema.String, notes: Schema.Array(Schema.String) })
const Note = Schema.Struct({ text: Schema.NonEmptyString.check(Schema.isMaxLength(1000)) })

class Notes extends HttpApiGroup.make("notes")
  .add(
    HttpApiEndpoint.get("list", "/api/notes", { success: List }).annotate(Protect.Requires, { scope: ["notes:read"] }),
    HttpApiEndpoint.post("add", "/api/notes", { payload: Note, success: List }).annotate(Protect.Requires, {
      scope: ["notes:write"]
    }),
    // What cannot be undone asks for a person who signed in during the last five minutes (RFC 9470).
    HttpApiEndpoint.delete("clear", "/api/notes", { success: List }).annotate(Protect.Requires, {
      scope: ["notes:write"],
      maxAge: 300
    })
  )
  .middleware(Protect.Protected) {}
class Api extends HttpApi.make("notes-api").add(Notes) {}

// What they do: everybody has their own notes. Yours are in your database.
const kept = new Map<string, ReadonlyArray<string>>()
const change = (next: (before: ReadonlyArray<string>) => ReadonlyArray<string>) =>
  Effect.map(CurrentAccessToken, ({ subject }) => {
    const notes = next(kept.get(subject) ?? []).slice(-100)
    kept.set(subject, notes)
    return { subject, notes }
  })

const Handlers = HttpApiBuilder.group(Api, "notes", (handlers) =>
  handlers
    .handle("list", () => change((notes) => notes))
    .handle("add", ({ payload }) => change((notes) => [...notes, payload.text]))
    .handle("clear", () => change(() => []))
)

// Whose tokens are taken, and how they are read: JWTs by the issuer's keys, opaque ones by asking it.
const Resource = ProtectedResource.layer({
  issuer,
  identifier,
  scopes: ["notes:read", "notes:write"],
  name: "Notes"
})
const Tokens = Protect.layerRemote({
  issuer,
  introspection: { clientId, clientSecret: Redacted.make(clientSecret) }
}).pipe(Layer.provide(FetchHttpClient.layer))

const Routes = Layer.merge(
  HttpApiBuilder.layer(Api).pipe(Layer.provide(Handlers), Layer.provide(Protect.Protected.layer)),
  Protect.metadataRoute
)

HttpRouter.serve(Routes, { disableLogger: true }).pipe(
  Layer.provide([Tokens, Resource, Crypto.Crypto.layer]),
  Layer.provide(NodeHttpServer.layer(createServer, { port, host: "localhost" })),
  Layer.launch,
  NodeRuntime.runMain
)
