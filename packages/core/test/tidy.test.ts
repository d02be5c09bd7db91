import { assert, describe, it } from "@effect/vitest"
import { readdirSync, readFileSync } from "node:fs"
import { join, posix } from "node:path"
import { fileURLToPath } from "node:url"
import { rooms } from "../src/rooms.ts"

const source = fileURLToPath(new URL("../src", import.meta.url))
const files = (readdirSync(source, { recursive: true }) as Array<string>)
  .map((file) => file.replaceAll("\\", "/"))
  .filter((file) => file.endsWith(".ts"))
const read = (file: string) => readFileSync(join(source, file), "utf8")

const roomOf = (file: string): string | undefined => (file.includes("/") ? file.slice(0, file.indexOf("/")) : undefined)
const rank = (room: string) => (rooms as ReadonlyArray<string>).indexOf(room)

/** The files of ours that a file names in an import or an export. */
const namedBy = (file: string): ReadonlyArray<string> =>
  [...read(file).matchAll(/(?:from|import) "(\.[^"]+)"/g)].map(([, path]) => posix.join(posix.dirname(file), path!))

/** Source without its comments, in which anything may be named. */
const code = (file: string) =>
  read(file)
    .replaceAll(/\/\*[\s\S]*?\*\//g, "")
    .replaceAll(/(^|\s)\/\/.*$/gm, "")

/** The composition roots know every room; only tests and the public surface know them. */
const roots = ["index.ts", "AuthorizationServer.ts", "MemoryStorage.ts", "rooms.ts"]

describe("core is tidy", () => {
  it("every folder is a room on the list, every room is there, and none is listed twice", () => {
    const folders = new Set(files.flatMap((file) => roomOf(file) ?? []))
    assert.deepStrictEqual([...folders].toSorted(), [...rooms].toSorted())
    assert.strictEqual(new Set(rooms).size, rooms.length)
  })

  it("beside the rooms there are only the composition roots", () => {
    assert.deepStrictEqual(files.filter((file) => roomOf(file) === undefined).toSorted(), roots.toSorted())
  })

  it("a room holds its files itself; only the contract suites have a folder of their own", () => {
    const nested = files.filter((file) => file.split("/").length > 2 && !file.startsWith("testing/contract/"))
    assert.deepStrictEqual(nested, [])
  })

  it("a file imports only its own room and rooms above it", () => {
    const reachingDown = files.flatMap((file) => {
      const room = roomOf(file)
      if (room === undefined) return []
      return namedBy(file)
        .filter((target) => {
          const owner = roomOf(target)
          return owner === undefined ? room !== "testing" : rank(owner) > rank(room)
        })
        .map((target) => `${file} → ${target}`)
    })
    assert.deepStrictEqual(reachingDown, [])
  })

  it("imports inside a room make no circle", () => {
    const circles = files.filter((file) => {
      const seen = new Set<string>()
      const queue = [...namedBy(file)]
      for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
        if (next === file) return true
        if (seen.has(next) || !files.includes(next)) continue
        seen.add(next)
        queue.push(...namedBy(next))
      }
      return false
    })
    assert.deepStrictEqual(circles, [])
  })

  it("outside packages are Effect and jose; tests of the contract also use vitest", () => {
    for (const file of files) {
      for (const [, name] of read(file).matchAll(/(?:from|import) "([^."][^"]*)"/g)) {
        const isAllowed =
          /^(effect(\/.*)?|jose)$/.test(name!) ||
          (roomOf(file) === "testing" && /^(@effect\/vitest|vitest)$/.test(name!))
        assert.isTrue(isAllowed, `${file} imports ${name}`)
      }
    }
  })

  it("core runs on any platform, and takes time and chance from services", () => {
    const forbidden =
      /\bnode:|\bDate\.now\b|\bnew Date\b|\bMath\.random\b|\bprocess\.|\bBuffer\b|\brequire\(|\bglobalThis\b|\bconsole\./
    assert.deepStrictEqual(
      files.filter((file) => forbidden.test(code(file))),
      []
    )
  })

  it("no file is longer than 400 lines, nor a contract suite, which is a list of rules, than 600", () => {
    assert.deepStrictEqual(
      files.filter((file) => read(file).split("\n").length > (file.startsWith("testing/contract/") ? 600 : 400)),
      []
    )
  })

  it("every file is public or used", () => {
    const named = new Set(files.flatMap(namedBy))
    const entries = new Set(["index.ts", "testing/index.ts", "rooms.ts"])
    assert.deepStrictEqual(
      files.filter((file) => !named.has(file) && !entries.has(file)),
      []
    )
  })

  it("comments name nothing to do later", () => {
    assert.deepStrictEqual(
      files.filter((file) => /\b(TODO|FIXME|XXX|HACK)\b/.test(read(file))),
      []
    )
  })
})
