/** The load generator: a process of its own, told over IPC what to measure next. */
import { workloads } from "../workloads/index.ts"
import { makeAhead, measure, prepare, type Prepared } from "./measure.ts"
import { record } from "./record.ts"
import type { Command, Reply } from "./protocol.ts"

const prepared = new Map<string, Promise<Prepared>>()

const answer = async (command: Command): Promise<Reply> => {
  try {
    if (command.type === "record") return { type: "recorded", answers: await record(command.target) }
    const { seconds, target } = command
    const workload = workloads.find(({ name }) => name === command.workload)!
    const key = `${target.contender} ${target.ports.join()} ${workload.name}`
    if (command.isFirst) {
      const before = await prepared.get(key)?.catch(() => undefined)
      before?.close()
      prepared.set(key, prepare(workload, target))
    }
    const ready = await prepared.get(key)!
    makeAhead(ready, seconds)
    const before = process.cpuUsage()
    const measured = await measure(ready, seconds)
    const { system, user } = process.cpuUsage(before)
    return { type: "measured", measured, loadCpuMicros: system + user }
  } catch (error) {
    return { type: "wrong", why: error instanceof Error ? error.message : String(error) }
  }
}

process.on("message", (command: Command) => {
  void answer(command).then((reply) => process.send!(reply))
})
process.on("disconnect", () => process.exit())
