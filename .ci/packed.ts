/**
 * What a user gets: packs every published package, installs the tarballs with npm in an empty folder outside the
 * workspace, compiles README's host there, runs it, and signs in through it.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { once } from "node:events"
import * as fs from "node:fs"
import { type AddressInfo, createServer } from "node:net"
import { tmpdir } from "node:os"
import * as path from "node:path"

const root = path.dirname(import.meta.dirname)
const packages = [
  "packages/core",
  "packages/storage-pg",
  "packages/http",
  "packages/admin",
  "examples/minimal",
  "examples/relying-party",
  "packages/cli"
]

const run = (cwd: string, command: string, ...args: ReadonlyArray<string>): string => {
  try {
    return execFileSync(command, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] })
  } catch (failure) {
    const { stderr, stdout } = failure as { readonly stdout?: string; readonly stderr?: string }
    throw new Error(`${command} ${args.join(" ")} in ${cwd}\n${stdout ?? ""}${stderr ?? ""}`, { cause: failure })
  }
}

const say = (what: string) => console.log(`packed: ${what}`)

/** The version of the catalog, so that the outside is what the workspace is. */
const catalog = (name: string): string => {
  const lines = fs.readFileSync(path.join(root, "pnpm-workspace.yaml"), "utf8")
  const version = new RegExp(`^  "?${name}"?: (\\S+)$`, "m").exec(lines)?.[1]
  if (version === undefined) throw new Error(`${name} is not in the catalog`)
  return version
}

const readJson = (file: string) => JSON.parse(fs.readFileSync(file, "utf8"))

const pack = (folder: string, work: string) => {
  const { name } = readJson(path.join(root, folder, "package.json"))
  const before = new Set(fs.readdirSync(work))
  run(path.join(root, folder), "npx", "-y", "pnpm@12.21.0", "pack", "--pack-destination", work)
  const tarball = fs.readdirSync(work).find((file) => !before.has(file))
  if (tarball === undefined) throw new Error(`${name} was not packed`)
  return { name: name as string, tarball: path.join(work, tarball) }
}

/** publint on the tarball; attw on its types, unless there is nothing to import. */
const lint = ({ name, tarball }: { readonly name: string; readonly tarball: string }) => {
  run(root, "publint", "run", tarball, "--strict")
  if (name !== "@lockspire/cli") run(root, "attw", tarball, "--profile", "esm-only", "--no-emoji")
}

/** Every TypeScript block of a document: each is a whole module. */
const blocks = (document: string): ReadonlyArray<string> =>
  [...fs.readFileSync(path.join(root, document), "utf8").matchAll(/```ts\n([\s\S]*?)```/g)].map((found) => found[1]!)

/** README's host, on a free port. */
const readmeHost = (port: number): string => {
  const [block] = blocks("README.md")
  if (block === undefined) throw new Error("README.md has no TypeScript block")
  return block.replaceAll("localhost:3000", `localhost:${port}`).replaceAll("port: 3000", `port: ${port}`)
}

const freePort = async (): Promise<number> => {
  const probe = createServer().listen(0, "localhost")
  await once(probe, "listening")
  const { port } = probe.address() as AddressInfo
  probe.close()
  return port
}

const until = async (answers: () => Promise<boolean>) => {
  for (const end = performance.now() + 20_000; performance.now() < end;) {
    if (await answers().catch(() => false)) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error("README's host did not answer within 20 seconds")
}

const install = (app: string, packed: ReadonlyArray<{ readonly name: string; readonly tarball: string }>) => {
  const { typescript } = readJson(path.join(root, "package.json")).devDependencies
  const registry = ["effect", "@effect/platform-node", "@effect/sql-pg", "@types/node", "openid-client"]
  const dependencies = Object.fromEntries([
    ...packed.map(({ name, tarball }) => [name, `file:${tarball}`]),
    ...registry.map((name) => [name, catalog(name)]),
    ["typescript", typescript]
  ])
  const compilerOptions = {
    target: "ES2024",
    module: "NodeNext",
    types: ["node"],
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    declaration: true,
    outDir: "dist"
  }
  fs.mkdirSync(app)
  fs.writeFileSync(path.join(app, "package.json"), JSON.stringify({ private: true, type: "module", dependencies }))
  fs.writeFileSync(path.join(app, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["*.ts"] }))
  run(app, "npm", "install", "--no-audit", "--no-fund", "--prefer-offline")
}

const checkAll = async (work: string) => {
  const packed = packages.map((folder) => pack(folder, work))
  say(`${packed.length} tarballs`)
  for (const one of packed) lint(one)
  say("publint and attw are clean")

  const app = path.join(work, "app")
  install(app, packed)
  say("npm installed them outside the workspace")

  const port = await freePort()
  fs.writeFileSync(path.join(app, "host.ts"), readmeHost(port))
  fs.copyFileSync(path.join(root, ".ci", "signIn.mjs"), path.join(app, "signIn.mjs"))
  const guide = blocks("docs/host-guide.md")
  for (const [at, block] of guide.entries()) fs.writeFileSync(path.join(app, `guide-${at}.ts`), block)
  run(app, "npx", "--no-install", "tsc")
  run(app, "npx", "--no-install", "tsc", "--noEmit", "--exactOptionalPropertyTypes", "false")
  say(`README's host and ${guide.length} blocks of the host guide compile`)

  const host: ChildProcess = spawn(process.execPath, ["dist/host.js"], {
    cwd: app,
    stdio: ["ignore", "ignore", "inherit"]
  })
  try {
    const issuer = `http://localhost:${port}`
    await until(async () => (await fetch(`${issuer}/.well-known/openid-configuration`)).ok)
    say(run(app, process.execPath, "signIn.mjs", issuer).trim())
  } finally {
    host.kill("SIGTERM")
    await once(host, "exit")
  }
  say(`lockspire --version: ${run(app, "npx", "--no-install", "lockspire", "--version").trim()}`)
}

const work = fs.mkdtempSync(path.join(tmpdir(), "lockspire-packed-"))
try {
  await checkAll(work)
} finally {
  fs.rmSync(work, { recursive: true, force: true })
}
