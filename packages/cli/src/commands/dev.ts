/** `lockspire dev`: everything at once on this machine, with people and a client to try it with. */
import { applySeed, neededAlgorithms, type Seed } from "@lockspire/admin"
import { AccountStore, AuditEvents, ManageKeys, SigningKeyStore } from "@lockspire/core"
import { HostLive, HostOptions, HostRoutes, defaults as hostDefaults } from "@lockspire/example-host"
import { RelyingParty } from "@lockspire/example-relying-party"
import { NodeCrypto } from "@lockspire/http/node"
import { Console, Effect, Layer, Option, type Redacted } from "effect"
import { Command } from "effect/cli"
import { failed } from "../CommandFailed.ts"
import * as DataDirectory from "../DataDirectory.ts"
import * as ClientCertificates from "../ClientCertificates.ts"
import * as Database from "../Database.ts"
import * as Demo from "../demo.ts"
import * as flags from "../flags.ts"
import * as IssuerName from "../IssuerName.ts"
import * as KeyEncryptionKeys from "../KeyEncryptionKeys.ts"
import * as Listener from "../Listener.ts"
import * as OwnCertificate from "../OwnCertificate.ts"
import * as SeedFile from "../SeedFile.ts"
import * as Server from "../Server.ts"
import { welcome } from "../welcome.ts"

const config = {
  ...flags.database,
  host: flags.textOr("host", "localhost", "Address to listen on, loopback by default"),
  port: flags.port,
  issuer: flags.text("issuer", "The issuer identifier, http://localhost:<port> by default"),
  memory: flags.flag("memory", "Keep everything in memory, write nothing to disk"),
  seed: flags.text("seed", "A seed file with accounts and clients of one's own"),
  tls: flags.flag("tls", "Serve https by a certificate made for the issuer's host name"),
  tlsCert: flags.tlsCert,
  tlsKey: flags.tlsKey,
  tlsClientCa: flags.tlsClientCa,
  ...ClientCertificates.config,
  egressAllow: flags.egressAllow
}

type Config = Command.Command.Config.Infer<typeof config>

/** The storage that the flags ask for, ready: started, migrated. */
const storageOf = Effect.fnUntraced(function* ({ databaseUrl, dataDir, memory, schema }: Config) {
  if (memory) return Database.memory
  const database: Database.Database = Option.isSome(databaseUrl)
    ? Database.ofUrl(databaseUrl.value, schema)
    : { url: yield* DataDirectory.startPostgres(dataDir), schema }
  yield* Effect.provide(Database.migrate(database), Database.connection(database))
  return Database.storage(database)
})

const keyOf = ({ dataDir, memory }: Config) =>
  memory
    ? Effect.flatMap(
        KeyEncryptionKeys.current,
        Option.match({ onNone: () => KeyEncryptionKeys.forgotten, onSome: (key) => Effect.succeed(key) })
      )
    : KeyEncryptionKeys.currentOrOf(dataDir)

const describe = ({ databaseUrl, dataDir, memory }: Config) =>
  memory
    ? "in memory, gone when this stops"
    : Option.isSome(databaseUrl)
      ? "PostgreSQL at --database-url"
      : `PostgreSQL in ${dataDir}, kept for the next start`

/** The demo's entries, then the developer's. A demo account that is there already is left as it has become. */
const seeded = Effect.fnUntraced(function* (issuer: string, demo: Seed, own: Seed) {
  const actor = AuditEvents.operator("lockspire dev")
  const store = yield* AccountStore
  const missing = yield* Effect.filter(demo.accounts ?? [], ({ username }) =>
    Effect.map(store.findByUsername(issuer, username), Option.isNone)
  )
  yield* applySeed(issuer, { ...demo, accounts: missing }, actor)
  return yield* applySeed(issuer, own, actor)
}, Effect.mapError(SeedFile.invalid))

const usernames = (seed: Seed): ReadonlyArray<string> => (seed.accounts ?? []).map(({ username }) => username)

/** The keys that the developer's seed asks for sign at once: nobody has kept a JWK Set without them yet. */
const makeKeys = Effect.fnUntraced(function* (issuer: string, seed: Seed) {
  const keys = yield* (yield* SigningKeyStore).list(issuer)
  const active = new Set(keys.filter((key) => key._tag === "Active").map((key) => key.algorithm))
  const missing = neededAlgorithms(seed).filter((algorithm) => !active.has(algorithm))
  if (missing.length === 0) return
  yield* ManageKeys.ensure(issuer, missing, AuditEvents.operator("lockspire dev"))
  yield* Console.log(`Made keys for ${missing.join(", ")}, which the seed asks for.`)
})

