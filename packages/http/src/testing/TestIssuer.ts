/** A running issuer for tests: real HTTP on a free port, a host that signs in whoever the test says. */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import {
  AssertionSubjects,
  AuthorizationServer,
  type Authentication,
  type Claims,
  Client,
  ClientStore,
  type Egress,
  type ExchangeRule,
  ExchangeRuleStore,
  HostResolver,
  type KeyEncryptionKey,
  ManageClients,
  type MemoryStorage,
  type Metadata,
  type Policy,
  type Resource,
  ResourceStore,
  TokenExchangeValidator,
  type TrustedIssuer,
  TrustedIssuerStore
} from "@lockspire/core"
import { Context, DateTime, Effect, Layer, Option, Redacted, Ref } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { createServer } from "node:http"
import { createServer as createTlsServer } from "node:https"
import { createServer as createProbe } from "node:net"
import { ClientCertificates, NodeCrypto } from "../node/index.ts"
import * as ProtocolRoutes from "../ProtocolRoutes.ts"

/** Below those that systems give to outgoing connections, one of which could take it before the server listens. */
const freePort: Effect.Effect<number> = Effect.callback<number>((resume) => {
  const port = 10_000 + Math.floor(Math.random() * 22_000)
  const probe = createProbe()
  probe.once("error", () => resume(freePort))
  probe.listen(port, "127.0.0.1", () => probe.close(() => resume(Effect.succeed(port))))
})

/** A client as a test describes it: everything but its id has a default that works. */
export interface TestClient extends Partial<Omit<Client.Client, "issuer" | "secrets">> {
  readonly clientId: string
  readonly secret?: string
}

export interface TestIssuerOptions {
  /** Of the issuer identifier; `""` by default. */
  readonly path?: string
  /** Further issuers of the same process, from the port it listens on; the clients and resources exist at each. */
  readonly alsoIssuers?: (port: number) => ReadonlyArray<string>
  readonly clients?: ReadonlyArray<TestClient>
  readonly resources?: ReadonlyArray<Omit<Resource.Resource, "issuer">>
  /** What the host allows is what these rules allow. */
  readonly exchangeRules?: ReadonlyArray<Omit<ExchangeRule.ExchangeRule, "issuer">>
  /** Their assertions mean the account of the same subject. */
  readonly trustedIssuers?: ReadonlyArray<Omit<TrustedIssuer.TrustedIssuer, "issuer">>
  readonly policy?: Policy.PolicySettings
  /** The way out to keys that clients publish; none by default. */
  readonly egress?: Layer.Layer<Egress.Egress>
  /** Makes the issuer https, asking for client certificates of which `ca` signed the trusted ones. */
  readonly tls?: { readonly key: string; readonly cert: string; readonly ca: string }
  /** How client certificates are found: by the socket when there is `tls`, unless given. */
  readonly certificates?: (issuer: string) => Layer.Layer<never>
  /** The algorithms that there are signing keys for. */
  readonly signingAlgorithms?: ReadonlyArray<Metadata.SigningAlgorithm>
  /** The algorithms that there are keys for to encrypt to; none by default. */
  readonly encryptionAlgorithms?: ReadonlyArray<Metadata.EncryptionAlgorithm>
  /** Claims by subject; a subject that is not here has no account. */
  readonly people?: Readonly<Record<string, Claims.Claims>>
}

/** What a test can reach and move while the issuer runs. */
export class TestIssuer extends Context.Service<
  TestIssuer,
  {
    /** The issuer identifier. */
    readonly issuer: string
    /** Every issuer identifier of the process. */
    readonly issuers: ReadonlyArray<string>
    /** Who the host's sign-in page signs in next, and how well. */
    readonly person: Ref.Ref<{ readonly subject: string; readonly acr: string | undefined }>
    /** Accounts by subject. */
    readonly people: Ref.Ref<Readonly<Record<string, Claims.Claims>>>
    /** Adds or replaces a client, at the first issuer unless `at` names another. */
    readonly putClient: (client: TestClient, at?: string) => Effect.Effect<void>
  }
