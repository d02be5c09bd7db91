/** What a run found, and how rounds become one row. */
import type { Measured } from "./load/measure.ts"

/** A row of `results.json`. */
export interface Row {
  readonly workload: string
  readonly contender: string
  readonly requestsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Every answer was right. A row with a wrong one says nothing. */
  readonly correct: boolean
}

/** One round of one workload at one contender. */
export interface Round {
  readonly measured: Measured
  readonly serverCpuMicros: number
  readonly loadCpuMicros: number
}

export interface Cell extends Row {
  /** What the server process itself spent on one piece of work, whoever else used the machine. */
  readonly serverCpuMicros: number
  /** The share of its core that the load generator used. */
  readonly loadShare: number
  readonly why?: string
}

export interface Server {
  readonly contender: string
  readonly startMs: number
  readonly restBytes: number
  readonly loadedBytes: number
  readonly peakBytes: number
}

export interface Growth {
  readonly tokens: number
  readonly cells: ReadonlyArray<Cell>
}

/** What the pruner deleted while tokens were inserted as fast as they could be asked for. */
export interface Pruning {
  readonly deletedPerSecond: number
  /** Nothing was left to delete before the time was up: it can delete more than that. */
  readonly isDone: boolean
  readonly cell: Cell
}

/** One and two processes on one database each, none of them pinned. */
export interface Scale {
  readonly workload: string
  readonly one: Cell
  readonly two: Cell
}

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryGb: number
  readonly os: string
  readonly pinned: boolean
  readonly databaseDisk: string
}

export interface Results {
  readonly machine: Machine
  readonly date: string
  readonly versions: Readonly<Record<string, string>>
  readonly cells: ReadonlyArray<Cell>
  readonly servers: ReadonlyArray<Server>
  readonly growth: ReadonlyArray<Growth>
  readonly pruning: Pruning | undefined
  readonly scale: ReadonlyArray<Scale>
  readonly rounds: number
  readonly seconds: number
}

const median = (values: ReadonlyArray<number>): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0

const round = (value: number, digits: number) => Number(value.toFixed(digits))

export const cellOf = (workload: string, contender: string, rounds: ReadonlyArray<Round>): Cell => ({
  workload,
  contender,
  requestsPerSecond: round(median(rounds.map(({ measured }) => measured.requestsPerSecond)), 1),
  p50Ms: round(median(rounds.map(({ measured }) => measured.p50Ms)), 3),
  p99Ms: round(median(rounds.map(({ measured }) => measured.p99Ms)), 3),
  correct: true,
  serverCpuMicros: median(rounds.map(({ measured, serverCpuMicros }) => serverCpuMicros / measured.count)),
  loadShare: median(
    rounds.map(({ loadCpuMicros, measured }) => (loadCpuMicros / 1e6 / measured.count) * measured.requestsPerSecond)
  )
})

export const voidCell = (workload: string, contender: string, why: string): Cell => ({
  workload,
  contender,
  requestsPerSecond: 0,
  p50Ms: 0,
  p99Ms: 0,
  correct: false,
  serverCpuMicros: 0,
  loadShare: 0,
  why
})

const rowOf = ({ contender, correct, p50Ms, p99Ms, requestsPerSecond, workload }: Cell): Row => ({
  workload,
  contender,
  requestsPerSecond,
  p50Ms,
  p99Ms,
  correct
})

/** Every row of `results.json`: where a workload was done under another condition, its name ends with it. */
export const rowsOf = ({ cells, growth, pruning, scale }: Results): ReadonlyArray<Row> => {
  const under = (condition: string, cell: Cell): Row => ({ ...rowOf(cell), workload: `${cell.workload}@${condition}` })
  return [
    ...cells.map(rowOf),
    ...growth.flatMap(({ cells: grown, tokens }) => grown.map((cell) => under(`${tokens}-tokens`, cell))),
    ...(pruning === undefined ? [] : [under("pruning", pruning.cell)]),
    ...scale.flatMap(({ one, two }) => [under("1-process", one), under("2-processes", two)])
  ]
}
