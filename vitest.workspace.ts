import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"
import type { Reporter } from "vitest/node"

/** Closes the run with one plain line that any log reader understands. */
const summary: Reporter = {
  onTestRunEnd(modules) {
    const count = { passed: 0, failed: 0, skipped: 0 }
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const { state } = test.result()
        if (state !== "pending") count[state]++
      }
    }
    console.log(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`)
  }
}

/** Projects whose tests need PostgreSQL share the one that this starts. */
const postgres = {
  globalSetup: [fileURLToPath(new URL("packages/storage-pg/src/testing/globalSetup.ts", import.meta.url))]
}

const project = (root: string, test: object = {}) => ({
  extends: true as const,
  root,
  test: { name: root.slice(root.indexOf("/") + 1), ...test }
})

export default defineConfig({
  test: {
    projects: [
      project("packages/core"),
      project("packages/storage-pg", postgres),
      project("packages/http", postgres),
      project("packages/admin"),
      project("packages/cli", postgres),
      project("examples/minimal"),
      project("examples/relying-party"),
      project("examples/express"),
      project("examples/hono"),
      project("examples/api")
    ],
    include: ["test/**/*.test.ts"],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // Loading Effect is most of a small test file's time: workers keep it. Tests hold their
    // state in layers, not in modules.
    isolate: false,
    // Much of a test is waiting for a process, a browser or a database.
    maxWorkers: 3,
    reporters: process.env.CI
      ? ["default", ["junit", { outputFile: "coverage/junit.xml" }], summary]
      : ["default", summary],
    coverage: {
      provider: "v8",
      include: ["packages/*/src/**/*.ts"],
      reporter: ["text-summary", "html", "lcovonly"]
    }
  }
})
