/** A running issuer per suite and storage, and tests of it written as promises. */
import { layer } from "@effect/vitest"
import { Effect } from "effect"
import { TestIssuer } from "../src/testing/index.ts"
import { options as everyClient } from "./flow.ts"
import { storages } from "./storages.ts"

type Running = typeof TestIssuer.TestIssuer.Service
export type Test = (title: string, run: (issuer: string, running: Running) => Promise<void>) => void

/** Runs the tests that `define` declares; all of them share one issuer. */
export const suite = (
  title: string,
  define: (test: Test) => void,
  settings: {
    readonly on?: ReadonlyArray<(typeof storages)[number][0]>
    readonly options?: TestIssuer.TestIssuerOptions
  } = {}
): void => {
  for (const [name, storage] of storages) {
    if (settings.on?.includes(name) === false) continue
    layer(TestIssuer.layer(storage, settings.options ?? everyClient), {
      timeout: "60 seconds",
      excludeTestServices: true
    })(`${title} (${name})`, (it) => {
      define((testTitle, run) =>
        it.effect(testTitle, () =>
          Effect.flatMap(TestIssuer.TestIssuer, (running) => Effect.promise(() => run(running.issuer, running)))
        ))
    })
  }
}
