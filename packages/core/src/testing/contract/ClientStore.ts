import { assert, layer } from "@effect/vitest"
import { Effect, type Layer, Option } from "effect"
import { ClientStore } from "../../client/ClientStore.ts"
import type { Transaction } from "../../storage/Transaction.ts"
import { options, together, undone } from "./law.ts"
import { after, client, issuer, now, otherIssuer, unique } from "./records.ts"

const bare = () =>
  client({
    clientName: undefined,
    redirectUris: [],
    scope: undefined,
    applicationType: "native",
    defaultMaxAge: undefined,
    firstParty: false,
    dangerouslyAllowNoPkce: false,
    introspectAllTokens: false,
    metadata: {},
    secrets: [],
    disabled: true
  })

/** Every layer that claims to be a `ClientStore` runs this suite. */
export const suite = <E>(name: string, storage: Layer.Layer<ClientStore | Transaction, E>) =>
  layer(storage, options)(`ClientStore (${name})`, (it) => {
    it.effect("finds what was put, unchanged, and only at its issuer", () =>
      Effect.gen(function* () {
        const clients = yield* ClientStore
        for (const record of [client(), bare(), client({ scope: [] })]) {
          yield* clients.put(record)
          assert.deepStrictEqual(yield* clients.find(issuer, record.clientId), Option.some(record))
          assert.deepStrictEqual(yield* clients.find(otherIssuer, record.clientId), Option.none())
        }
      })
    )

    it.effect("a client id that no client can have finds none", () =>
      Effect.gen(function* () {
        const clients = yield* ClientStore
        assert.deepStrictEqual(yield* clients.find(issuer, "a\0b"), Option.none())
        assert.deepStrictEqual(yield* clients.find(issuer, ""), Option.none())
      })
    )

    it.effect("lists an issuer's clients by id", () =>
      Effect.gen(function* () {
        const clients = yield* ClientStore
        const at = unique("https://clients")
        const records = ["Z", "a", "b"].map((clientId) => client({ issuer: at, clientId }))
        for (const record of records.toReversed()) yield* clients.put(record)
        assert.deepStrictEqual(yield* clients.list(at), records)
      })
    )

    it.effect("put replaces the client of its id, secrets included, at its issuer only", () =>
      Effect.gen(function* () {
        const clients = yield* ClientStore
        const record = client()
        const elsewhere = { ...record, issuer: otherIssuer }
        yield* clients.put(record)
        yield* clients.put(elsewhere)
        const changed = {
          ...bare(),
          clientId: record.clientId,
          secrets: [
            { secretId: "first", hash: "sha256$Y2hhbmdlZA", createdAt: after(5) },
            { secretId: "third", hash: "sha256$dGhpcmQ", createdAt: now }
          ]
        }
        yield* clients.put(changed)
        assert.deepStrictEqual(yield* clients.find(issuer, record.clientId), Option.some(changed))
        assert.deepStrictEqual(yield* clients.find(otherIssuer, record.clientId), Option.some(elsewhere))
      })
    )

    it.effect("of concurrent replacements one remains, whole: secrets of two never mix", () =>
      Effect.gen(function* () {
        const clients = yield* ClientStore
        const clientId = unique("client")
        const versions = Array.from({ length: 8 }, (_, index) =>
          client({
            clientId,
            clientName: `version ${index}`,
            secrets: [1, 2, 3].map((each) => ({ secretId: `${index}-${each}`, hash: "sha256$aGFzaA", createdAt: now }))
          })
        )
        yield* together(versions.length, (index) => clients.put(versions[index]!))
        const found = Option.getOrThrow(yield* clients.find(issuer, clientId))
        assert.deepStrictEqual(
          found,
          versions.find((version) => version.clientName === found.clientName)
        )
      })
    )

    it.effect("knows whether any client of the issuer has a secret under the slow hash", () =>
      Effect.gen(function* () {
        const clients = yield* ClientStore
        const at = unique("https://clients")
        const record = client({ issuer: at })
        yield* clients.put(record)
        assert.isFalse(yield* clients.hasSlowSecret(at))
        const slow = { secretId: "slow", hash: "pbkdf2-sha256$600000$c2FsdA$aGFzaA", createdAt: now }
        yield* clients.put({ ...record, secrets: [...record.secrets, slow] })
        assert.isTrue(yield* clients.hasSlowSecret(at))
        assert.isFalse(yield* clients.hasSlowSecret(unique("https://clients")))
        yield* clients.put(record)
        assert.isFalse(yield* clients.hasSlowSecret(at))
      })
    )

    it.effect("a failure in the transaction leaves the client as it was", () =>
      Effect.gen(function* () {
        const clients = yield* ClientStore
        const record = client()
        yield* clients.put(record)
        yield* undone(clients.put({ ...record, secrets: [], disabled: true }))
        assert.deepStrictEqual(yield* clients.find(issuer, record.clientId), Option.some(record))
      })
    )
  })
