/**
 * A hundred requests with one refresh token at once: exactly one rotation, and everybody receives its bytes. What a
 * product should do here differs, so it is measured for Lockspire alone.
 */
import { Browser, tokensOf } from "../load/Browser.ts"
import { basic, expect, pathOf, post } from "../load/Target.ts"
import type { Workload } from "./Workload.ts"

export const contention: Workload = {
  name: "refresh-contention",
  title: "Refresh, 100 at once on one token",
  connections: 100,
  prepare: async (target, metadata, open) => {
    const path = pathOf(metadata.token_endpoint)
    const first = await new Browser(target, metadata, open[0]!).offlineTokens()
    const requestWith = (token: string) =>
      post(target.port, path, `grant_type=refresh_token&refresh_token=${token}`, `authorization: ${basic}\r\n`)
    let request = requestWith(first.refresh_token!)
    let arrived = 0
    let body: string | undefined
    let waiting: Array<() => void> = []
    return open.map((connection) => async () => {
      const answer = await connection.send(request)
      const at = performance.now()
      const tokens = tokensOf(answer)
      body ??= answer.body
      expect(answer.body === body, () => "two requests with one refresh token received different answers")
      if (++arrived < open.length) return new Promise<number>((resolve) => waiting.push(() => resolve(at)))
      // Everybody has the same answer: on with the token it brought.
      request = requestWith(tokens.refresh_token!)
      arrived = 0
      body = undefined
      const go = waiting
      waiting = []
      for (const resolve of go) resolve()
      return at
    })
  }
}
