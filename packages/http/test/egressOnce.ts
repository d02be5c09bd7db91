/** One fetch in a process of its own, whose environment a test chooses: prints the status, or why there is none. */
import { Egress } from "@lockspire/core"
import { Console, Effect } from "effect"
import { NodeEgress } from "../src/node/index.ts"

const egress = NodeEgress.layer({
  allowHosts: ["keys.example"],
  resolve: () => Promise.resolve([{ address: "127.0.0.1", family: 4 }])
})

await Effect.runPromise(
  Egress.Egress.use((one) => one.get({ url: process.argv[2]!, accept: "application/json" })).pipe(
    Effect.match({ onSuccess: (response) => response.status, onFailure: (refused) => refused.reason }),
    Effect.flatMap(Console.log),
    Effect.provide(egress)
  )
)
