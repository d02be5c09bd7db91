/** One table of the in-memory database: rows by key, every write undoable. */
import { type DateTime, Effect, Option } from "effect"
import type { Kept } from "./Invalidations.ts"
import { type Journal, MemoryDatabase } from "./Transaction.ts"

export interface Rows<Row> {
  readonly get: (key: string) => Row | undefined
  readonly values: () => Iterable<Row>
  readonly entries: () => Iterable<readonly [string, Row]>
  readonly set: (key: string, row: Row) => void
  readonly delete: (key: string) => void
}

export interface MemoryTable<Row> {
  /** One atomic step over the rows. */
  readonly step: <A>(run: (rows: Rows<Row>) => A) => Effect.Effect<A>
  readonly find: (key: string) => Effect.Effect<Option.Option<Row>>
}

/** The rows of `map`; while a transaction is open, its journal remembers what each write replaced. */
const rowsOf = <Row>(map: Map<string, Row>, journal: Journal, written: () => void): Rows<Row> => {
  const remember = (key: string) => {
    written()
    if (!journal.isOpen) return
    const before = map.get(key)
    journal.undos.push(() => (before === undefined ? map.delete(key) : map.set(key, before)))
  }
  return {
    get: (key) => map.get(key),
    values: () => map.values(),
    entries: () => map.entries(),
    set: (key, row) => {
      remember(key)
      map.set(key, row)
    },
    delete: (key) => {
      remember(key)
      map.delete(key)
    }
  }
}

/** `kept` names what is kept of these rows between requests: whoever keeps it is told of every write. */
export const make = <Row>(kept?: Kept): Effect.Effect<MemoryTable<Row>, never, MemoryDatabase> =>
  Effect.map(MemoryDatabase, ({ atomically, journal, tell }) => {
    const map = new Map<string, Row>()
    let isWritten = false
    const rows = rowsOf(map, journal, () => {
      isWritten = true
    })
    const step = <A>(run: (rows: Rows<Row>) => A) => atomically(() => run(rows))
    const told = Effect.suspend(() => {
      if (!isWritten) return Effect.void
      isWritten = false
      return tell((one) => one === kept)
    })
    return {
      step: kept === undefined ? step : (run) => Effect.tap(step(run), told),
      find: (key) => atomically(() => Option.fromUndefinedOr(map.get(key)))
    }
  })

/** A key of several parts; NUL never occurs in a parameter, so parts cannot run into one another. */
export const key = (...parts: ReadonlyArray<string>): string => parts.join("\0")

export const isBefore = (at: DateTime.Utc, limit: DateTime.Utc): boolean =>
  at.epochMilliseconds < limit.epochMilliseconds

/** Deletes up to `limit` rows for which `isOver` holds; how many it deleted. */
export const prune = <Row>(rows: Rows<Row>, limit: number, isOver: (row: Row) => boolean): number => {
  const over: Array<string> = []
  for (const [key, row] of rows.entries()) {
    if (over.length === limit) break
    if (isOver(row)) over.push(key)
  }
  for (const key of over) rows.delete(key)
  return over.length
}
