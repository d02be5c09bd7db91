/** A process by its number and the moment it started: numbers are used again, most of all in containers. */
import * as fs from "node:fs"

export interface ProcessId {
  readonly pid: number
  /** In the kernel's own count; empty where it does not tell. */
  readonly startedAt: string
}

export const own = (): ProcessId => ({ pid: process.pid, startedAt: startOf(process.pid) })

export const format = ({ pid, startedAt }: ProcessId): string => `${pid} ${startedAt}\n`

export const parse = (text: string | undefined): ProcessId | undefined => {
  const found = /^(\d{1,10}) (\d*)\n$/.exec(text ?? "")
  return found === null ? undefined : { pid: Number(found[1]), startedAt: found[2]! }
}

export const isRunning = ({ pid, startedAt }: ProcessId): boolean => {
  if (pid === process.pid) return false
  try {
    process.kill(pid, 0)
  } catch (error) {
    // EPERM: it exists, and is somebody else's.
    if ((error as NodeJS.ErrnoException).code !== "EPERM") return false
  }
  return startOf(pid) === startedAt
}

/** Linux: the 22nd field of /proc/<pid>/stat, counted behind the name, which may hold anything. */
const startOf = (pid: number): string => {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, "utf8")
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
    // A zombie is a process only to whoever has yet to collect it.
    return /[ZX]/.test(fields[0] ?? "") ? "ended" : (fields[19] ?? "")
  } catch {
    return ""
  }
}
