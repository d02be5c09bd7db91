import { type Client, ClientStore, Policy, type SigningKeyStore } from "@lockspire/core"
import { Data, Effect, Option } from "effect"
import { clientStanding, factsOf, serverStanding, type Standing } from "./Standing.ts"

export class ClientNotFound extends Data.TaggedError("ClientNotFound")<{
  readonly issuer: string
  readonly clientId: string
}> {
  override get message(): string {
    return `There is no client "${this.clientId}" at ${this.issuer}.`
  }
}

export interface IssuerStanding {
  readonly server: Standing
  readonly clients: ReadonlyArray<Standing & { readonly clientId: string }>
}

/** A registered client, which has to be there. */
export const clientMust = Effect.fnUntraced(function* (issuer: string, clientId: string) {
  const found = yield* (yield* ClientStore).find(issuer, clientId)
  return Option.isSome(found) ? found.value : yield* new ClientNotFound({ issuer, clientId })
})

/** How the server and every client, or that one, stand to the rules in force. A disabled client is held to nothing. */
export const assess = Effect.fnUntraced(function* (
  issuer: string,
  clientId?: string
): Effect.fn.Return<IssuerStanding, ClientNotFound, Policy.Policies | ClientStore | SigningKeyStore> {
  const policy = yield* (yield* Policy.Policies).effective(issuer)
  const facts = yield* factsOf(issuer, policy)
  const clients: ReadonlyArray<Client.Client> =
    clientId === undefined
      ? (yield* (yield* ClientStore).list(issuer)).filter((client) => !client.disabled)
      : [yield* clientMust(issuer, clientId)]
  return {
    server: serverStanding(policy, facts),
    clients: clients.map((client) => ({ clientId: client.clientId, ...clientStanding(policy, client, facts) }))
  }
})
