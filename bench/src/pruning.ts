/** Whether the pruner deletes at least as fast as tokens come in: both at once, on one database and one core. */
import { fileURLToPath } from "node:url"
import { Pool } from "pg"
import { compare, type Plan, type Running } from "./compare.ts"
import { fillExpired } from "./growth.ts"
import { type Load, startServer } from "./processes.ts"
import type { Pruning } from "./results.ts"
import type { Workload } from "./workloads/Workload.ts"

const file = fileURLToPath(new URL("servers/pruner.ts", import.meta.url))
/** More than a core deletes in a second, by what was seen. */
const perSecond = 150_000

export const pruning = async (
  load: Load,
  running: Running,
  url: string,
  workload: Workload,
  plan: Plan
): Promise<Pruning> => {
  const pool = new Pool({ connectionString: url, max: 1 })
  const left = async () => {
    const { rows } = await pool.query(
      "SELECT count(*)::int AS left FROM access_tokens WHERE expires_at < now() - interval '2 hours'"
    )
    return { left: rows[0].left as number, at: performance.now() }
  }
  await fillExpired(pool, Math.ceil(perSecond * (plan.warmUpSeconds + plan.seconds)))
  const pruner = await startServer("the pruner", file, 0, { url })
  const before = await left()
  const [cell] = await compare(load, [running], workload, { ...plan, rounds: 1 })
  const after = await left()
  await pruner.stop()
  await pool.end()
  return {
    deletedPerSecond: (before.left - after.left) / ((after.at - before.at) / 1000),
    isDone: after.left === 0,
    cell: cell!
  }
}
