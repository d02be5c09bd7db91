import { Context, type DateTime, Effect, Layer, type Option } from "effect"
import { equal } from "../crypto/Crypto.ts"
import { type Changes, changed } from "../storage/changes.ts"
import * as MemoryTable from "../storage/MemoryTable.ts"
import type { Client, ClientSecret } from "./Client.ts"

/** Holds clients with their secrets' hashes, per issuer. What `find` answers is never cached: disabling works at once. */
export class ClientStore extends Context.Service<
  ClientStore,
  {
    readonly find: (issuer: string, clientId: string) => Effect.Effect<Option.Option<Client>>
    /** Every client of the issuer, by id. */
    readonly list: (issuer: string) => Effect.Effect<ReadonlyArray<Client>>
    /** Adds the client, or replaces the one of its id, secrets included. */
    readonly put: (client: Client) => Effect.Effect<void>
    /**
     * Replaces the named members of the metadata, and takes away those that are undefined; everything else of the client
     * stays as it is. `false` when there is no such client.
     */
    readonly changeMetadata: (
      issuer: string,
      clientId: string,
      metadata: Changes<Client["metadata"]>
    ) => Effect.Effect<boolean>
    /** Adds a secret beside those there are; `false` when there is no such client. */
    readonly addSecret: (issuer: string, clientId: string, secret: ClientSecret) => Effect.Effect<boolean>
    /** Lets a secret end at `at`, unless it ends before; `false` when nothing changed. */
    readonly retireSecret: (
      issuer: string,
      clientId: string,
      secretId: string,
      at: DateTime.Utc
    ) => Effect.Effect<boolean>
    /** Notes that the secret was used at `at`, never earlier than already noted; `false` when nothing changed. */
    readonly useSecret: (issuer: string, clientId: string, secretId: string, at: DateTime.Utc) => Effect.Effect<boolean>
    /** Replaces what is sealed, only while it is still `from`; `false` when it is not. */
    readonly resealSecret: (
      issuer: string,
      clientId: string,
      secretId: string,
      from: Uint8Array,
      to: Uint8Array
    ) => Effect.Effect<boolean>
    /** Whether any client of the issuer has a secret under the slow hash. */
    readonly hasSlowSecret: (issuer: string) => Effect.Effect<boolean>
  }
>()("@lockspire/core/client/ClientStore") {
  static readonly layerMemory = Layer.effect(
    ClientStore,
    Effect.map(MemoryTable.make<Client>(), (table) => {
      const changeSecret = (
        issuer: string,
        clientId: string,
        secretId: string,
        change: (secret: ClientSecret) => ClientSecret | undefined
      ) =>
        table.step((rows) => {
          const at = MemoryTable.key(issuer, clientId)
          const client = rows.get(at)
          const before = client?.secrets.find((secret) => secret.secretId === secretId)
          const after = before === undefined ? undefined : change(before)
          if (client === undefined || after === undefined) return false
          rows.set(at, { ...client, secrets: client.secrets.map((one) => (one === before ? after : one)) })
          return true
        })
      return ClientStore.of({
        find: (issuer, clientId) => table.find(MemoryTable.key(issuer, clientId)),
        list: (issuer) =>
          table.step((rows) =>
            [...rows.values()]
              .filter((row) => row.issuer === issuer)
              .toSorted((a, b) => (a.clientId < b.clientId ? -1 : 1))
          ),
        put: (client) => table.step((rows) => rows.set(MemoryTable.key(client.issuer, client.clientId), client)),
        changeMetadata: (issuer, clientId, metadata) =>
          table.step((rows) => {
            const at = MemoryTable.key(issuer, clientId)
            const client = rows.get(at)
            if (client === undefined) return false
            rows.set(at, { ...client, metadata: changed(client.metadata, metadata) })
            return true
          }),
        addSecret: (issuer, clientId, secret) =>
          table.step((rows) => {
            const at = MemoryTable.key(issuer, clientId)
            const client = rows.get(at)
            if (client === undefined) return false
            rows.set(at, { ...client, secrets: [...client.secrets, secret] })
            return true
          }),
        retireSecret: (issuer, clientId, secretId, at) =>
          changeSecret(issuer, clientId, secretId, (secret) =>
            secret.expiresAt !== undefined && !MemoryTable.isBefore(at, secret.expiresAt)
              ? undefined
              : { ...secret, expiresAt: at }
          ),
        useSecret: (issuer, clientId, secretId, at) =>
          changeSecret(issuer, clientId, secretId, (secret) =>
            secret.lastUsedAt !== undefined && !MemoryTable.isBefore(secret.lastUsedAt, at)
              ? undefined
              : { ...secret, lastUsedAt: at }
          ),
        resealSecret: (issuer, clientId, secretId, from, to) =>
          changeSecret(issuer, clientId, secretId, (secret) =>
            secret.sealed !== undefined && equal(secret.sealed, from) ? { ...secret, sealed: to } : undefined
          ),
        hasSlowSecret: (issuer) =>
          table.step((rows) =>
            [...rows.values()].some(
              (row) => row.issuer === issuer && row.secrets.some((secret) => secret.hash?.startsWith("pbkdf2-sha256$"))
            )
          )
      })
    })
  )
}
