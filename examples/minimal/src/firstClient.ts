/** One public client, for a first try with any OpenID Connect library. */
import { Client, ClientStore } from "@lockspire/core"
import { Effect, Layer } from "effect"

export const firstClient = (issuer: string, redirectUri: string) => {
  const client = Client.make({
    issuer,
    clientId: "first-client",
    clientName: "First client",
    redirectUris: [redirectUri],
    grantTypes: ["authorization_code", "refresh_token"],
    tokenEndpointAuthMethod: "none"
  })
  return Layer.effectDiscard(Effect.flatMap(ClientStore, (clients) => clients.put(client)))
}
