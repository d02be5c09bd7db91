/** RFC 7662: what a resource server asks about a live token. */
import { Browser } from "../load/Browser.ts"
import { basic, client, expect, pathOf, post } from "../load/Target.ts"
import { connections, type Workload } from "./Workload.ts"

export const introspection: Workload = {
  name: "introspection",
  title: "Introspection of a live token",
  connections,
  prepare: async (target, metadata, open) => {
    const browser = new Browser(target, metadata, open[0]!)
    const path = pathOf(metadata.introspection_endpoint)
    const steps = []
    for (const connection of open) {
      const { access_token } = await browser.offlineTokens()
      const request = post(target.port, path, `token=${access_token}`, `authorization: ${basic}\r\n`)
      const first = await connection.send(request)
      const known = JSON.parse(first.body) as Record<string, unknown>
      expect(
        known["active"] === true && known["client_id"] === client.clientId && known["exp"] !== undefined,
        () => `${first.status} ${first.body}`
      )
      steps.push(async () => {
        const answer = await connection.send(request)
        expect(answer.status === 200 && answer.body === first.body, () => `${answer.status} ${answer.body}`)
      })
    }
    return steps
  }
}
