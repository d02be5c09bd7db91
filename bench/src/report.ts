/** The table, for people. */
import { absent, contenders } from "./contenders.ts"
import type { Cell, Results } from "./results.ts"
import { workloads } from "./workloads/index.ts"

const number = (value: number) => (value >= 100 ? Math.round(value).toLocaleString("en-US") : value.toFixed(1))
const ratio = (value: number) => `${value.toFixed(value < 10 ? 2 : 1)}×`
const percent = (value: number) => `${Math.round(value * 100)} %`

const table = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string =>
  [head, head.map((_, column) => (column === 0 ? "---" : "---:")), ...rows]
    .map((row) => `| ${row.join(" | ")} |`)
    .join("\n")

const find = (cells: ReadonlyArray<Cell>, workload: string, contender: string) =>
  cells.find((cell) => cell.workload === workload && cell.contender === contender)

/** The ceiling that does the same kind of work, and on PostgreSQL one insert per write. */
const ceilingOf = (workload: string, contender: string): string => {
  const isPostgres = contender.endsWith("-postgres")
  const offers = (name: string) => contenders.some((one) => one.name === name && one.workloads.includes(workload))
  if (isPostgres && offers("bare-http-insert")) return "bare-http-insert"
  return offers("bare-http-es256") ? "bare-http-es256" : "bare-http"
}

const line = (cells: ReadonlyArray<Cell>, cell: Cell): ReadonlyArray<string> => {
  if (!cell.correct) return [cell.contender, "void", "", "", "", "", "", "", "", cell.why ?? ""]
  const against = (name: string) => {
    const other = find(cells, cell.workload, name)
    return other?.correct ? cell.requestsPerSecond / other.requestsPerSecond : undefined
  }
  const storage = cell.contender.endsWith("-postgres") ? "postgres" : "memory"
  const isLockspire = cell.contender.startsWith("lockspire")
  const peerName = `node-oidc-provider-${storage}`
  const peer = isLockspire ? against(peerName) : undefined
  const peerCell = isLockspire ? find(cells, cell.workload, peerName) : undefined
  const betterAuth = cell.contender === "lockspire-postgres" ? against("better-auth-postgres") : undefined
  const ceiling = cell.contender.startsWith("bare") ? undefined : against(ceilingOf(cell.workload, cell.contender))
  return [
    cell.contender,
    number(cell.requestsPerSecond),
    cell.p50Ms.toFixed(2),
    cell.p99Ms.toFixed(2),
    number(cell.serverCpuMicros),
    percent(cell.loadShare),
    peer === undefined ? "" : ratio(peer),
    peerCell?.correct ? ratio(peerCell.serverCpuMicros / cell.serverCpuMicros) : "",
    betterAuth === undefined ? "" : ratio(betterAuth),
    ceiling === undefined ? "" : `${percent(ceiling)} of ${ceilingOf(cell.workload, cell.contender)}`
  ]
}

const section = (cells: ReadonlyArray<Cell>, workload: { readonly name: string; readonly title: string }) => {
  const found = cells.filter((cell) => cell.workload === workload.name)
  if (found.length === 0) return ""
  const missing = [...contenders.map(({ name }) => name), ...absent.map(({ name }) => name)]
    .filter((name) => !name.startsWith("bare") && find(found, workload.name, name) === undefined)
    .map((name) => [name, "", "", "", "", "", "", "", "", ""])
  const head = [
    "contender",
    "per second",
    "p50 ms",
    "p99 ms",
    "server CPU µs",
    "load",
    "× node-oidc-provider",
    "by CPU",
    "× better-auth",
    "of the ceiling"
  ]
  return `## ${workload.title}\n\n${table(head, [...found.map((cell) => line(cells, cell)), ...missing])}\n`
}

