/** The documents that every client and every resource server fetches. */
import type { Connection } from "../load/Connection.ts"
import { expect, get, type Metadata, pathOf, type Target } from "../load/Target.ts"
import { connections, type Workload } from "./Workload.ts"

const document =
  (pathIn: (metadata: Metadata) => string, check: (body: string, metadata: Metadata) => void) =>
  async (target: Target, metadata: Metadata, open: ReadonlyArray<Connection>) => {
    const request = get(target.port, pathIn(metadata))
    const first = await open[0]!.send(request)
    check(first.body, metadata)
    return open.map((connection) => async () => {
      const answer = await connection.send(request)
      expect(answer.status === 200 && answer.body === first.body, () => `${answer.status} ${answer.body.slice(0, 200)}`)
    })
  }

export const discovery: Workload = {
  name: "discovery",
  title: "Discovery",
  connections,
  prepare: document(
    () => "/.well-known/openid-configuration",
    (body, metadata) => expect((JSON.parse(body) as Metadata).issuer === metadata.issuer, () => body)
  )
}

export const jwks: Workload = {
  name: "jwks",
  title: "JWK Set",
  connections,
  prepare: document(
    (metadata) => pathOf(metadata.jwks_uri),
    (body) => {
      const { keys } = JSON.parse(body) as { readonly keys: ReadonlyArray<Record<string, unknown>> }
      expect(keys.some((key) => key["alg"] === "ES256") && keys.every((key) => key["d"] === undefined), () => body)
    }
  )
}
