/** Runs one workload for a time, and says how fast and how evenly it went. */
import { Connection } from "./Connection.ts"
import { discover, type Target } from "./Target.ts"
import type { Step, Workload } from "../workloads/Workload.ts"

export interface Measured {
  readonly requestsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly count: number
}

/** What stays open between the rounds of one workload at one contender. */
export interface Prepared {
  readonly steps: ReadonlyArray<Step>
  readonly close: () => void
  /** By the last round: how often a connection works in a second. */
  pace: number
}

export const prepare = async (workload: Workload, target: Target): Promise<Prepared> => {
  const metadata = await discover(target)
  const { ports } = target
  const open = await Promise.all(
    Array.from({ length: workload.connections }, (_, index) => Connection.open(ports[index % ports.length]!))
  )
  const steps = await workload.prepare(target, metadata, open)
  return { steps, close: () => open.forEach((connection) => connection.close()), pace: 30 }
}

/** With half as much again as the last round took, since no connection works at quite the same pace. */
export const makeAhead = ({ pace, steps }: Prepared, seconds: number): void => {
  const times = Math.ceil(pace * seconds * 1.5)
  for (const step of steps) step.makeAhead?.(times)
}

const percentile = (sorted: Float64Array, share: number) => sorted[Math.floor(sorted.length * share)] ?? 0

/** Every connection works in a closed loop until the time is up. Rejects at the first wrong answer. */
export const measure = async (prepared: Prepared, seconds: number): Promise<Measured> => {
  const latencies: Array<number> = []
  const clock = { isOver: false }
  const timer = setTimeout(() => (clock.isOver = true), seconds * 1000)
  const started = performance.now()
  const loop = async (step: Step) => {
    while (!clock.isOver) {
      const from = performance.now()
      const at = await step()
      latencies.push((at ?? performance.now()) - from)
    }
  }
  try {
    await Promise.all(prepared.steps.map(loop))
  } finally {
    clock.isOver = true
    clearTimeout(timer)
  }
  const elapsed = (performance.now() - started) / 1000
  prepared.pace = latencies.length / elapsed / prepared.steps.length
  const sorted = Float64Array.from(latencies).toSorted()
  return {
    requestsPerSecond: latencies.length / elapsed,
    p50Ms: percentile(sorted, 0.5),
    p99Ms: percentile(sorted, 0.99),
    count: latencies.length
  }
}
