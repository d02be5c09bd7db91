/** One statement for callers who want to know the same at the same time. */
import { Deferred, Effect } from "effect"
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

  const shared = (issuer: string, key: string): Effect.Effect<A> => {
    const id = `${issuer}\0${key}`
    const first = waiting.get(id)
    if (first !== undefined) return Deferred.await(first)
    const answer = Deferred.makeUnsafe<A>()
    waiting.set(id, answer)
    return Effect.yieldNow.pipe(
      Effect.flatMap(() => {
        waiting.delete(id)
        return find(issuer, key)
      }),
      Effect.onExit((exit) => Deferred.done(answer, exit)),
      // Whoever asked first may go away; the others still wait for the answer.
      Effect.uninterruptible
    )
  }

  return (issuer, key) =>
    Effect.flatMap(Effect.serviceOption(sql.transactionService), (open) =>
      open._tag === "Some" ? find(issuer, key) : shared(issuer, key)
    )
}
