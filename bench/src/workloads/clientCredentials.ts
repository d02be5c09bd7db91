/** RFC 6749 §4.4 with an opaque token: what a machine asks for, over and over. */
import { tokensOf } from "../load/Browser.ts"
import { basic, expect, pathOf, post } from "../load/Target.ts"
import { connections, type Workload } from "./Workload.ts"

export const clientCredentials: Workload = {
  name: "client-credentials",
  title: "Client credentials, opaque token",
  connections,
  prepare: async (target, metadata, open) => {
    const path = pathOf(metadata.token_endpoint)
    const request = post(target.port, path, "grant_type=client_credentials", `authorization: ${basic}\r\n`)
    return open.map((connection) => {
      let before = ""
      return async () => {
        const answer = await connection.send(request)
        const { access_token } = tokensOf(answer)
        expect(target.repeats || access_token !== before, () => "the same token was issued twice")
        before = access_token
      }
    })
  }
}
