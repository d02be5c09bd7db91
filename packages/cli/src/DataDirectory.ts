/**
 * The folder of `lockspire dev`: the embedded PostgreSQL, the key-encryption key, and who is using it.
 *
 *     postgres/            EmbeddedPostgres's
 *     key-encryption-key   0600
 *     issuer               the issuer that `dev` served last, so that other commands need not be told
 *     lock                 the process that runs PostgreSQL
 *     database-url         where it runs, 0600
 */
import { EmbeddedPostgres } from "@lockspire/storage-pg"
import { Effect, Redacted, Schedule } from "effect"
import * as fs from "node:fs"
import * as path from "node:path"
import { type CommandFailed, failed } from "./CommandFailed.ts"
import * as ProcessId from "./ProcessId.ts"

export const keyFile = (dataDir: string): string => path.join(dataDir, "key-encryption-key")
const lockFile = (dataDir: string): string => path.join(dataDir, "lock")
const issuerFile = (dataDir: string): string => path.join(dataDir, "issuer")
const urlFile = (dataDir: string): string => path.join(dataDir, "database-url")
const postgresDir = (dataDir: string): string => path.join(dataDir, "postgres")

const code = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? String(error)

const unusable = (dataDir: string, error: unknown): CommandFailed =>
  failed(`The data folder ${dataDir} cannot be used (${code(error)}): choose one that can be written, with --data-dir.`)

/** Does something with files; what goes wrong is a sentence. */
const files = <A>(dataDir: string, act: () => A): Effect.Effect<A, CommandFailed> =>
  Effect.try({ try: act, catch: (error) => unusable(dataDir, error) })

const readText = (file: string): string | undefined => {
  try {
    return fs.readFileSync(file, "utf8")
  } catch {
    return undefined
  }
}

/** Whether there is a database in it. */
export const hasDatabase = (dataDir: string): boolean => fs.existsSync(path.join(postgresDir(dataDir), "PG_VERSION"))

export const rememberedIssuer = (dataDir: string): string | undefined => readText(issuerFile(dataDir))?.trim()

export const rememberIssuer = (dataDir: string, issuer: string) =>
  files(dataDir, () => fs.writeFileSync(issuerFile(dataDir), `${issuer}\n`))

/** The key of the folder; `fresh` becomes it when there is none. Of two processes at once both get the same one. */
export const keyEncryptionKey = (dataDir: string, fresh: string) =>
  files(dataDir, () => {
    fs.mkdirSync(dataDir, { recursive: true })
    const whole = `${keyFile(dataDir)}.${process.pid}`
    // Written whole and then linked: nobody can read half a key.
    if (!fs.existsSync(keyFile(dataDir))) {
      fs.writeFileSync(whole, `${fresh}\n`, { mode: 0o600 })
      try {
        fs.linkSync(whole, keyFile(dataDir))
      } catch (error) {
        if (code(error) !== "EEXIST") throw error
      } finally {
        fs.rmSync(whole, { force: true })
      }
    }
    return fs.readFileSync(keyFile(dataDir), "utf8").trim()
  })

/** Replaces the key of the folder. */
export const replaceKeyEncryptionKey = (dataDir: string, text: string) =>
  files(dataDir, () => {
    const whole = `${keyFile(dataDir)}.${process.pid}`
    fs.writeFileSync(whole, `${text}\n`, { mode: 0o600 })
    fs.renameSync(whole, keyFile(dataDir))
  })

/** Starts the folder's PostgreSQL and stops it when the scope closes. One process at a time may. */
export const startPostgres = Effect.fnUntraced(function* (dataDir: string) {
  yield* files(dataDir, () => fs.mkdirSync(dataDir, { recursive: true }))
  yield* Effect.acquireRelease(take(dataDir), () =>
    Effect.sync(() => {
      for (const file of [urlFile(dataDir), lockFile(dataDir)]) fs.rmSync(file, { force: true })
    })
  )
  const postgres = yield* EmbeddedPostgres.make({ dataDir: postgresDir(dataDir) }).pipe(
    // The server of a process that was killed notices, and stops, a moment later.
    Effect.retry({
      while: (error) => error._tag === "EmbeddedPostgresAlreadyRunning",
      schedule: Schedule.spaced("100 millis"),
      times: 100
    }),
    Effect.mapError((error) => failed(`The embedded PostgreSQL does not start: ${error.message}`))
  )
  const url = postgres.url("postgres")
  yield* files(dataDir, () => fs.writeFileSync(urlFile(dataDir), Redacted.value(url), { mode: 0o600 }))
  return url
})

/** The folder's PostgreSQL: the one that another process runs, or one started for as long as the scope is open. */
export const postgres = Effect.fnUntraced(function* (dataDir: string) {
  const owner = ProcessId.parse(readText(lockFile(dataDir)))
  if (owner === undefined || !ProcessId.isRunning(owner)) return yield* startPostgres(dataDir)
  const url = readText(urlFile(dataDir))
  return url === undefined
    ? yield* failed(`Process ${owner.pid} is just starting or stopping in ${dataDir}; try again in a moment.`)
    : Redacted.make(url)
})

/** Takes the lock, also from a process that is no more. */
const take = (dataDir: string): Effect.Effect<void, CommandFailed> =>
  Effect.suspend(() => {
    const own = ProcessId.format(ProcessId.own())
    for (let attempt = 0; attempt < 3; attempt++) {
      try {
        fs.writeFileSync(lockFile(dataDir), own, { flag: "wx" })
        return Effect.void
      } catch (error) {
        if (code(error) !== "EEXIST") return unusable(dataDir, error)
      }
      const owner = ProcessId.parse(readText(lockFile(dataDir)))
      if (owner !== undefined && ProcessId.isRunning(owner)) {
        return failed(
          `Lockspire is already running on the data in ${dataDir} (process ${owner.pid}); stop it, or choose another --data-dir.`
        )
      }
      for (const file of [urlFile(dataDir), lockFile(dataDir)]) fs.rmSync(file, { force: true })
    }
    return failed(`Another process is starting on the data in ${dataDir}.`)
  })
