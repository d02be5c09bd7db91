/** One kind of work, the same for every contender that offers it. */
import type { Connection } from "../load/Connection.ts"
import type { Metadata, Target } from "../load/Target.ts"

/** Does the work once and checks the answer; throws when it is wrong. May tell when the answer was there. */
export interface Step {
  (): Promise<number | void>
  /** Makes, before the time that is measured, what the step will send so many times. */
  readonly makeAhead?: (times: number) => void
}

export interface Workload {
  readonly name: string
  readonly title: string
  /** Connections that work at the same time. */
  readonly connections: number
  /** Gets what the work needs (a session, tokens), and makes the step of each connection. */
  readonly prepare: (
    target: Target,
    metadata: Metadata,
    connections: ReadonlyArray<Connection>
  ) => Promise<ReadonlyArray<Step>>
}

export const connections = 32
