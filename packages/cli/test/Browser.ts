/**
 * A headless Chromium: $CHROMIUM, else one that the machine has, else (Linux x64) the one that the npm package
 * @sparticuz/chromium ships, with the shared libraries it needs.
 */
import chromium, { inflate } from "@sparticuz/chromium"
import * as fs from "node:fs"
import { createRequire } from "node:module"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { type Browser, chromium as playwright } from "playwright-core"

const flags = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync"
]

interface Executable {
  readonly executablePath: string
  readonly env?: Readonly<Record<string, string>>
}

const places = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium"
]

const find = async (): Promise<Executable> => {
  const named = process.env.CHROMIUM
  if (named !== undefined && !fs.existsSync(named)) throw new Error(`There is no ${named}, which CHROMIUM names.`)
  const installed = named ?? places.find((file) => fs.existsSync(file))
  if (installed !== undefined) return { executablePath: installed }
  const platform = `${process.platform}-${process.arch}`
  if (platform !== "linux-x64") {
    throw new Error(`No Chromium was found on this ${platform}: install one and set CHROMIUM to its executable.`)
  }
  return shipped()
}

const folder = fileURLToPath(new URL("../node_modules/.cache/chromium", import.meta.url))

/** The package's own, unpacked once. Unpacked beside its place and moved there when whole: two may want it at once. */
const shipped = async (): Promise<Executable> => {
  if (!fs.existsSync(folder)) {
    fs.mkdirSync(path.dirname(folder), { recursive: true })
    const fresh = fs.mkdtempSync(`${folder}-`)
    await unpack(fresh)
    try {
      fs.renameSync(fresh, folder)
    } catch (error) {
      fs.rmSync(fresh, { recursive: true, force: true })
      if (!fs.existsSync(folder)) throw error
    }
  }
  return {
    executablePath: path.join(folder, "chromium"),
    env: { LD_LIBRARY_PATH: path.join(folder, "al2023/lib"), FONTCONFIG_FILE: path.join(folder, "fonts.conf") }
  }
}

/** The package unpacks to fixed names in the temporary folder, which somebody else may have made: it gets one of its own. */
const unpack = async (into: string) => {
  const { TMPDIR } = process.env
  process.env.TMPDIR = into
  try {
    await chromium.executablePath()
    const main = createRequire(import.meta.url).resolve("@sparticuz/chromium")
    await inflate(path.join(path.dirname(main), "../bin/al2023.tar.br"))
  } finally {
    if (TMPDIR === undefined) delete process.env.TMPDIR
    else process.env.TMPDIR = TMPDIR
  }
  const dirs = [`${folder}/fonts`, "/usr/share/fonts"].map((dir) => `<dir>${dir}</dir>`).join("")
  fs.writeFileSync(
    path.join(into, "fonts.conf"),
    `<?xml version="1.0"?><fontconfig>${dirs}<cachedir>${folder}/fonts-cache</cachedir></fontconfig>`
  )
}

export const launch = async (): Promise<Browser> => {
  const { env, executablePath } = await find()
  return playwright.launch({ executablePath, args: flags, env: { ...(process.env as Record<string, string>), ...env } })
}
