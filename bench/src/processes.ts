/** Server and load as processes of their own, each on a core of its own where the machine lets us choose. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as net from "node:net"
import * as os from "node:os"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import type { Command, Reply, Usage } from "./load/protocol.ts"

export const isPinned = os.availableParallelism() > 1 && spawnSync("taskset", ["-c", "0", "true"]).status === 0

const children = new Set<ChildProcess>()
process.on("exit", () => children.forEach((child) => child.kill()))

/** Compiled code, kept between starts as a deployment would: everybody's TypeScript is stripped once. */
const compileCache = fs.mkdtempSync(path.join(os.tmpdir(), "lockspire-bench-code-"))
process.on("exit", () => fs.rmSync(compileCache, { recursive: true, force: true }))

/** On that core, where the machine lets us choose. */
const start = (core: number | "any", file: string, args: ReadonlyArray<string>): ChildProcess => {
  const node = [process.execPath, ...(process.env["BENCH_NODE_OPTIONS"]?.split(" ") ?? []), file, ...args]
  const [command = "", ...rest] = isPinned && core !== "any" ? ["taskset", "-c", String(core), ...node] : node
  const child = spawn(command, rest, {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    env: { ...process.env, NODE_ENV: "production", NODE_NO_WARNINGS: "1", NODE_COMPILE_CACHE: compileCache }
  })
  children.add(child)
  child.once("exit", () => children.delete(child))
  return child
}

/** The next message from a process; rejects when it ends instead. */
const message = <A>(child: ChildProcess, what: string): Promise<A> =>
  new Promise((resolve, reject) => {
    const received = (reply: unknown) => {
      child.off("exit", ended)
      resolve(reply as A)
    }
    const ended = (code: number | null) => {
      child.off("message", received)
      reject(new Error(`${what} ended with ${code}`))
    }
    child.once("message", received)
    child.once("exit", ended)
  })

export interface Server {
  readonly port: number
  /** Of every process of it. */
  readonly ports: ReadonlyArray<number>
  readonly startMs: number
  readonly usage: () => Promise<Usage>
  readonly stop: () => Promise<void>
}

export const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const probe = net.createServer()
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address() as net.AddressInfo
      probe.close(() => resolve(port))
    })
  })

const stop = (child: ChildProcess) =>
  new Promise<void>((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve()
    child.once("exit", () => resolve())
    child.kill()
  })

/** Starts a server process; `startMs` is from its start to its first connection. */
export const startServer = async (
  name: string,
  file: string,
  port: number,
  options: object,
  core: number | "any" = 0
): Promise<Server> => {
  const started = performance.now()
  const child = start(core, file, [JSON.stringify(options)])
  await message(child, name)
  const startMs = performance.now() - started
  return {
    port,
    ports: [port],
    startMs,
    usage: () => {
      const usage = message<Usage>(child, name)
      child.send({ type: "usage" })
      return usage
    },
    stop: () => stop(child)
  }
}

export interface Load {
  readonly ask: (command: Command) => Promise<Reply>
  readonly stop: () => Promise<void>
}

export const startLoad = (): Load => {
  const child = start(1, fileURLToPath(new URL("load/process.ts", import.meta.url)), [])
  return {
    ask: (command) => {
      const reply = message<Reply>(child, "the load generator")
      child.send(command)
      return reply
    },
    stop: () => stop(child)
  }
}