>()("@lockspire/http/testing/TestIssuer") {}

const cookie = "test-session"

/** The session is the cookie itself: `subject.authTimeMillis.acr.sessionId`; a mangled one signs nobody in. */
const isSession = /^([\x21-\x2d\x2f-\x7e]+)\.([0-9]{1,15})\.([\x21-\x2d\x2f-\x7e]*)\.([A-Za-z0-9-]+)$/

const sessionOf = (cookies: Readonly<Record<string, string>>): Option.Option<Authentication> => {
  const [, subject, authTime, acr, sessionId] = isSession.exec(cookies[cookie] ?? "") ?? []
  if (subject === undefined || sessionId === undefined) return Option.none()
  return Option.some({
    subject,
    authTime: DateTime.makeUnsafe(Number(authTime)),
    acr: acr === "" ? undefined : acr,
    amr: ["pwd"],
    sessionId
  })
}

/**
 * Serves `ProtocolRoutes` and a host whose `/test/sign-in` page signs in at once and sends the browser back. `storage`
 * is every port of core, in memory or on PostgreSQL.
 */
export const layer = <E, R>(storage: Layer.Layer<MemoryStorage.Ports, E, R>, options: TestIssuerOptions = {}) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const port = yield* freePort
      const origin = `${options.tls === undefined ? "http" : "https"}://localhost:${port}`
      const issuer = `${origin}${options.path ?? ""}`
      const issuers = [issuer, ...(options.alsoIssuers?.(port) ?? [])] as const
      const person = yield* Ref.make<{ readonly subject: string; readonly acr: string | undefined }>({
        subject: "alice",
        acr: undefined
      })
      const people = yield* Ref.make(options.people ?? { alice: aliceClaims, bob: { name: "Bob" } })

      const Host = Layer.succeed(HostResolver, {
        authentication: ({ cookies }) => Effect.sync(() => sessionOf(cookies)),
        signIn: ({ reason, returnTo, loginHint, acrValues }) =>
          Effect.succeed(
            `/test/sign-in?${new URLSearchParams({ reason, returnTo, hint: loginHint ?? "", acr: acrValues[0] ?? "" })}`
          ),
        claims: ({ subject }) =>
          Effect.map(Ref.get(people), (all) =>
            Option.fromUndefinedOr(Object.hasOwn(all, subject) ? all[subject] : undefined)
          ),
        mayUse: () => Effect.succeed(true)
      })
      const Validators = Layer.merge(
        Layer.succeed(TokenExchangeValidator, { mayExchange: () => Effect.succeed(true) }),
        Layer.succeed(AssertionSubjects, { subjectOf: ({ sub }) => Effect.succeed(Option.some(sub)) })
      )
      const SignIn = HttpRouter.add("GET", "/test/sign-in", (request) =>
        Effect.gen(function* () {
          const { acr, subject } = yield* Ref.get(person)
          const now = yield* DateTime.now
          const value = [subject, now.epochMilliseconds, acr ?? "", crypto.randomUUID()].join(".")
          const returnTo = new URL(request.originalUrl, origin).searchParams.get("returnTo") ?? "/"
          return HttpServerResponse.redirect(returnTo).pipe(
            HttpServerResponse.setCookieUnsafe(cookie, value, { httpOnly: true, path: "/" })
          )
        })
      )
      const Server = AuthorizationServer.layer({
        issuers,
        keyEncryptionKey: Redacted.make(new Uint8Array(32).fill(7)),
        crypto: NodeCrypto.layer,
        prune: false,
        ...(options.signingAlgorithms === undefined ? {} : { signingAlgorithms: options.signingAlgorithms }),
        ...(options.encryptionAlgorithms === undefined ? {} : { encryptionAlgorithms: options.encryptionAlgorithms }),
        ...(options.egress === undefined ? {} : { egress: options.egress }),
        ...(options.policy === undefined ? {} : { policy: options.policy })
      })
      const putClient = (client: TestClient, at: string = issuer) =>
        Effect.flatMap(ClientStore, (store) => Effect.flatMap(toClient(at, client), store.put))
      const Registered = Layer.effectDiscard(
        Effect.gen(function* () {
          const resources = yield* ResourceStore
          const rules = yield* ExchangeRuleStore
          const trusted = yield* TrustedIssuerStore
          for (const at of issuers) {
            yield* Effect.forEach(options.clients ?? [], (client) => putClient(client, at))
            yield* Effect.forEach(options.resources ?? [], (resource) => resources.put({ issuer: at, ...resource }))
            yield* Effect.forEach(options.exchangeRules ?? [], (rule) => rules.put({ issuer: at, ...rule }))
            yield* Effect.forEach(options.trustedIssuers ?? [], (one) => trusted.put({ issuer: at, ...one }))
          }
        })
      )
      const Self = Layer.effect(
        TestIssuer,
        Effect.map(
          Effect.context<ClientStore | KeyEncryptionKey | Layer.Success<typeof NodeCrypto.layer>>(),
          (services) =>
            TestIssuer.of({
              issuer,
              issuers,
              person,
              people,
              putClient: (client, at) => Effect.provideContext(putClient(client, at), services)
            })
        )
      )
      return HttpRouter.serve(Layer.merge(ProtocolRoutes.layer, SignIn), {
        disableListenLog: true,
        disableLogger: true
      }).pipe(
        Layer.provide(NodeHttpServer.layer(() => serverOf(options), { port, host: "localhost" })),
        Layer.provide(certificatesOf(options, issuer)),
        Layer.provideMerge(Self),
        Layer.provideMerge(Registered),
        Layer.provideMerge(Server),
        Layer.provideMerge(Layer.merge(Host, Validators)),
        Layer.provideMerge(storage)
      )
    })
  )

