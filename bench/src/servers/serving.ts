/** What every server process does beside serving: it says when it is ready, and what it has used. */
import type { Usage, UsageRequest } from "../load/protocol.ts"

/** The options that `main.ts` gives a server. */
export const options: unknown = JSON.parse(process.argv[2] ?? "{}")

export const ready = (): void => {
  process.on("message", (request: UsageRequest) => {
    if (request.type !== "usage") return
    const { system, user } = process.cpuUsage()
    const usage: Usage = {
      type: "usage",
      cpuMicros: system + user,
      rssBytes: process.memoryUsage.rss(),
      peakBytes: process.resourceUsage().maxRSS * 1024
    }
    process.send!(usage)
  })
  process.on("disconnect", () => process.exit())
  process.on("SIGTERM", () => process.exit())
  process.send?.({ type: "ready" })
}