/** What https is served by: the files that were given, a certificate of our own, or nothing. */
const tlsOf = Effect.fnUntraced(function* (input: Config, issuer: string) {
  if (!input.tls) {
    const tls = yield* Listener.readTls(input)
    return { tls, ca: tls?.cert, caFile: undefined }
  }
  if (Option.isSome(input.tlsCert) || Option.isSome(input.tlsKey)) {
    return yield* failed("--tls makes a certificate, --tls-cert and --tls-key bring one: give either.")
  }
  const { hostname, protocol } = new URL(issuer)
  if (protocol !== "https:") return yield* failed(`--tls serves https, but the issuer is ${issuer}.`)
  const host = hostname.replace(/^\[(.*)\]$/, "$1")
  const { ca, caFile, cert, key } = yield* input.memory
    ? OwnCertificate.forgotten(host)
    : OwnCertificate.inDataDirectory(input.dataDir, host)
  const tls: Listener.Tls = { cert, key, clientCa: yield* Listener.readClientCa(input.tlsClientCa) }
  return { tls, ca, caFile }
})

const run = Effect.fnUntraced(function* (input: Config) {
  if (input.memory && Option.isSome(input.databaseUrl)) {
    return yield* failed("--memory and --database-url exclude one another: one keeps nothing, the other everything.")
  }
  const port = yield* Listener.resolvePort(input.port)
  const isHttps = input.tls || Option.isSome(input.tlsCert)
  const identifier = Option.getOrElse(input.issuer, () => `${isHttps ? "https" : "http"}://localhost:${port}`)
  yield* Server.checkIssuer(identifier)
  const { caFile, ca, tls } = yield* tlsOf(input, identifier)
  const certificates = yield* ClientCertificates.layerOf(input, tls)
  const demoUrl = `${new URL(identifier).origin}/demo`
  const own = yield* Option.match(input.seed, {
    onNone: () => Effect.succeed({ seed: {}, warnings: [] }),
    onSome: SeedFile.read
  })
  if (ca !== undefined) yield* Listener.trust(ca)
  const egress = yield* Server.egress(input.egressAllow)
  const key = yield* Effect.provide(keyOf(input), NodeCrypto.layer)
  const storage = yield* storageOf(input)
  const services = yield* Layer.build(
    Server.services(storage, [identifier], key, yield* KeyEncryptionKeys.previous, egress)
  )
  const { apiSecret, applied, demo } = yield* Effect.gen(function* () {
    yield* KeyEncryptionKeys.mustOpen(identifier)
    const apiSecret = yield* Demo.apiSecret(key)
    const demo = Demo.without(Demo.seed(demoUrl, apiSecret), own.seed)
    yield* makeKeys(identifier, own.seed)
    return { apiSecret, demo, applied: yield* seeded(identifier, demo, own.seed) }
  }).pipe(Effect.provide(certificates), Effect.provideContext(services))
  if (!input.memory && Option.isNone(input.databaseUrl)) {
    yield* DataDirectory.rememberIssuer(input.dataDir, identifier)
  }
  const isKnown = yield* IssuerName.resolves(identifier)
  const { origin, protocol } = new URL(identifier)
  // Behind a proxy our socket does not speak the issuer's protocol: the demo goes the way that everybody goes.
  const isDirect = !isKnown && (protocol === "https:") === (tls !== undefined)
  const fetch = isDirect ? IssuerName.fetchBy(origin, IssuerName.socketOf(input.host, port)) : undefined
  yield* Layer.build(
    Server.serve(
      routes(identifier, demoUrl, apiSecret, fetch),
      HostLive,
      { host: input.host, port, tls },
      certificates
    ).pipe(Layer.provide(Layer.succeedContext(services)))
  )
  yield* SeedFile.report(applied)
  yield* Console.log(
    welcome({
      issuer: identifier,
      demoUrl,
      storage: describe(input),
      caFile,
      isKnown,
      accounts: (demo.accounts ?? []).map(({ password, username }) => ({ password, username })),
      seedAccounts: usernames(own.seed)
    })
  )
  return yield* Effect.never
}, Effect.scoped)

const routes = (
  issuer: string,
  demoUrl: string,
  apiSecret: Redacted.Redacted,
  fetch: typeof globalThis.fetch | undefined
) =>
  Layer.merge(
    HostRoutes.layer,
    RelyingParty.layer({
      issuer,
      baseUrl: demoUrl,
      clientId: Demo.clientId,
      apiClientId: Demo.apiClientId,
      apiClientSecret: apiSecret,
      fetch
    })
  ).pipe(
    Layer.provide(Layer.succeed(HostOptions, { ...hostDefaults, links: [{ href: demoUrl, text: "Demo application" }] }))
  )

export const dev = Command.make("dev", config, run).pipe(
  Command.withDescription(
    "Start a server with its own PostgreSQL, demo accounts and a demo client on http://localhost:3000. For development."
  ),
  Command.withShortDescription("Start a server for development, with a demo")
)
