/** RFC 6749 §6 with rotation: each connection follows its own chain of refresh tokens, and receives an ID token. */
import { Browser, claimsOf, tokensOf } from "../load/Browser.ts"
import { basic, expect, pathOf, person, post } from "../load/Target.ts"
import { connections, type Workload } from "./Workload.ts"

export const refresh: Workload = {
  name: "refresh",
  title: "Refresh with rotation",
  connections,
  prepare: async (target, metadata, open) => {
    const browser = new Browser(target, metadata, open[0]!)
    const path = pathOf(metadata.token_endpoint)
    const steps = []
    for (const connection of open) {
      let refreshToken = (await browser.offlineTokens()).refresh_token!
      steps.push(async () => {
        const body = `grant_type=refresh_token&refresh_token=${refreshToken}`
        const tokens = tokensOf(await connection.send(post(target.port, path, body, `authorization: ${basic}\r\n`)))
        const next = tokens.refresh_token
        expect(
          next !== undefined && (target.repeats || next !== refreshToken),
          () => "the refresh token was not rotated"
        )
        expect(claimsOf(tokens.id_token)["sub"] === person.subject, () => "the ID token is another's")
        refreshToken = next
      })
    }
    return steps
  }
}
