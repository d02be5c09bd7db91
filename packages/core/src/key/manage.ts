/** What an operator does with signing keys. */
import { DateTime, Effect, Option } from "effect"
import type { Actor } from "../audit/AuditLog.ts"
import { AuditLog } from "../audit/AuditLog.ts"
import { eventsBy } from "../audit/event.ts"
import { encode } from "../crypto/Crypto.ts"
import * as Jwt from "../jose/Jwt.ts"
import type { SigningAlgorithm } from "../oauth/Metadata.ts"
import { open, seal } from "../storage/Sealed.ts"
import { Transaction } from "../storage/Transaction.ts"
import { type In, sealContext } from "./SigningKey.ts"
import { SigningKeyStore } from "./SigningKeyStore.ts"

/** The algorithms a new issuer gets keys for: RS256 because OpenID Connect Core §15.1 demands it, ES256 because it is fast. */
export const defaultAlgorithms: ReadonlyArray<SigningAlgorithm> = ["RS256", "ES256"]

const make = Effect.fnUntraced(function* (issuer: string, algorithm: SigningAlgorithm) {
  const { kid, privateJwk, publicJwk } = yield* Jwt.generate(algorithm)
  const createdAt = yield* DateTime.now
  const sealedPrivateJwk = yield* seal(encode(JSON.stringify(privateJwk)), sealContext({ issuer, kid }))
  return { _tag: "Next", issuer, kid, algorithm, publicJwk, sealedPrivateJwk, createdAt } satisfies In<"Next">
})

/** Adds a key that is published from now on and signs after the next `rotate`. Its kid. */
export const generate = Effect.fnUntraced(function* (issuer: string, algorithm: SigningAlgorithm, actor: Actor) {
  const store = yield* SigningKeyStore
  const audit = yield* AuditLog
  const transaction = yield* Transaction
  const key = yield* make(issuer, algorithm)
  const event = eventsBy(issuer, key.createdAt, actor)
  yield* transaction.within(
    Effect.andThen(store.insert(key), audit.append([event("signing_key.created", "signing_key", key.kid)]))
  )
  return key.kid
})

/**
 * Makes the published next key sign, lets the one before it only verify, and publishes a new next key. Without a next
 * key one is made and used at once: clients that cached the JWK Set fetch it again when they meet its kid.
 */
export const rotate = Effect.fnUntraced(function* (issuer: string, algorithm: SigningAlgorithm, actor: Actor) {
  const store = yield* SigningKeyStore
  const audit = yield* AuditLog
  const transaction = yield* Transaction
  const isNext = (yield* store.list(issuer)).some((key) => key._tag === "Next" && key.algorithm === algorithm)
  if (!isNext) yield* generate(issuer, algorithm, actor)
  const at = yield* DateTime.now
  const event = eventsBy(issuer, at, actor)
  yield* transaction.within(
    Effect.gen(function* () {
      const before = yield* store.list(issuer)
      if (!(yield* store.activateNext(issuer, algorithm, at))) return
      const after = yield* store.list(issuer)
      const moved = after.filter((key) => before.find((one) => one.kid === key.kid)?._tag !== key._tag)
      yield* audit.append(
        moved.map((key) =>
          event(key._tag === "Active" ? "signing_key.activated" : "signing_key.retiring", "signing_key", key.kid)
        )
      )
    })
  )
  yield* generate(issuer, algorithm, actor)
})

/** First start: an active and a next key for every algorithm that has no active one. */
export const ensure = Effect.fnUntraced(function* (
  issuer: string,
  algorithms: ReadonlyArray<SigningAlgorithm>,
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
    const opened = yield* open(key.sealedPrivateJwk, sealContext(key))
    if (Option.isNone(opened)) {
      return yield* Effect.die(new Error(`No key-encryption key opens signing key ${key.kid} of ${issuer}`))
    }
    const sealed = yield* seal(opened.value, sealContext(key))
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
