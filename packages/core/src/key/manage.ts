/** What an operator does with signing keys, and with those to which others encrypt. */
import { DateTime, Effect } from "effect"
import type { Actor } from "../audit/AuditLog.ts"
import { AuditLog } from "../audit/AuditLog.ts"
import { eventsBy } from "../audit/event.ts"
import type { KeyAlgorithm, SigningAlgorithm } from "../oauth/Metadata.ts"
import { Transaction } from "../storage/Transaction.ts"
import { generateKey, resealed } from "./KeyProvider.ts"
import type { In } from "./SigningKey.ts"
import { SigningKeyStore } from "./SigningKeyStore.ts"

/** The algorithms a new issuer gets keys for: RS256 because OpenID Connect Core §15.1 demands it, ES256 because it is fast. */
export const defaultAlgorithms: ReadonlyArray<SigningAlgorithm> = ["RS256", "ES256"]

const make = Effect.fnUntraced(function* (issuer: string, algorithm: KeyAlgorithm) {
  const { kid, publicJwk, sealedPrivateJwk } = yield* generateKey(issuer, algorithm)
  const createdAt = yield* DateTime.now
  return { _tag: "Next", issuer, kid, algorithm, publicJwk, sealedPrivateJwk, createdAt } satisfies In<"Next">
})

const insert = Effect.fnUntraced(function* (key: In<"Next">, actor: Actor) {
  const store = yield* SigningKeyStore
  const audit = yield* AuditLog
  const event = eventsBy(key.issuer, key.createdAt, actor)
  yield* store.insert(key)
  yield* audit.append([event("signing_key.created", "signing_key", key.kid)])
})

/** Adds a key that is published from now on and signs after the next `rotate`; one to encrypt to is of use at once. Its kid. */
export const generate = Effect.fnUntraced(function* (issuer: string, algorithm: KeyAlgorithm, actor: Actor) {
  const transaction = yield* Transaction
  const key = yield* make(issuer, algorithm)
  yield* transaction.within(insert(key, actor))
  return key.kid
})

/**
 * Makes the oldest next key that was created at `createdBy` or before sign, lets the one before it only verify, and
 * publishes a new next key, all in one; `false` when there is none.
 */
export const activate = Effect.fnUntraced(function* (
  issuer: string,
  algorithm: KeyAlgorithm,
  actor: Actor,
  createdBy: DateTime.Utc
) {
  const store = yield* SigningKeyStore
  const audit = yield* AuditLog
  const transaction = yield* Transaction
  const fresh = yield* make(issuer, algorithm)
  const at = fresh.createdAt
  const event = eventsBy(issuer, at, actor)
  return yield* transaction.within(
    Effect.gen(function* () {
      const before = yield* store.list(issuer)
      if (!(yield* store.activateNext(issuer, algorithm, at, createdBy))) return false
      const after = yield* store.list(issuer)
      const moved = after.filter((key) => before.find((one) => one.kid === key.kid)?._tag !== key._tag)
      yield* audit.append(
        moved.map((key) =>
          event(key._tag === "Active" ? "signing_key.activated" : "signing_key.retiring", "signing_key", key.kid)
        )
      )
      yield* insert(fresh, actor)
      return true
    })
  )
})

/**
 * Rotates by hand, however young the next key is. Without a next key one is made and used at once: clients that cached
 * the JWK Set fetch it again when they meet its kid.
 */
export const rotate = Effect.fnUntraced(function* (issuer: string, algorithm: KeyAlgorithm, actor: Actor) {
  const store = yield* SigningKeyStore
  const isNext = (yield* store.list(issuer)).some((key) => key._tag === "Next" && key.algorithm === algorithm)
  if (!isNext) yield* generate(issuer, algorithm, actor)
  yield* activate(issuer, algorithm, actor, yield* DateTime.now)
})

/** Takes a key that does not sign out of the JWK Set: what it signed is worth nothing from now on. `false` for any other. */
export const retire = Effect.fnUntraced(function* (issuer: string, kid: string, actor: Actor) {
  const store = yield* SigningKeyStore
  const audit = yield* AuditLog
  const transaction = yield* Transaction
  const at = yield* DateTime.now
  const event = eventsBy(issuer, at, actor)
  return yield* transaction.within(
    Effect.gen(function* () {
      if (!(yield* store.retire(issuer, kid, at))) return false
      yield* audit.append([event("signing_key.retired", "signing_key", kid)])
      return true
    })
  )
})

/** First start: an active and a next key for every algorithm that has no active one. */
export const ensure = Effect.fnUntraced(function* (
  issuer: string,
  algorithms: ReadonlyArray<KeyAlgorithm>,
  actor: Actor
) {
  const store = yield* SigningKeyStore
  const keys = yield* store.list(issuer)
  for (const algorithm of algorithms) {
    const isActive = keys.some((key) => key._tag === "Active" && key.algorithm === algorithm)
    if (!isActive) yield* rotate(issuer, algorithm, actor)
  }
})

/**
 * Seals every private key anew under the current key-encryption key, opening it with the current or a previous one. How
 * many it sealed; a key that none of them opens is a defect, and nothing of it changes.
 */
export const rewrap = Effect.fnUntraced(function* (issuer: string, actor: Actor) {
  const store = yield* SigningKeyStore
  const audit = yield* AuditLog
  const transaction = yield* Transaction
  const at = yield* DateTime.now
  const event = eventsBy(issuer, at, actor)
  let count = 0
  for (const key of yield* store.list(issuer)) {
    const sealed = yield* resealed(key)
    yield* transaction.within(
      Effect.gen(function* () {
        if (!(yield* store.reseal(issuer, key.kid, key.sealedPrivateJwk, sealed))) return
        yield* audit.append([event("signing_key.rewrapped", "signing_key", key.kid)])
        count++
      })
    )
  }
  return count
})
