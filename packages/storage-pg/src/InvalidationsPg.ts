/** Word of what other nodes committed, by NOTIFY: the triggers on what is kept between requests send it. */
import { PgClient, PgConnection } from "@effect/sql-pg"
import { Invalidations, type InvalidationsPort, makeListeners } from "@lockspire/core"
import { Effect, Layer, Option, Queue, Schedule, Scope } from "effect"

/** The channel of the triggers; what they send is the name of the table. */
const channel = "lockspire_changed"

type Listeners = ReturnType<typeof makeListeners>

/** Listens until the connection is lost. */
const listening = Effect.fnUntraced(function* (config: PgClient.PgClientConfig, { tell }: Listeners) {
  // Opened before the connection and so closed after it: a listener whose connection is open would send UNLISTEN and
  // wait for the answer, of a server that may be gone.
  const listener = yield* Scope.fork(yield* Effect.scope)
  const connection = yield* PgConnection.make({ ...config, multiplex: false })
  const words = yield* Scope.provide(connection.listen(channel), listener)
  // Whatever was sent while nobody listened.
  yield* tell(() => true)
  return yield* Effect.forever(Effect.flatMap(Queue.take(words), ({ payload }) => tell((kept) => kept === payload)))
})

const make = Effect.fnUntraced(function* ({ config }: PgClient.PgClient) {
  const scope = yield* Effect.scope
  const listeners = makeListeners()
  // Started for the first who asks: a command that keeps nothing opens no connection for this.
  const start = yield* Effect.cached(
    Effect.scoped(listening(config, listeners)).pipe(
      Effect.retry(Schedule.spaced("1 second")),
      Effect.forkIn(scope),
      Effect.asVoid
    )
  )
  const on: InvalidationsPort["on"] = (kept, forget) => Effect.andThen(listeners.on(kept, forget), start)
  return { on }
})

/**
 * Over one connection beside the pool's, where the host provides `PgClient`; without it what is kept ends by its age. The
 * connection is made anew for as long as it takes.
 */
export const layer = Layer.effect(
  Invalidations,
  Effect.flatMap(
    Effect.serviceOption(PgClient.PgClient),
    Option.match({ onNone: () => Effect.map(Invalidations, (none) => none), onSome: make })
  )
)
