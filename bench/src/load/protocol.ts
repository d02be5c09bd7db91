/** What the processes say to each other. */
import type { Measured } from "./measure.ts"
import type { Target } from "./Target.ts"

/** To the load generator. */
export type Command =
  | {
      readonly type: "measure"
      readonly workload: string
      readonly target: Target
      readonly seconds: number
      /** Prepares anew: connections and tokens of an earlier comparison may be over by now. */
      readonly isFirst: boolean
    }
  | { readonly type: "record"; readonly target: Target }

/** From it. */
export type Reply =
  | { readonly type: "measured"; readonly measured: Measured; readonly loadCpuMicros: number }
  | { readonly type: "recorded"; readonly answers: Recorded }
  | { readonly type: "wrong"; readonly why: string }

/** An answer as the ceilings repeat it. */
export interface RecordedAnswer {
  readonly status: number
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>
  readonly body: string
}

/** By method and path, and by the parameter that makes the answer another one. */
export type Recorded = Readonly<Record<string, RecordedAnswer>>

/** To a server; each answers with `Usage`. */
export interface UsageRequest {
  readonly type: "usage"
}

export interface Usage {
  readonly type: "usage"
  readonly cpuMicros: number
  readonly rssBytes: number
  /** The most that it ever was. */
  readonly peakBytes: number
}
