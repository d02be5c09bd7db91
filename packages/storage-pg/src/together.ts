/** One statement for callers who want to know the same at the same time. */
import { type Context, Deferred, Effect } from "effect"
import type { SqlClient } from "effect/sql"

/**
 * Answers everybody who asks for one key in one turn of the event loop by one run of `find`. It is sent when the turn is
 * over, so nobody learns what was read before they asked. In a transaction everybody asks alone.
 */
export const together = <A>(
  sql: SqlClient.SqlClient,
  find: (issuer: string, key: string) => Effect.Effect<A>
): ((issuer: string, key: string) => Effect.Effect<A>) => {
  const waiting = new Map<string, Deferred.Deferred<A>>()

  const shared = (issuer: string, key: string): Effect.Effect<A> =>
    Effect.contextWith((context: Context.Context<never>) => {
      const id = `${issuer}\0${key}`
      const asked = waiting.get(id)
      if (asked !== undefined) return Deferred.await(asked)
      const answer = Deferred.makeUnsafe<A>()
      waiting.set(id, answer)
      const ask = Effect.flatMap(Effect.yieldNow, () => {
        waiting.delete(id)
        return find(issuer, key)
      })
      // A fibre of its own, which nobody can interrupt: whoever asked first may go away, and the others still wait.
      Effect.runForkWith(context)(Effect.onExit(ask, (exit) => Deferred.done(answer, exit)))
      return Deferred.await(answer)
    })

  return (issuer, key) =>
    Effect.flatMap(Effect.serviceOption(sql.transactionService), (open) =>
      open._tag === "Some" ? find(issuer, key) : shared(issuer, key)
    )
}
