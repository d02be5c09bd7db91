/**
 * `npm run bench`: everything in one go, one table. `-- --quick` takes less than three minutes; `--only WORKLOAD`,
 * `--contenders A,B` and `--also PART` narrow it while working, and then nothing is written.
 */
import * as fs from "node:fs"
import * as timers from "node:timers/promises"
import { parseArgs } from "node:util"
import { compare, type Plan, type Running, targetOf } from "./compare.ts"
import { absent, type Contender, contenders } from "./contenders.ts"
import { fill, isFilled } from "./growth.ts"
import type { Recorded } from "./load/protocol.ts"
import { machine, versions } from "./machine.ts"
import { startPostgres } from "./postgres.ts"
import { freePort, type Load, startLoad, startServer } from "./processes.ts"
import { pruning } from "./pruning.ts"
import { toMarkdown } from "./report.ts"
import { type Cell, type Growth, type Results, rowsOf, type Server } from "./results.ts"
import { scale } from "./scale.ts"
import { clientCredentials } from "./workloads/clientCredentials.ts"
import { workloads } from "./workloads/index.ts"
import { introspection } from "./workloads/introspection.ts"
import { refresh } from "./workloads/refresh.ts"

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string" },
    contenders: { type: "string" },
    rounds: { type: "string" },
    seconds: { type: "string" },
    /** Numbers of tokens, ascending: `10k,1m,10m`. */
    growth: { type: "string" },
    /** What is measured beside workload and contender: `pruning`, `scale`. */
    also: { type: "string" }
  }
})

const isPart = values.only !== undefined || values.contenders !== undefined
const listed = (value: string | undefined, otherwise: string) =>
  (value ?? otherwise).split(",").filter((one) => one !== "")
const plan: Plan = {
  warmUpSeconds: values.quick ? 0.5 : 3,
  seconds: Number(values.seconds ?? (values.quick ? 0.6 : 4)),
  rounds: Number(values.rounds ?? (values.quick ? 3 : 5))
}
const isWhole = !values.quick && !isPart
const sizes = listed(values.growth, isWhole ? "10k,1m,10m" : "").map((size) =>
  Number(size.replace("k", "000").replace("m", "000000"))
)
const also = listed(values.also, isWhole ? "pruning,scale" : "")
/** Lockspire and its twin, which is what a change is held against. */
const isQuick = ({ isCeiling, name }: Contender) => isCeiling || /^(lockspire|node-oidc-provider)-/.test(name)
const chosen = contenders.filter((one) =>
  values.contenders === undefined ? !values.quick || isQuick(one) : listed(values.contenders, "").includes(one.name)
)
const work = workloads.filter(({ name }) => values.only === undefined || listed(values.only, "").includes(name))

const say = (line: string) => console.error(line)

const record = async (load: Load, running: Running): Promise<Recorded> => {
  const reply = await load.ask({ type: "record", target: targetOf(running) })
  if (reply.type !== "recorded") throw new Error(reply.type === "wrong" ? reply.why : "nothing was recorded")
  return reply.answers
}

const postgres = await startPostgres()
const load = startLoad()
const all: Array<Running> = []
try {
  const servers: Array<{ readonly contender: string; readonly startMs: number; readonly restBytes: number }> = []
  let answers: Recorded = {}
  let origin = ""
  const [recorder] = contenders
  for (const contender of contenders) {
    const isNeeded = chosen.includes(contender) || (contender === recorder && chosen.some((one) => one.isCeiling))
    if (!isNeeded) continue
    const port = await freePort()
    const url = await postgres.create(contender.name)
    const start = (database: string) =>
      startServer(contender.name, contender.file, port, contender.options({ port, url: database, answers, origin }))
    // The first start compiles, on a database of its own; the second finds what the first one left.
    await (await start(await postgres.create(`${contender.name}-first`))).stop()
    const server = await start(url)
    const running = { contender, server }
    // Long enough for what a start leaves behind to settle.
    await timers.setTimeout(500)
    const { rssBytes } = await server.usage()
    servers.push({ contender: contender.name, startMs: server.startMs, restBytes: rssBytes })
    say(`${contender.name}: ready after ${Math.round(server.startMs)} ms, ${Math.round(rssBytes / 2 ** 20)} MB`)
    if (contender === recorder && chosen.some((one) => one.isCeiling)) {
      answers = await record(load, running)
      origin = `http://localhost:${port}`
    }
    if (chosen.includes(contender)) all.push(running)
  }
  for (const { name, why } of absent) say(`${name}: ${why}; its cells stay empty`)

  const cells: Array<Cell> = []
  const report = (found: ReadonlyArray<Cell>) => {
    for (const cell of found) {
      say(
        cell.correct
          ? `${cell.workload} · ${cell.contender}: ${Math.round(cell.requestsPerSecond)}/s, ` +
              `p50 ${cell.p50Ms} ms, p99 ${cell.p99Ms} ms, ${Math.round(cell.serverCpuMicros)} µs of server CPU, ` +
              `load ${Math.round(cell.loadShare * 100)} %`
          : `${cell.workload} · ${cell.contender}: void, ${cell.why}`
      )
    }
  }
  for (const workload of work) {
    const found = await compare(load, all, workload, plan)
    report(found)
    cells.push(...found)
  }
  const measured: Array<Server> = []
  for (const { contender, server } of all) {
    const known = servers.find((one) => one.contender === contender.name)!
    const { peakBytes, rssBytes } = await server.usage()
    measured.push({ ...known, loadedBytes: rssBytes, peakBytes })
  }

  const growth: Array<Growth> = []
  const stored = all.filter(({ contender }) => isFilled(contender.name))
  let before = 0
  for (const tokens of sizes) {
    for (const { contender, server } of stored) {
      say(`${contender.name}: filling up to ${tokens} tokens`)
      await fill(contender.name, postgres.url(contender.name), `http://localhost:${server.port}`, before, tokens)
    }
    before = tokens
    const found: Array<Cell> = []
    for (const workload of work.filter(({ name }) => name !== "discovery" && name !== "jwks")) {
      found.push(...(await compare(load, stored, workload, { ...plan, rounds: Math.min(plan.rounds, 3) })))
    }
    report(found)
    growth.push({ tokens, cells: found })
  }

  const pruned = all.find(({ contender }) => contender.name === "lockspire-postgres")
  const pruningFound =
    also.includes("pruning") && pruned !== undefined
      ? await pruning(load, pruned, postgres.url(pruned.contender.name), clientCredentials, plan)
      : undefined
  const scaleFound = also.includes("scale")
    ? await scale(load, postgres, [clientCredentials, introspection, refresh], plan)
    : []

  const results: Results = {
    machine: machine(),
    date: new Date().toISOString(),
    versions: versions(postgres.version),
    cells,
    servers: measured,
    growth,
    pruning: pruningFound,
    scale: scaleFound,
    rounds: plan.rounds,
    seconds: plan.seconds
  }
  const markdown = toMarkdown(results)
  console.log(markdown)
  if (!isPart) {
    const { date, machine: where, versions: which } = results
    const json = { machine: where, date, versions: which, rows: rowsOf(results) }
    fs.writeFileSync(new URL("../results.json", import.meta.url), `${JSON.stringify(json, null, 2)}\n`)
    fs.writeFileSync(new URL("../RESULTS.md", import.meta.url), markdown)
  }
} finally {
  await Promise.all(all.map(({ server }) => server.stop()))
  await load.stop()
  await postgres.close()
}
process.exit()
