/** A host's own API behind both middlewares, and who may call it. */
import {
  AccessTokenReader,
  Crypto,
  type CryptoService,
  CurrentAccessToken,
  type Nonces,
  type Policies,
  ProtectedResource,
  Refusals,
  type ReplayStore,
  type SigningKeys,
  type TokenStore
} from "@lockspire/core"
import { Effect, Layer, Redacted, Schema } from "effect"
import { FetchHttpClient, HttpRouter, HttpServer, HttpServerResponse } from "effect/http"
import { HttpApi, HttpApiBuilder, HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { Protect, toWebHandler } from "../src/index.ts"
import { TestIssuer } from "../src/testing/index.ts"
import { secret, signIn } from "./flow.ts"

export const opaque = "https://api.example/opaque"
export const jwt = "https://api.example/jwt"
const client = { secret, firstParty: true } as const
export const options = {
  clients: [
    { ...client, clientId: "app" },
    { ...client, clientId: "api", redirectUris: [], grantTypes: [], responseTypes: [] }
  ],
  resources: [
    { identifier: opaque, scopes: ["read", "write"], accessTokenFormat: "opaque", introspectionClients: ["api"] },
    { identifier: jwt, scopes: ["read", "write"], accessTokenFormat: "jwt", introspectionClients: ["api"] }
  ]
} as const satisfies TestIssuer.TestIssuerOptions

const Seen = Schema.Struct({ subject: Schema.String, clientId: Schema.String, scope: Schema.Array(Schema.String) })

class Notes extends HttpApiGroup.make("notes")
  .add(
    HttpApiEndpoint.get("list", "/notes", { success: Seen }).annotate(Protect.Requires, { scope: ["read"] }),
    HttpApiEndpoint.post("add", "/notes", { success: Seen }).annotate(Protect.Requires, { scope: ["read", "write"] }),
    HttpApiEndpoint.get("secret", "/secret", { success: Seen }).annotate(Protect.Requires, {
      acrValues: ["gold", "platinum"],
      maxAge: 300,
      scope: ["read"]
    }),
    HttpApiEndpoint.get("any", "/any", { success: Seen })
  )
  .middleware(Protect.Protected) {}
export class Api extends HttpApi.make("api").add(Notes) {}

const seen = Effect.map(CurrentAccessToken, ({ clientId, scope, subject }) => ({ clientId, scope, subject }))

const NotesLive = HttpApiBuilder.group(Api, "notes", (handlers) =>
  handlers
    .handle("list", () => seen)
    .handle("add", () => seen)
    .handle("secret", () => seen)
    .handle("any", () => seen)
)

const Raw = HttpRouter.add(
  "GET",
  "/raw",
  Effect.map(seen, (body) => HttpServerResponse.jsonUnsafe(body))
).pipe(Layer.provide(Protect.middleware({ scope: ["read"] }).layer))

const Routes = Layer.mergeAll(
  HttpApiBuilder.layer(Api).pipe(Layer.provide(NotesLive), Layer.provide(Protect.Protected.layer)),
  Raw,
  Protect.metadataRoute
)

type OwnServices = TokenStore | SigningKeys | CryptoService | Policies | ReplayStore | Nonces

const quiet = Layer.succeed(Refusals, { record: () => Effect.void })

export const remote = (issuer: string, more: Partial<Protect.RemoteIssuerOptions> = {}) =>
  Protect.layerRemote({
    issuer,
    introspection: { clientId: "api", clientSecret: Redacted.make(secret) },
    ...more
  }).pipe(Layer.provide(FetchHttpClient.layer))

interface Place {
  readonly resource?: Partial<Parameters<typeof ProtectedResource.layer>[0]>
  /** Where certificates come from; nowhere by default. */
  readonly certificates?: Layer.Layer<never>
}

/** The routes, with somebody to read tokens, as a function of requests. */
export const apiWith = <E>(
  issuer: string,
  identifier: string,
  reader: Layer.Layer<AccessTokenReader, E>,
  { certificates = Layer.empty, resource = {} }: Place = {}
) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() =>
        toWebHandler(
          Routes.pipe(
            Layer.provide(reader),
            Layer.provide(
              ProtectedResource.layer({ issuer, identifier, scopes: ["read", "write"], name: "Notes", ...resource })
            ),
            Layer.provide([certificates, Crypto.Crypto.layer, quiet, HttpServer.layerServices])
          )
        )
      ),
      ({ dispose }) => Effect.promise(dispose)
    ),
    ({ handler }) =>
      (path: string, init?: RequestInit) =>
        handler(new Request(new URL(path, "https://api.example"), init))
  )

export const bearer = (token: string): RequestInit => ({ headers: { authorization: `Bearer ${token}` } })

export const obtain = async (issuer: string, resource: string | undefined, scope = "openid read") =>
  (await signIn(issuer, "app", { resource, scope, nonce: undefined })).access_token

/** In the issuer's process and in another one, for both token formats. */
export const everywhere = (place: Place = {}, more: Partial<Protect.RemoteIssuerOptions> = {}) =>
  Effect.gen(function* () {
    const { issuer } = yield* TestIssuer.TestIssuer
    const services = yield* Effect.context<OwnServices>()
    const own = AccessTokenReader.layerOwn.pipe(Layer.provide(Layer.succeedContext(services)))
    const readers = { own, remote: remote(issuer, more) }
    const apis = yield* Effect.forEach(
      [opaque, jwt].flatMap((identifier) =>
        Object.entries(readers).map(([name, reader]) => ({ identifier, name, reader }))
      ),
      ({ identifier, name, reader }) =>
        Effect.map(apiWith(issuer, identifier, reader, place), (api) => ({
          api,
          identifier,
          place: `${name} ${identifier}`
        }))
    )
    return { apis, issuer }
  })
