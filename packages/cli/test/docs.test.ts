/** The documents say what the code says: what they name exists, and what they tabulate is what runs. */
import { Seed, SeedAccount, SeedClient, SeedResource } from "@lockspire/admin"
import {
  AuthorizationCode,
  Grant,
  Interaction,
  Policy,
  Profile,
  PushedRequest,
  Retention,
  SigningKey,
  Token
} from "@lockspire/core"
import { Schema } from "effect"
import * as fs from "node:fs"
import * as path from "node:path"
import { assert, describe, test } from "vitest"

const root = path.resolve(import.meta.dirname, "../../..")
const read = (file: string) => fs.readFileSync(path.join(root, file), "utf8")

const documents = [
  "README.md",
  "CONTRIBUTING.md",
  "SECURITY.md",
  "examples/README.md",
  ...fs
    .readdirSync(path.join(root, "docs"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".md"))
    .map((file) => path.join("docs", file))
]

/** Prose alone: what stands in code blocks is no link. */
const prose = (file: string) => read(file).replaceAll(/```[\s\S]*?```/g, "")

const linksOf = (file: string) =>
  [...prose(file).matchAll(/\[([^\]]*)\]\(([^)\s]*)\)/g)].map(([, text = "", target = ""]) => ({ text, target }))

/** The rows of the table whose header starts with these cells. */
const table = (file: string, ...header: ReadonlyArray<string>): ReadonlyArray<ReadonlyArray<string>> => {
  const cells = (line: string) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim())
  const lines = read(file).split("\n")
  const start = lines.findIndex((line) => line.startsWith("|") && header.every((cell, at) => cells(line)[at] === cell))
  assert.isAtLeast(start, 0, `${file} has no table ${header.join(" | ")}`)
  const end = lines.findIndex((line, at) => at > start && !line.startsWith("|"))
  return lines.slice(start + 2, end).map(cells)
}

const code = (cell: string | undefined) => (cell ?? "").replaceAll("`", "")
const isSettings = Schema.is(Policy.PolicySettings)
const sorted = (values: Iterable<string>) => [...values].toSorted()

