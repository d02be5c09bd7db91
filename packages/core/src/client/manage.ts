/** What an operator does with the secrets of a client: several may be live, so that one can replace another. */
import { Data, DateTime, Effect, Option, Redacted } from "effect"
import * as base64url from "../crypto/base64url.ts"
import { type Actor, AuditLog } from "../audit/AuditLog.ts"
import { eventsBy } from "../audit/event.ts"
import { Crypto, encode } from "../crypto/Crypto.ts"
import { hashSecret } from "../crypto/SecretHash.ts"
import { open, seal } from "../storage/Sealed.ts"
import { Transaction } from "../storage/Transaction.ts"
import { type Client, type ClientSecret, makeSecret as secretOf, sealContext } from "./Client.ts"
import { ClientStore } from "./ClientStore.ts"

/** There is no such client, or no such secret of it that had not already ended. */
export class ClientSecretNotFound extends Data.TaggedError("ClientSecretNotFound")<{
  readonly clientId: string
  readonly secretId: string | undefined
}> {}

/** A secret that signs assertions has fewer octets than its MAC (RFC 7518 §3.2, OpenID Connect Core §16.19). */
export class ClientSecretTooShort extends Data.TaggedError("ClientSecretTooShort")<{ readonly clientId: string }> {}

/** The least octets of a secret that signs assertions. */
export const shortestMacSecret = 32

/** 384 random bits as 64 characters: enough for every MAC that there is. */
export const generateSecret: Effect.Effect<Redacted.Redacted, never, Crypto> = Effect.map(
  Crypto.use((crypto) => crypto.randomBytes(48)),
  (bytes) => Redacted.make(base64url.encode(bytes))
)

export interface Validity {
  readonly notBefore?: DateTime.Utc | undefined
  readonly expiresAt?: DateTime.Utc | undefined
}

/** The record of a secret in the form that the client's method needs: sealed for `client_secret_jwt`, else hashed. */
export const makeSecret = Effect.fnUntraced(function* (
  client: Pick<Client, "issuer" | "clientId" | "tokenEndpointAuthMethod">,
  secret: Redacted.Redacted,
  { expiresAt, notBefore }: Validity = {}
) {
  const bytes = yield* Crypto.use((crypto) => crypto.randomBytes(8))
  const secretId = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")
  const stated = { secretId, createdAt: yield* DateTime.now, notBefore, expiresAt }
  const text = Redacted.value(secret)
  if (client.tokenEndpointAuthMethod !== "client_secret_jwt") {
    return secretOf({ ...stated, hash: yield* hashSecret(text) })
  }
  if (encode(text).length < shortestMacSecret) {
    return yield* new ClientSecretTooShort({ clientId: client.clientId })
  }
  return secretOf({ ...stated, sealed: yield* seal(encode(text), sealContext(client, secretId)) })
})

/** Adds a secret beside those there are, a new random one unless it is given; what it is can be seen only here. */
export const addSecret = Effect.fnUntraced(function* (
  issuer: string,
  clientId: string,
  { secret, ...validity }: Validity & { readonly secret?: Redacted.Redacted | undefined },
  actor: Actor
) {
  const clients = yield* ClientStore
  const audit = yield* AuditLog
  const transaction = yield* Transaction
  const notFound = new ClientSecretNotFound({ clientId, secretId: undefined })
  const client = Option.getOrUndefined(yield* clients.find(issuer, clientId))
  if (client === undefined) return yield* notFound
  const value = secret ?? (yield* generateSecret)
  const record = yield* makeSecret(client, value, validity)
  const event = eventsBy(issuer, record.createdAt, actor)
  const isAdded = yield* transaction.within(
    Effect.gen(function* () {
      if (!(yield* clients.addSecret(issuer, clientId, record))) return false
      yield* audit.append([event("client_secret.added", "client_secret", `${clientId}/${record.secretId}`)])
      return true
    })
  )
  return isAdded ? { secretId: record.secretId, secret: value } : yield* notFound
})

/** Lets a secret end at `at`, now unless given: later, while both may be used, is how one replaces another. */
export const retireSecret = Effect.fnUntraced(function* (
  issuer: string,
  clientId: string,
  secretId: string,
  actor: Actor,
  at?: DateTime.Utc
) {
  const clients = yield* ClientStore
  const audit = yield* AuditLog
  const transaction = yield* Transaction
  const now = yield* DateTime.now
  const event = eventsBy(issuer, now, actor)
  const isRetired = yield* transaction.within(
    Effect.gen(function* () {
      if (!(yield* clients.retireSecret(issuer, clientId, secretId, at ?? now))) return false
      yield* audit.append([event("client_secret.retired", "client_secret", `${clientId}/${secretId}`)])
      return true
    })
  )
  if (!isRetired) return yield* new ClientSecretNotFound({ clientId, secretId })
})

/** Seals every sealed secret anew under the current key-encryption key; how many. One that no key opens is a defect. */
export const rewrap = Effect.fnUntraced(function* (issuer: string, actor: Actor) {
  const clients = yield* ClientStore
  const audit = yield* AuditLog
  const transaction = yield* Transaction
  const event = eventsBy(issuer, yield* DateTime.now, actor)
  const sealed = (yield* clients.list(issuer)).flatMap((client) =>
    client.secrets.flatMap((secret: ClientSecret) =>
      secret.sealed === undefined ? [] : [{ client, secretId: secret.secretId, before: secret.sealed }]
    )
  )
  let count = 0
  for (const { before, client, secretId } of sealed) {
    const { clientId } = client
    const opened = yield* open(before, sealContext(client, secretId))
    if (Option.isNone(opened)) {
      return yield* Effect.die(new Error(`No key-encryption key opens secret ${secretId} of ${clientId} at ${issuer}`))
    }
    const after = yield* seal(opened.value, sealContext(client, secretId))
    yield* transaction.within(
      Effect.gen(function* () {
        if (!(yield* clients.resealSecret(issuer, clientId, secretId, before, after))) return
        yield* audit.append([event("client_secret.rewrapped", "client_secret", `${clientId}/${secretId}`)])
        count++
      })
    )
  }
  return count
})