const serverOf = ({ tls }: TestIssuerOptions) =>
  tls === undefined
    ? createServer({ keepAliveTimeout: 1, joinDuplicateHeaders: true })
    : createTlsServer({ keepAliveTimeout: 1, ...tls, requestCert: true, rejectUnauthorized: false })

const certificatesOf = ({ certificates, tls }: TestIssuerOptions, issuer: string): Layer.Layer<never> =>
  certificates?.(issuer) ?? (tls === undefined ? Layer.empty : ClientCertificates.layerSocket())

/** Alice, with a value for every claim of the standard scopes. */
export const aliceClaims: Claims.Claims = {
  name: "Alice Liddell",
  given_name: "Alice",
  family_name: "Liddell",
  middle_name: "Pleasance",
  nickname: "al",
  preferred_username: "alice",
  profile: "https://people.example/alice",
  picture: "https://people.example/alice.png",
  website: "https://alice.example",
  gender: "female",
  birthdate: "1852-05-04",
  zoneinfo: "Europe/London",
  locale: "en-GB",
  updated_at: 1_700_000_000,
  email: "alice@example.com",
  email_verified: true,
  address: { country: "GB", locality: "Oxford" },
  phone_number: "+44 1865 000000",
  phone_number_verified: false
}

const toClient = (issuer: string, { clientId, secret, ...rest }: TestClient) =>
  Effect.gen(function* () {
    const client = Client.make({
      clientName: `Test client ${clientId}`,
      redirectUris: ["https://client.example/callback"],
      grantTypes: ["authorization_code", "refresh_token"],
      tokenEndpointAuthMethod: secret === undefined ? "none" : "client_secret_basic",
      ...rest,
      issuer,
      clientId
    })
    if (secret === undefined) return client
    return { ...client, secrets: [yield* Effect.orDie(ManageClients.makeSecret(client, Redacted.make(secret)))] }
  })
