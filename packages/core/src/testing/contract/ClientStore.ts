import { assert, layer } from "@effect/vitest"
import { Effect, type Layer, Option } from "effect"
import { ClientStore } from "../../client/ClientStore.ts"
import type { Transaction } from "../../storage/Transaction.ts"
import { exactlyOneWins, options, together, undone } from "./law.ts"
import { after, client, clientSecret, issuer, longAgo, now, otherIssuer, unique } from "./records.ts"

const bare = () =>
  client({
    clientName: undefined,
    redirectUris: [],
    scope: undefined,
    applicationType: "native",
    defaultMaxAge: undefined,
    firstParty: false,
    dangerouslyAllowNoPkce: false,
    dangerouslyAllowEndpointAudience: false,
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
            clientSecret({ secretId: "first", hash: "sha256$Y2hhbmdlZA", createdAt: after(5) }),
            clientSecret({ secretId: "third", hash: "sha256$dGhpcmQ" })
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
            secrets: [1, 2, 3].map((each) => clientSecret({ secretId: `${index}-${each}` }))
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
        const slow = clientSecret({ secretId: "slow", hash: "pbkdf2-sha256$600000$c2FsdA$aGFzaA" })
        yield* clients.put({ ...record, secrets: [...record.secrets, slow] })
        assert.isTrue(yield* clients.hasSlowSecret(at))
        assert.isFalse(yield* clients.hasSlowSecret(unique("https://clients")))
        yield* clients.put(record)
        assert.isFalse(yield* clients.hasSlowSecret(at))
      })
    )

    it.effect("adds a secret beside the others, and none to a client that is not there", () =>
      Effect.gen(function* () {
        const clients = yield* ClientStore
        const record = client()
        const added = clientSecret({ sealed: new Uint8Array([1]), hash: undefined, expiresAt: after(60) })
        yield* clients.put(record)
        assert.isTrue(yield* clients.addSecret(issuer, record.clientId, added))
        assert.isFalse(yield* clients.addSecret(otherIssuer, record.clientId, added))
        assert.isFalse(yield* clients.addSecret(issuer, unique("client"), added))
        const found = Option.getOrThrow(yield* clients.find(issuer, record.clientId))
        assert.deepStrictEqual(found, { ...record, secrets: [...record.secrets, added] })
      })
    )

    it.effect("of secrets that are added at once none is lost", () =>
      Effect.gen(function* () {
        const clients = yield* ClientStore
        const record = client({ secrets: [] })
        yield* clients.put(record)
        yield* together(8, (index) =>
          clients.addSecret(issuer, record.clientId, clientSecret({ secretId: String(index) }))
        )
        const { secrets } = Option.getOrThrow(yield* clients.find(issuer, record.clientId))
        assert.deepStrictEqual(secrets.map((one) => one.secretId).toSorted(), ["0", "1", "2", "3", "4", "5", "6", "7"])
      })
    )

    it.effect("retires one secret, earlier but never later, and leaves the others", () =>
      Effect.gen(function* () {
        const clients = yield* ClientStore
        const kept = clientSecret()
        const record = client({ secrets: [kept, clientSecret({ secretId: "old" })] })
        yield* clients.put(record)
        const retire = (at: typeof now) => clients.retireSecret(issuer, record.clientId, "old", at)
        yield* exactlyOneWins(retire(after(60)))
        assert.isTrue(yield* retire(after(30)))
        assert.isFalse(yield* retire(after(31)))
        assert.isFalse(yield* clients.retireSecret(issuer, record.clientId, "another", after(30)))
        assert.isFalse(yield* clients.retireSecret(otherIssuer, record.clientId, "old", longAgo))
        const { secrets } = Option.getOrThrow(yield* clients.find(issuer, record.clientId))
        assert.deepStrictEqual(secrets, [kept, { ...record.secrets[1]!, expiresAt: after(30) }])
      })
    )

    it.effect("notes a secret's last use, never an earlier one", () =>
      Effect.gen(function* () {
        const clients = yield* ClientStore
        const record = client({ secrets: [clientSecret({ secretId: "used" }), clientSecret()] })
        yield* clients.put(record)
        const use = (at: typeof now) => clients.useSecret(issuer, record.clientId, "used", at)
        yield* exactlyOneWins(use(now))
        assert.isTrue(yield* use(after(60)))
        assert.isFalse(yield* use(after(59)))
        assert.isFalse(yield* clients.useSecret(issuer, record.clientId, "another", after(90)))
        const { secrets } = Option.getOrThrow(yield* clients.find(issuer, record.clientId))
        assert.deepStrictEqual(secrets, [{ ...record.secrets[0]!, lastUsedAt: after(60) }, record.secrets[1]!])
      })
    )

    it.effect("reseals a secret only while it is still what was opened", () =>
      Effect.gen(function* () {
        const clients = yield* ClientStore
        const [before, between] = [new Uint8Array([1, 2]), new Uint8Array([3, 4])]
        const record = client({ secrets: [clientSecret({ secretId: "mac", hash: undefined, sealed: before })] })
        yield* clients.put(record)
        const reseal = (from: Uint8Array, to: Uint8Array) =>
          clients.resealSecret(issuer, record.clientId, "mac", from, to)
        yield* exactlyOneWins(reseal(before, between))
        assert.isFalse(yield* reseal(before, new Uint8Array([5])))
        const { secrets } = Option.getOrThrow(yield* clients.find(issuer, record.clientId))
        assert.deepStrictEqual(secrets, [{ ...record.secrets[0]!, sealed: between }])
      })
    )

    it.effect(
      "changeMetadata replaces what is named and takes away what is undefined; of changes at once none is lost",
      () =>
        Effect.gen(function* () {
          const clients = yield* ClientStore
          const record = client({ metadata: { kept: { as: "it is" }, dropped: 1, security_profile: "none" } })
          yield* clients.put(record)
          const change = (metadata: Parameters<typeof clients.changeMetadata>[2]) =>
            clients.changeMetadata(issuer, record.clientId, metadata)
          const secret = clientSecret()
          yield* Effect.all(
            [
              change({ security_profile: "mcp" }),
              change({ dropped: undefined, never: undefined }),
              change({ 'with "quotes"': [1] }),
              clients.addSecret(issuer, record.clientId, secret)
            ],
            { concurrency: "unbounded" }
          )
          assert.deepStrictEqual(
            yield* clients.find(issuer, record.clientId),
            Option.some({
              ...record,
              metadata: { kept: { as: "it is" }, security_profile: "mcp", 'with "quotes"': [1] },
              secrets: [...record.secrets, secret]
            })
          )
          assert.isFalse(yield* clients.changeMetadata(issuer, "unknown", {}))
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
