import { assert, describe, it } from "@effect/vitest"
import {
  AuditEvents,
  AuthorizationServer,
  ManageKeys,
  Policy,
  type Resource,
  Resources,
  ResourceStore,
  SigningKeys
} from "@lockspire/core"
import { Effect, Layer, Redacted, Schedule } from "effect"
import { SqlClient } from "effect/sql"
import { PostgresStorage } from "../src/index.ts"
import { TestDatabase } from "../src/testing/index.ts"

const issuer = "https://a.example"

const resource: Resource.Resource = {
  issuer,
  identifier: "https://api.example",
  scopes: ["read"],
  accessTokenFormat: "opaque",
  introspectionClients: []
}

/** A node of its own: its pool, its caches. */
const node = (url: Redacted.Redacted) =>
  Layer.build(
    AuthorizationServer.layer({
      issuers: [issuer],
      keyEncryptionKey: Redacted.make(new Uint8Array(32)),
      signingAlgorithms: ["ES256"],
      prune: false,
      rotateKeys: false
    }).pipe(Layer.provideMerge(PostgresStorage.layerUrl({ url, maxConnections: 2 })), Layer.fresh)
  )

/** What the node knows becomes this before what it keeps is too old: five seconds for a policy. */
const soon = <A, R>(known: Effect.Effect<A, never, R>, is: (value: A) => boolean) =>
  Effect.flatMap(known, (value) => (is(value) ? Effect.void : Effect.fail(value))).pipe(
    Effect.retry({ schedule: Schedule.spaced("20 millis"), times: 125 })
  )

const lifetime = Effect.map(
  Effect.flatMap(Policy.Policies, ({ effective }) => effective(issuer)),
  (policy) => policy.accessTokenLifetime
)

const setLifetime = (seconds: number) =>
  Effect.flatMap(Policy.PolicyStore, ({ change }) => change(issuer, { accessTokenLifetime: seconds }))

/** Ends the connections that listen, once there are any. */
const endListening = Effect.flatMap(
  SqlClient.SqlClient,
  (sql) => sql`
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND query LIKE 'LISTEN%'`
).pipe(
  Effect.filterOrFail((ended) => ended.length > 0),
  Effect.retry({ schedule: Schedule.spaced("20 millis"), times: 250 })
)

describe("what a node keeps", () => {
  it.live("another node's change of policy, resources or keys is known before it would be too old", () =>
    Effect.gen(function* () {
      const url = yield* TestDatabase.create()
      const [here, there] = [yield* node(url), yield* node(url)]
      const known = Effect.all({
        lifetime,
        resources: Effect.flatMap(Resources, ({ list }) => list(issuer)),
        jwks: Effect.flatMap(SigningKeys, ({ jwks }) => jwks(issuer))
      })
      const before = yield* Effect.provideContext(known, there)
      assert.strictEqual(before.resources.length, 0)

      const change = Effect.all([
        setLifetime(77),
        Effect.flatMap(ResourceStore, ({ put }) => put(resource)),
        ManageKeys.generate(issuer, "ES256", AuditEvents.system)
      ])
      yield* Effect.provideContext(change, here)
      const isChanged = (now: typeof before) =>
        now.lifetime === 77 && now.resources.length === 1 && now.jwks.keys.length === before.jwks.keys.length + 1
      yield* Effect.provideContext(soon(known, isChanged), there)
    })
  )

  it.live("the connection that listens is made anew, and what changed meanwhile is known then", () =>
    Effect.gen(function* () {
      const url = yield* TestDatabase.create()
      const [here, there] = [yield* node(url), yield* node(url)]
      for (const seconds of [71, 72]) {
        yield* Effect.provideContext(lifetime, there)
        yield* Effect.provideContext(Effect.andThen(endListening, setLifetime(seconds)), here)
        const isChanged = (now: number) => now === seconds
        yield* Effect.provideContext(soon(lifetime, isChanged), there)
      }
    })
  )
})
