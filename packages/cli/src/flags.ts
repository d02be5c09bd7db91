/** The flags that several commands share. Each can also be given as `LOCKSPIRE_<FLAG>`; the command line wins. */
import { Config, Effect, Option, Schema } from "effect"
import { Flag } from "effect/cli"

const variable = (name: string): string => `LOCKSPIRE_${name.replaceAll("-", "_").toUpperCase()}`

const described = (name: string, description: string) => `${description} [${variable(name)}]`

/** Text, or `None`. An empty variable is as good as none: that is how compose files leave one out. */
export const text = (name: string, description: string) =>
  Flag.String(name).pipe(
    Flag.withFallbackConfig(Config.String(variable(name))),
    Flag.optional,
    Flag.map(Option.filter((value) => value !== "")),
    Flag.withDescription(described(name, description))
  )

export const textOr = (name: string, fallback: string, description: string) =>
  Flag.map(
    text(name, description),
    Option.getOrElse(() => fallback)
  )

export const flag = (name: string, description: string) =>
  Flag.Boolean(name).pipe(
    Flag.withFallbackConfig(Config.Boolean(variable(name))),
    Flag.withDefault(false),
    Flag.withDescription(described(name, description))
  )

/** May be given several times; the variable separates its values by commas. */
export const texts = (name: string, description: string) =>
  Flag.String(name).pipe(
    Flag.atLeast(0),
    Flag.mapEffect((given) =>
      given.length > 0
        ? Effect.succeed(given)
        : Config.String(variable(name)).pipe(
            Effect.map((values) => values.split(",").flatMap((value) => value.trim() || [])),
            Effect.orElseSucceed((): ReadonlyArray<string> => [])
          )
    ),
    Flag.withDescription(described(name, `${description}; may be repeated`))
  )

const Port = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 65_535 }))

export const port = Flag.Int("port").pipe(
  Flag.withFallbackConfig(Config.Int(variable("port"))),
  Flag.withDefault(3000),
  Flag.withSchema(Port),
  Flag.withDescription(described("port", "Where to listen, 3000 by default; 0 for any free port"))
)

export const dataDir = textOr("data-dir", ".lockspire", "Folder of the embedded PostgreSQL and the development keys")
export const databaseUrl = text(
  "database-url",
  "A PostgreSQL server of one's own: postgres://user:password@host/database"
)
export const schema = textOr("schema", "public", "The database schema that holds the tables")
export const tlsCert = text("tls-cert", "Certificate chain (PEM) for https, with --tls-key")
export const tlsKey = text("tls-key", "Private key (PEM) of the certificate")
export const tlsClientCa = text(
  "tls-client-ca",
  "Certification authorities (PEM) that clients may prove themselves by (tls_client_auth); those of the system unless given"
)
export const egressAllow = texts("egress-allow", "Lets the server fetch from this host although it is not public")
export const issuer = text(
  "issuer",
  "The issuer identifier; unless given, that of `dev`, or the only one in the database"
)

/** What says where the database is. */
export const database = { databaseUrl, dataDir, schema }
