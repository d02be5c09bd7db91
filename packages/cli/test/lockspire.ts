/** The program as its users have it: a process of its own, told by arguments and environment, heard by its output. */
import { type ChildProcess, spawn } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { fileURLToPath } from "node:url"

const main = fileURLToPath(new URL("../src/main.ts", import.meta.url))

type Env = Readonly<Record<string, string>>

/** Every process compiles the same modules: the first one keeps what it made for the others. */
const compileCache = fileURLToPath(new URL("../node_modules/.cache/compiled", import.meta.url))

/** Only what is given here: a developer's own LOCKSPIRE_ variables must not decide a test. */
const environment = (env: Env): Env => ({
  PATH: process.env.PATH ?? "",
  HOME: os.tmpdir(),
  NO_COLOR: "1",
  NODE_COMPILE_CACHE: compileCache,
  ...env
})

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

const launch = (args: ReadonlyArray<string>, env: Env) => {
  const child = spawn(process.execPath, [main, ...args], {
    env: environment(env),
    stdio: ["ignore", "pipe", "pipe"],
    cwd: os.tmpdir()
  })
  const output = { stdout: "", stderr: "" }
  child.stdout.on("data", (chunk) => (output.stdout += String(chunk)))
  child.stderr.on("data", (chunk) => (output.stderr += String(chunk)))
  const ended = new Promise<Ended>((resolve) => child.on("close", (code) => resolve({ code, ...output })))
  return { child, output, ended }
}

/** Runs it to its end. */
export const run = (args: ReadonlyArray<string>, env: Env = {}): Promise<Ended> => launch(args, env).ended

export interface Running extends AsyncDisposable {
  readonly url: string
  readonly child: ChildProcess
  readonly output: { readonly stdout: string; readonly stderr: string }
  readonly ended: Promise<Ended>
  readonly stop: (signal?: NodeJS.Signals) => Promise<Ended>
}

/** Starts a server on a free port and waits for what it says when it is ready. */
export const start = async (args: ReadonlyArray<string>, env: Env = {}): Promise<Running> => {
  const { child, ended, output } = launch(args, { LOCKSPIRE_PORT: "0", ...env })
  const ready = new Promise<string>((resolve) => {
    child.stdout.on("data", () => {
      const url = /(?:running at|serves) (\S+[^\s,])/.exec(output.stdout)?.[1]
      if (url !== undefined && /Ctrl-C|serves .*\n/.test(output.stdout)) resolve(url)
    })
  })
  const url = await Promise.race([
    ready,
    ended.then(({ code, stderr }) => Promise.reject(new Error(`It ended with ${code}: ${stderr}`)))
  ])
  const stop = (signal: NodeJS.Signals = "SIGTERM") => {
    child.kill(signal)
    return ended
  }
  return { url, child, output, ended, stop, [Symbol.asyncDispose]: async () => void (await stop("SIGKILL")) }
}

/** A folder that is gone after the test. Everybody may pass through: PostgreSQL does not run as root. */
export const folder = () => {
  const at = fs.mkdtempSync(path.join(os.tmpdir(), "lockspire-cli-"))
  fs.chmodSync(at, 0o711)
  return {
    path: at,
    file: (name: string, content: unknown) => {
      const file = path.join(at, name)
      fs.writeFileSync(file, typeof content === "string" ? content : JSON.stringify(content))
      return file
    },
    [Symbol.dispose]: () => fs.rmSync(at, { recursive: true, force: true })
  }
}

/** The processes whose command line names a folder, where the system has a list of them. */
export const processesNaming = (text: string): ReadonlyArray<string> =>
  (fs.existsSync("/proc") ? fs.readdirSync("/proc") : [])
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((pid) => {
      try {
        const command = fs.readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ")
        return command.includes(text) ? [command] : []
      } catch {
        return []
      }
    })

/** 32 bytes in base64url. */
export const randomKey = () => Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("base64url")
