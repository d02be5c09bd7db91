/** RFC 9126: a client pushes its authorization request, authenticated by its secret. */
import { authorizationParameters } from "../load/Browser.ts"
import { basic, client, expect, pathOf, post } from "../load/Target.ts"
import { connections, type Workload } from "./Workload.ts"
import { requestUriOf } from "../load/KeyClient.ts"

export const pushedRequest: Workload = {
  name: "par",
  title: "Pushed authorization request",
  connections,
  prepare: async (target, metadata, open) => {
    const path = pathOf(metadata.pushed_authorization_request_endpoint)
    const body = authorizationParameters(client.clientId, client.scope)
    const request = post(target.port, path, body, `authorization: ${basic}\r\n`)
    return open.map((connection) => {
      let before = ""
      return async () => {
        const requestUri = requestUriOf(await connection.send(request))
        expect(target.repeats || requestUri !== before, () => "the same request_uri was handed out twice")
        before = requestUri
      }
    })
  }
}
