import { Context, Effect, Layer, type Option } from "effect"
import * as MemoryTable from "../storage/MemoryTable.ts"
import type { Client } from "./Client.ts"

/** Holds clients with their secrets' hashes, per issuer. What `find` answers is never cached: disabling works at once. */
export class ClientStore extends Context.Service<
  ClientStore,
  {
    readonly find: (issuer: string, clientId: string) => Effect.Effect<Option.Option<Client>>
    /** Every client of the issuer, by id. */
    readonly list: (issuer: string) => Effect.Effect<ReadonlyArray<Client>>
    /** Adds the client, or replaces the one of its id, secrets included. */
    readonly put: (client: Client) => Effect.Effect<void>
    /** Whether any client of the issuer has a secret under the slow hash. */
    readonly hasSlowSecret: (issuer: string) => Effect.Effect<boolean>
  }
>()("@lockspire/core/client/ClientStore") {
  static readonly layerMemory = Layer.effect(
    ClientStore,
    Effect.map(MemoryTable.make<Client>(), (table) =>
      ClientStore.of({
        find: (issuer, clientId) => table.find(MemoryTable.key(issuer, clientId)),
        list: (issuer) =>
          table.step((rows) =>
            [...rows.values()]
              .filter((row) => row.issuer === issuer)
              .toSorted((a, b) => (a.clientId < b.clientId ? -1 : 1))
          ),
        put: (client) => table.step((rows) => rows.set(MemoryTable.key(client.issuer, client.clientId), client)),
        hasSlowSecret: (issuer) =>
          table.step((rows) =>
            [...rows.values()].some(
              (row) => row.issuer === issuer && row.secrets.some((secret) => !secret.hash.startsWith("sha256$"))
            )
          )
      })
    )
  )
}
