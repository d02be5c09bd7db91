/** The rounds: every contender in turn, again and again, so that drift of the machine hits all alike. */
import type { Contender } from "./contenders.ts"
import type { Target } from "./load/Target.ts"
import type { Load, Server } from "./processes.ts"
import { type Cell, cellOf, type Round, voidCell } from "./results.ts"
import type { Workload } from "./workloads/Workload.ts"

export interface Running {
  readonly contender: Contender
  readonly server: Server
}

export interface Plan {
  readonly warmUpSeconds: number
  readonly seconds: number
  readonly rounds: number
}

export const targetOf = ({ contender, server }: Running): Target => ({
  contender: contender.name,
  port: server.port,
  ports: server.ports,
  offlinePrompt: contender.offlinePrompt,
  repeats: contender.isCeiling
})

/** One round at one contender; a sentence when an answer was wrong. */
const once = async (
  load: Load,
  running: Running,
  workload: Workload,
  seconds: number,
  isFirst: boolean
): Promise<Round | string> => {
  const before = await running.server.usage()
  const target = targetOf(running)
  const reply = await load.ask({ type: "measure", workload: workload.name, target, seconds, isFirst })
  const after = await running.server.usage()
  if (reply.type !== "measured") return reply.type === "wrong" ? reply.why : "no measurement"
  return {
    measured: reply.measured,
    loadCpuMicros: reply.loadCpuMicros,
    serverCpuMicros: after.cpuMicros - before.cpuMicros
  }
}

export const compare = async (
  load: Load,
  all: ReadonlyArray<Running>,
  workload: Workload,
  plan: Plan
): Promise<ReadonlyArray<Cell>> => {
  const offering = all.filter(({ contender }) => contender.workloads.includes(workload.name))
  const rounds = new Map<Running, Array<Round>>(offering.map((running) => [running, []]))
  const wrong = new Map<Running, string>()
  for (let round = 0; round <= plan.rounds; round++) {
    for (const running of offering) {
      if (wrong.has(running)) continue
      const result = await once(load, running, workload, round === 0 ? plan.warmUpSeconds : plan.seconds, round === 0)
      if (typeof result === "string") wrong.set(running, result)
      else if (round > 0) rounds.get(running)!.push(result)
    }
  }
  return offering.map((running) => {
    const why = wrong.get(running)
    return why === undefined
      ? cellOf(workload.name, running.contender.name, rounds.get(running)!)
      : voidCell(workload.name, running.contender.name, why)
  })
}
