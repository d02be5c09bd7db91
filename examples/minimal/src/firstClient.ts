/** One public client, for a first try with any OpenID Connect library. */
import { type Client, ClientStore } from "@lockspire/core"
import { Effect, Layer } from "effect"

export const firstClient = (issuer: string, redirectUri: string) => {
  const client: Client.Client = {
    issuer,
    clientId: "first-client",
    clientName: "First client",
    redirectUris: [redirectUri],
    grantTypes: ["authorization_code", "refresh_token"],
    responseTypes: ["code"],
    tokenEndpointAuthMethod: "none",
    scope: undefined,
    applicationType: "web",
    idTokenSignedResponseAlg: "RS256",
    defaultMaxAge: undefined,
    firstParty: false,
    dangerouslyAllowNoPkce: false,
    introspectAllTokens: false,
    metadata: {},
    secrets: [],
    disabled: false
  }
  return Layer.effectDiscard(Effect.flatMap(ClientStore, (clients) => clients.put(client)))
}