/** Every string in a call that can be a title: a template's holes fit anything, if it says something beside them. */
const titlesOf = (file: string): ReadonlyArray<RegExp> =>
  [...read(file).matchAll(/\(\s*("(?:[^"\\]|\\.)*"|`(?:[^`\\]|\\.)*`)/g)].flatMap(([, literal = ""]) => {
    if (literal.replaceAll(/\$\{[^}]*\}/g, "").length < 12) return []
    const inner = literal.slice(1, -1).replaceAll(/\\(.)/g, "$1")
    const escaped = inner.split(/\$\{[^}]*\}/).map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`))
    return new RegExp(`^${escaped.join(".+")}$`)
  })

describe("documents", () => {
  test("every link leads to a file of the repository, and to a heading that is there", () => {
    for (const document of documents) {
      for (const { target } of linksOf(document)) {
        const [file = "", heading] = target.split("#")
        assert.notMatch(target, /^[a-z]+:/i, `${document}: ${target}`)
        const at = path.join(path.dirname(document), file)
        assert.isTrue(fs.existsSync(path.join(root, at)), `${document}: ${target}`)
        if (heading === undefined) continue
        const headings = [...read(at).matchAll(/^#+ (.*)$/gm)].map(([, text = ""]) =>
          text
            .toLowerCase()
            .replaceAll(/[^a-z0-9 -]/g, "")
            .replaceAll(" ", "-")
        )
        assert.include(headings, heading, `${document}: ${target}`)
      }
    }
  })

  for (const document of ["docs/specs.md", "docs/attacks.md"]) {
    test(`${document}: every test that is named exists, by its exact title`, () => {
      const titles = new Map<string, ReadonlyArray<RegExp>>()
      const named = linksOf(document).filter(({ target }) => /\/(test|contract)\/.*\.ts$/.test(target))
      assert.isAbove(named.length, 20)
      for (const { target, text } of named) {
        const file = path.join("docs", target)
        const known = titles.get(file) ?? titlesOf(file)
        titles.set(file, known)
        assert.isTrue(
          known.some((title) => title.test(text)),
          `${file}: ${text}`
        )
      }
    })
  }

  test("docs/specs.md: every rule of FAPI 2.0 is named, and none that is not there", () => {
    const named = [...read("docs/specs.md").matchAll(/`(fapi2-(?:sp|ms)-[a-z-]+)`/g)].map(([, id = ""]) => id)
    const rules = Profile.everyRule.map(({ id }) => id).filter((id) => id.startsWith("fapi2-"))
    assert.deepStrictEqual(sorted(new Set(named)), sorted(rules))
  })

  test("docs/architecture.md: the rooms are the rooms, in their order", () => {
    const list = /rooms = \[([\s\S]*?)\]/.exec(read("packages/core/src/rooms.ts"))![1]!
    const rooms = [...list.matchAll(/"([^"]+)"/g)].map(([, name]) => name)
    assert.deepStrictEqual(
      table("docs/architecture.md", "room").map(([room]) => code(room)),
      rooms as ReadonlyArray<string>
    )
  })

  test("docs/architecture.md: the lifecycle tables are those of the code", () => {
    const lifecycles = {
      Interaction: Interaction.lifecycle,
      PushedRequest: PushedRequest.lifecycle,
      AuthorizationCode: AuthorizationCode.lifecycle,
      Grant: Grant.lifecycle,
      AccessToken: Token.accessTokenLifecycle,
      RefreshToken: Token.refreshTokenLifecycle,
      SigningKey: SigningKey.lifecycle
    }
    const rows = Object.entries(lifecycles).flatMap(([thing, states]) =>
      Object.entries<ReadonlyArray<string>>(states).map(([state, next]) => [thing, state, next.join(", ") || "–"])
    )
    assert.deepStrictEqual(
      table("docs/architecture.md", "thing", "state").map((row) => row.map(code)),
      rows
    )
  })

  test("docs/host-guide.md: the policy's settings, defaults and limits are those of the code", () => {
    const documented = table("docs/host-guide.md", "setting", "default").map((row) => row.map(code))
    // The one setting whose default depends on another one.
    const { messageSigning } = Policy.effective({ securityProfile: "fapi_2_0_message_signing" })
    assert.deepStrictEqual(Policy.effective({ securityProfile: "none" }), Policy.defaults)
    assert.deepStrictEqual(
      documented.map(([setting, value]) => [setting, value]),
      Object.entries({ ...Policy.defaults, messageSigning }).map(([name, value]) =>
        name === "securityProfiles" ? ["securityProfile", "none"] : [name, [value].flat().join(", ")]
      )
    )
    for (const [setting = "", , from = "", to = ""] of documented) {
      if (from === "–") continue
      const accepts = (value: number) => isSettings({ [setting]: value })
      assert.deepStrictEqual(
        [Number(from) - 1, Number(from), Number(to), Number(to) + 1].map(accepts),
        [false, true, true, false],
        setting
      )
    }
  })

  test("docs/host-guide.md: the seed's members are those of its schema", () => {
    const guide = read("docs/host-guide.md")
    for (const fields of [SeedAccount.fields, SeedClient.schema.fields, SeedResource.fields]) {
      for (const name of Object.keys(fields)) assert.include(guide, `\`${name}\``)
    }
    for (const name of Object.keys(Seed.fields)) {
      if (name !== "$schema") assert.include(guide, `**\`${name}\`**`)
    }
  })

  test("docs/host-guide.md: every seed in it is one", () => {
    const seeds = [...read("docs/host-guide.md").matchAll(/^```json\n([\s\S]*?)^```/gm)].map(([, text = ""]) => text)
    assert.isNotEmpty(seeds)
    const decode = Schema.decodeUnknownSync(Seed, { onExcessProperty: "error" })
    for (const seed of seeds) assert.isNotEmpty(Object.keys(decode(JSON.parse(seed))))
  })

  test("docs/operating.md: what is kept, how long and why, is what the code says", () => {
    const day = 86_400
    const spoken = (seconds: number) => {
      if (seconds === 0) return "0"
      const [count, unit] = seconds % day === 0 ? [seconds / day, "day"] : [seconds / 3600, "hour"]
      return `${count} ${unit}${count === 1 ? "" : "s"}`
    }
    assert.deepStrictEqual(
      table("docs/operating.md", "table", "kept for").map(([name, kept, because]) => [code(name), kept, because]),
      Retention.pruned.map(({ because, keptFor, tables }) => [
        tables.join(", ") || "(the sealed response in refresh_tokens)",
        spoken(keptFor),
        because
      ])
    )
    assert.deepStrictEqual(
      sorted(table("docs/operating.md", "table", "why").map((row) => row.map(code).join(": "))),
      sorted(Object.entries(Retention.kept).map(([name, why]) => `${name}: ${why}`))
    )
  })

  test("docs/operating.md: the flags of dev and serve are those of the commands", () => {
    const operating = read("docs/operating.md")
    const shared = read("packages/cli/src/flags.ts")
    for (const command of ["dev", "serve"]) {
      const source = read(`packages/cli/src/commands/${command}.ts`)
      const own = [...source.matchAll(/flags\.\w+\(\s*"([a-z-]+)"/g)].map(([, name = ""]) => name)
      assert.isAbove(own.length, 1)
      const common = [...shared.matchAll(/(?:text|textOr|Int)\(\s*"([a-z-]+)"/g)].map(([, name = ""]) => name)
      for (const name of [...own, ...common]) assert.include(operating, `--${name}`)
    }
  })
})
