import { Policy, Transaction } from "@lockspire/core"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Context, Effect, Exit, Layer, Redacted, Scope } from "effect"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { EmbeddedPostgres, Migrations, PostgresStorage } from "../src/index.ts"

const directory = Effect.acquireRelease(
  Effect.sync(() => {
    const created = fs.mkdtempSync(path.join(os.tmpdir(), "lockspire-lost-"))
    fs.chmodSync(created, 0o711)
    return created
  }),
  (created) => Effect.sync(() => fs.rmSync(created, { recursive: true, force: true }))
)

/** Starts PostgreSQL; how to reach it, and how to stop it. */
const started = Effect.fnUntraced(function* (options: EmbeddedPostgres.Options) {
  const scope = yield* Scope.fork(yield* Effect.scope)
  const postgres = yield* Scope.provide(EmbeddedPostgres.make({ ...options, fast: true }), scope)
  const url = postgres.url("postgres")
  return { url, port: Number(new URL(Redacted.value(url)).port), stop: Scope.close(scope, Exit.void) }
})

/** Fails with `StorageUnavailable`, within three seconds. */
const isUnavailable = Effect.fnUntraced(function* <A, E, R>(effect: Effect.Effect<A, E, R>) {
  const exit = yield* Effect.exit(Effect.timeout(effect, "3 seconds"))
  assert.isTrue(Exit.isFailure(exit))
  if (Exit.isFailure(exit)) assert.propertyVal(Cause.squash(exit.cause), "_tag", "StorageUnavailable")
})

describe("the database is lost and comes back", () => {
  it.live("requests fail at once while it is down, and are served again without restarting anything", () =>
    Effect.gen(function* () {
      const dataDir = path.join(yield* directory, "data")
      const first = yield* started({ dataDir })
      yield* Effect.gen(function* () {
        yield* Migrations.run
        const policies = yield* Policy.PolicyStore
        const { within } = yield* Transaction
        const issuer = "https://issuer.example"
        const find = policies.find(issuer)
        yield* policies.put(issuer, { accessTokenLifetime: 60 })
        // Every connection of the pool is open, and breaks.
        yield* Effect.all(
          Array.from({ length: 20 }, () => within(find)),
          { concurrency: "unbounded" }
        )

        // A transaction that is open when the connection breaks.
        yield* isUnavailable(within(Effect.andThen(Effect.andThen(find, first.stop), find)))
        for (let times = 0; times < 5; times++) yield* isUnavailable(find)
        yield* isUnavailable(within(find))
        yield* isUnavailable(policies.put(issuer, {}))
        yield* Effect.all(
          Array.from({ length: 30 }, () => isUnavailable(find)),
          { concurrency: "unbounded" }
        )

        const second = yield* started({ dataDir, port: first.port })
        assert.deepStrictEqual(yield* find, { accessTokenLifetime: 60 })
        yield* Effect.all(
          Array.from({ length: 20 }, () => within(find)),
          { concurrency: "unbounded" }
        )

        // Unused connections that broke unnoticed are not handed out.
        yield* second.stop
        yield* started({ dataDir, port: first.port })
        assert.deepStrictEqual(
          yield* Effect.all(
            Array.from({ length: 20 }, () => find),
            { concurrency: "unbounded" }
          ),
          Array.from({ length: 20 }, () => ({ accessTokenLifetime: 60 }))
        )
      }).pipe(Effect.provide(PostgresStorage.layerUrl({ url: first.url })))
    })
  )

  it.live("a node that listens for changes stops while it is down", () =>
    Effect.gen(function* () {
      const { stop, url } = yield* started({ dataDir: path.join(yield* directory, "data") })
      const node = yield* Scope.make()
      const layer = Layer.provideMerge(Policy.Policies.layer(), PostgresStorage.layerUrl({ url }))
      const { effective } = Context.get(yield* Layer.buildWithScope(layer, node), Policy.Policies)
      yield* stop
      yield* isUnavailable(effective("https://issuer.example"))
      yield* Effect.timeout(Scope.close(node, Exit.void), "3 seconds")
    })
  )
})

describe("embedded PostgreSQL", () => {
  it.live("a data directory that is in use is refused by name", () =>
    Effect.gen(function* () {
      const dataDir = path.join(yield* directory, "data")
      const { stop } = yield* started({ dataDir })
      const error = yield* Effect.flip(started({ dataDir }))
      assert.strictEqual(error._tag, "EmbeddedPostgresAlreadyRunning")
      assert.match(error.message, /already running on .*data \(process \d+\)/)
      yield* stop
      yield* started({ dataDir })
    })
  )

  it.live("two first starts at the same time: one runs, the other is told so, and nothing is left behind", () =>
    Effect.gen(function* () {
      const parent = yield* directory
      const dataDir = path.join(parent, "nested", "data")
      const exits = yield* Effect.all(
        [1, 2].map(() => Effect.exit(started({ dataDir }))),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(exits.filter(Exit.isSuccess).length, 1)
      const failed = exits.find(Exit.isFailure)
      assert.propertyVal(Cause.squash(failed!.cause), "_tag", "EmbeddedPostgresAlreadyRunning")
      assert.deepStrictEqual(fs.readdirSync(path.dirname(dataDir)), ["data"])
    })
  )

  it.live("a folder with something else in it is left alone", () =>
    Effect.gen(function* () {
      const dataDir = yield* directory
      fs.writeFileSync(path.join(dataDir, "notes.txt"), "mine")
      const error = yield* Effect.flip(started({ dataDir }))
      assert.strictEqual(error._tag, "EmbeddedPostgresError")
      assert.deepStrictEqual(fs.readdirSync(dataDir), ["notes.txt"])
    })
  )
})