const growthSection = ({ cells, growth }: Results): string => {
  if (growth.length === 0) return ""
  const names = [
    ...new Set(growth.flatMap((one) => one.cells.map(({ contender, workload }) => `${workload} · ${contender}`)))
  ]
  const rows = names.map((name) => {
    const [workload = "", contender = ""] = name.split(" · ")
    const base = find(cells, workload, contender)
    const columns = growth.map((one) => {
      const cell = find(one.cells, workload, contender)
      if (!cell?.correct) return "void"
      return `${number(cell.requestsPerSecond)} (${percent(cell.requestsPerSecond / (base?.requestsPerSecond ?? 1))})`
    })
    return [name, number(base?.requestsPerSecond ?? 0), ...columns]
  })
  const head = [
    "per second with",
    "what the run left",
    ...growth.map(({ tokens }) => `${tokens.toLocaleString("en-US")} tokens`)
  ]
  return `## Growth\n\n${table(head, rows)}\n`
}

const pruningSection = ({ pruning }: Results): string => {
  if (pruning === undefined) return ""
  const { cell, deletedPerSecond, isDone } = pruning
  const row = [
    cell.correct ? number(cell.requestsPerSecond) : "void",
    `${isDone ? "more than " : ""}${number(deletedPerSecond)}`,
    cell.correct ? ratio(deletedPerSecond / cell.requestsPerSecond) : ""
  ]
  return (
    "## Pruning while tokens come in\n\n" +
    "Client credentials at lockspire-postgres as fast as they are answered, and its pruner on the same core.\n\n" +
    `${table(["tokens inserted per second", "tokens deleted per second", "deleted per inserted"], [row])}\n`
  )
}

const scaleSection = ({ machine, scale }: Results): string => {
  if (scale.length === 0) return ""
  const rows = scale.map(({ one, two, workload }) => [
    workload,
    one.correct ? number(one.requestsPerSecond) : "void",
    two.correct ? number(two.requestsPerSecond) : "void",
    one.correct && two.correct ? ratio(two.requestsPerSecond / one.requestsPerSecond) : ""
  ])
  return (
    "## Two processes on one database\n\n" +
    `lockspire-postgres, not pinned: its processes, PostgreSQL and the load share ${machine.cores} cores.\n\n` +
    `${table(["work per second", "one process", "two processes", "scale factor"], rows)}\n`
  )
}

const serverSection = ({ servers }: Results): string => {
  const megabytes = (bytes: number) => String(Math.round(bytes / 2 ** 20))
  const rows = servers.map((one) => [
    one.contender,
    String(Math.round(one.startMs)),
    megabytes(one.restBytes),
    megabytes(one.loadedBytes),
    megabytes(one.peakBytes)
  ])
  const head = ["contender", "start ms", "RSS at rest MB", "RSS after the load MB", "RSS at most MB"]
  return `## Processes\n\n${table(head, rows)}\n`
}

export const toMarkdown = (results: Results): string => {
  const { date, machine, rounds, seconds, versions } = results
  const where = machine.pinned
    ? "Each server process is pinned to core 0, the load generator to core 1; PostgreSQL runs on both."
    : "Nothing is pinned to a core here."
  return [
    "# Benchmark",
    "",
    `Written by \`npm run bench\` on ${date}: ${rounds} rounds of ${seconds} s, contenders in turn, medians. ${where}`,
    "Every answer was checked; a wrong one voids the row. Every PostgreSQL row commits durably. A cell stays empty where",
    "a contender does not offer the work or was not run. *Server CPU* is what the server process itself spent on one",
    "piece of work, *by CPU* the ratio of that, which other users of the machine disturb least, and *load* the share of its",
    "core that the generator used: near 100 % it limits what is shown.",
    "",
    `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGb} GB, ${machine.os}; database on ${machine.databaseDisk}. ` +
      Object.entries(versions)
        .map(([name, version]) => `${name} ${version}`)
        .join(", "),
    "",
    ...workloads.map((workload) => section(results.cells, workload)),
    growthSection(results),
    pruningSection(results),
    scaleSection(results),
    serverSection(results)
  ].join("\n")
}
