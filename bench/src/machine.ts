/** Where it was measured, and with what. */
import { execFileSync } from "node:child_process"
import { createRequire } from "node:module"
import * as fs from "node:fs"
import * as os from "node:os"
import { isPinned } from "./processes.ts"
import type { Machine } from "./results.ts"

const require = createRequire(import.meta.url)

/** The `version` of the package that `from` resolves to. */
const versionOf = (name: string): string => {
  let directory = require.resolve(name)
  for (;;) {
    const cut = directory.lastIndexOf("/")
    if (cut <= 0) return "unknown"
    directory = directory.slice(0, cut)
    const file = `${directory}/package.json`
    if (!fs.existsSync(file)) continue
    const found = JSON.parse(fs.readFileSync(file, "utf8")) as { readonly name?: string; readonly version?: string }
    if (found.name === name) return found.version ?? "unknown"
  }
}

const attempt = (run: () => string): string => {
  try {
    return run()
  } catch {
    return "unknown"
  }
}

export const machine = (): Machine => ({
  cpu: os.cpus()[0]?.model.trim() ?? "unknown",
  cores: os.availableParallelism(),
  memoryGb: Math.round(os.totalmem() / 2 ** 30),
  os: `${os.type()} ${os.release()} ${os.arch()}`,
  pinned: isPinned,
  databaseDisk: attempt(() => execFileSync("stat", ["-f", "-c", "%T", os.tmpdir()], { encoding: "utf8" }).trim())
})

export const versions = (postgres: string): Readonly<Record<string, string>> => ({
  lockspire: attempt(() => execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim()),
  node: process.versions.node,
  postgresql: postgres,
  effect: versionOf("effect"),
  "@effect/sql-pg": versionOf("@effect/sql-pg"),
  "node-oidc-provider": versionOf("oidc-provider"),
  "@better-auth/oauth-provider": versionOf("@better-auth/oauth-provider"),
  pg: versionOf("pg")
})
