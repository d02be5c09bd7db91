/** What becomes of the driver's failures: no pipeline can mend one, so each is a defect; this says which. */
import { StorageUnavailable } from "@lockspire/core"
import { Cause, Effect } from "effect"
import type { SqlError } from "effect/sql"

/**
 * SQLSTATE classes of a server that cannot serve now: 53 has no room or connections left, 57P is shutting down, crashed
 * or starting, 58 has trouble with its disks; 25006 is a standby that was the primary.
 */
const unavailableState = /^(53|57P|58|25006)/

const stateOf = (cause: unknown): string => {
  const code = typeof cause === "object" && cause !== null && "code" in cause ? cause.code : undefined
  return typeof code === "string" ? code : ""
}

const isUnavailable = ({ reason }: SqlError.SqlError): boolean => {
  switch (reason._tag) {
    case "ConnectionError":
    case "AuthenticationError":
    case "LockTimeoutError":
    case "StatementTimeoutError":
    case "DeadlockError":
    case "SerializationError":
      return true
    default:
      return unavailableState.test(stateOf(reason.cause))
  }
}

/** Turns every failure of the driver into a defect: `StorageUnavailable`, or the failure itself when we are at fault. */
export const orDie = <A, R>(statement: Effect.Effect<A, SqlError.SqlError, R>): Effect.Effect<A, never, R> =>
  Effect.catch(statement, (error) => Effect.die(toDefect(error)))

export const toDefect = (error: SqlError.SqlError): unknown =>
  isUnavailable(error) ? new StorageUnavailable({ cause: error }) : error

/** Whether a transaction failed only because another one was in its way, so that it may be tried again from its start. */
export const isConflict = (cause: Cause.Cause<unknown>): boolean =>
  cause.reasons.some((reason) => {
    if (!Cause.isDieReason(reason) || !(reason.defect instanceof StorageUnavailable)) return false
    const tag = (reason.defect.cause as SqlError.SqlError).reason._tag
    return tag === "DeadlockError" || tag === "SerializationError"
  })
