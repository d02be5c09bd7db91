/** `lockspire serve`: for production. It starts only when nothing is in the way, and says everything that is. */
import { Issuer } from "@lockspire/core"
import { HostLive, HostOptions, HostRoutes, defaults as hostDefaults } from "@lockspire/example-host"
import { Console, Effect, Layer, Option } from "effect"
import { Command } from "effect/cli"
import { type CommandFailed, failed } from "../CommandFailed.ts"
import * as ClientCertificates from "../ClientCertificates.ts"
import * as Database from "../Database.ts"
import * as flags from "../flags.ts"
import * as HostModule from "../HostModule.ts"
import * as KeyEncryptionKeys from "../KeyEncryptionKeys.ts"
import * as Listener from "../Listener.ts"
import * as Server from "../Server.ts"

const config = {
  databaseUrl: flags.databaseUrl,
  schema: flags.schema,
  issuer: flags.texts("issuer", "The issuer identifier, an https URL"),
  host: flags.textOr("host", "localhost", "Address to listen on, loopback by default; 0.0.0.0 or :: for all"),
  port: flags.port,
  hostModule: flags.text("host-module", "A module whose default export is a Layer of HostResolver"),
  signUp: flags.flag("sign-up", "Without a host module: let people make their own accounts"),
  tlsCert: flags.tlsCert,
  tlsKey: flags.tlsKey,
  tlsClientCa: flags.tlsClientCa,
  ...ClientCertificates.config,
  egressAllow: flags.egressAllow
}

type Config = Command.Command.Config.Infer<typeof config>

const issuerCheck = Effect.fnUntraced(function* (identifiers: ReadonlyArray<string>) {
  const [first, ...rest] = identifiers
  if (first === undefined)
    return yield* failed("There is no issuer: give --issuer, for example https://login.example.com.")
  for (const identifier of identifiers) {
    const issuer = yield* Server.checkIssuer(identifier)
    if (Issuer.isPlainHttpOutsideLoopback(issuer)) {
      return yield* failed(
        `The issuer "${identifier}" is plain http outside loopback, which exposes every token: use https.`
      )
    }
  }
  return [first, ...rest] as const
})

const databaseCheck = Effect.fnUntraced(function* ({ databaseUrl, schema }: Config) {
  if (Option.isNone(databaseUrl)) return yield* failed("There is no database: give --database-url.")
  const database = Database.ofUrl(databaseUrl.value, schema)
  yield* Effect.provide(Database.mustBeMigrated(database), Database.connection(database))
  return database
})

/** The operator's host, or the example host over the accounts in the database. */
const hostOf = Effect.fnUntraced(function* ({ hostModule, signUp }: Config) {
  if (Option.isSome(hostModule)) return { resolver: yield* HostModule.load(hostModule.value), routes: Layer.empty }
  const options = Layer.succeed(HostOptions, { ...hostDefaults, signUp })
  const resolver: HostModule.Host = Layer.provide(HostLive, options)
  return { resolver, routes: Layer.provide(HostRoutes.layer, options) }
})

const run = Effect.fnUntraced(function* (input: Config) {
  // Every reason at once: an operator who mends one should not find the next by trying.
  const reasons: Array<string> = []
  const collect = <A>(check: Effect.Effect<A, CommandFailed>): Effect.Effect<A | undefined> =>
    Effect.catch(check, (failure) => Effect.sync(() => void reasons.push(...failure.reasons)))
  const key = yield* collect(KeyEncryptionKeys.currentMust)
  const previous = yield* collect(KeyEncryptionKeys.previous)
  const issuers = yield* collect(issuerCheck(input.issuer))
  const tls = yield* collect(Listener.readTls(input))
  const certificates = yield* collect(ClientCertificates.layerOf(input, tls))
  const host = yield* collect(hostOf(input))
  const database = yield* collect(databaseCheck(input))
  if (!key || !previous || !issuers || !host || !database || !certificates || reasons.length > 0)
    return yield* failed(...reasons)

  const port = yield* Listener.resolvePort(input.port)
  const egress = yield* Server.egress(input.egressAllow)
  const services = yield* Layer.build(Server.services(Database.storage(database), issuers, key, previous, egress))
  yield* Effect.forEach(issuers, KeyEncryptionKeys.mustOpen).pipe(Effect.provideContext(services))
  const routes = tls === undefined ? host.routes : Layer.merge(host.routes, Server.strictTransport)
  yield* Layer.build(
    Server.serve(routes, host.resolver, { host: input.host, port, tls }, certificates).pipe(
      Layer.provide(Layer.succeedContext(services))
    )
  )
  yield* Console.log(`Lockspire serves ${issuers.join(", ")} on ${input.host}:${port}.`)
  return yield* Effect.never
}, Effect.scoped)

export const serve = Command.make("serve", config, run).pipe(
  Command.withDescription(
    "Serve an issuer in production, over a migrated PostgreSQL. The key-encryption key comes from LOCKSPIRE_KEY_ENCRYPTION_KEY; a TLS proxy in front, or --tls-cert and --tls-key, bring https."
  ),
  Command.withShortDescription("Serve an issuer in production")
)
