/** One process on a database against two on another, with whatever cores there are: nothing here is pinned but the load. */
import { compare, type Plan, type Running } from "./compare.ts"
import { contenders } from "./contenders.ts"
import type { Postgres } from "./postgres.ts"
import { freePort, type Load, type Server, startServer } from "./processes.ts"
import type { Scale } from "./results.ts"
import type { Workload } from "./workloads/Workload.ts"

const contender = contenders.find(({ name }) => name === "lockspire-postgres")!

const sum = (values: ReadonlyArray<number>) => values.reduce((total, value) => total + value, 0)

/** Several processes of one issuer, which is that of the first. */
const start = async (postgres: Postgres, count: number): Promise<Running> => {
  const name = `${contender.name}-${count}`
  const url = await postgres.create(name)
  const servers: Array<Server> = []
  const issuerPort = await freePort()
  for (let index = 0; index < count; index++) {
    const port = index === 0 ? issuerPort : await freePort()
    servers.push(await startServer(name, contender.file, port, { port, url, issuerPort }, "any"))
  }
  const server: Server = {
    port: issuerPort,
    ports: servers.map(({ port }) => port),
    startMs: sum(servers.map(({ startMs }) => startMs)),
    usage: async () => {
      const all = await Promise.all(servers.map((one) => one.usage()))
      return {
        type: "usage",
        cpuMicros: sum(all.map(({ cpuMicros }) => cpuMicros)),
        rssBytes: sum(all.map(({ rssBytes }) => rssBytes)),
        peakBytes: sum(all.map(({ peakBytes }) => peakBytes))
      }
    },
    stop: async () => void (await Promise.all(servers.map((one) => one.stop())))
  }
  return { contender, server }
}

export const scale = async (
  load: Load,
  postgres: Postgres,
  workloads: ReadonlyArray<Workload>,
  plan: Plan
): Promise<ReadonlyArray<Scale>> => {
  const all = [await start(postgres, 1), await start(postgres, 2)]
  const found: Array<Scale> = []
  for (const workload of workloads) {
    const [one, two] = await compare(load, all, workload, plan)
    found.push({ workload: workload.name, one: one!, two: two! })
  }
  await Promise.all(all.map(({ server }) => server.stop()))
  return found
}
