/** The life of the issuer's keys by time: a fibre that any number of nodes may run beside one another. */
import { DateTime, Duration, Effect, Layer, Schedule } from "effect"
import { system } from "../audit/event.ts"
import { Issuers } from "../issuer/Issuer.ts"
import { longestTokenLifetime, Policies } from "../issuer/Policy.ts"
import { activate, generate, retire } from "./manage.ts"
import { SigningKeyStore } from "./SigningKeyStore.ts"
import { staleFor } from "./SigningKeys.ts"

/** Seconds for which clients may keep the JWK Set that is served to them. */
export const jwksMaxAge = 300

/** Seconds that a key is published before it signs: whoever keeps the JWK Set as long as it may has fetched it anew. */
export const publishedFor = 2 * jwksMaxAge

/** Seconds that a key still verifies, or decrypts: the last token it signed, on the node that learnt of its end last, has expired. */
export const verifiesFor = longestTokenLifetime + Duration.toSeconds(staleFor) + 60

/**
 * Moves every key of the issuer whose time has come. Several nodes at once do no harm: a key is activated by one of
 * them, and the next one is then too young for the others.
 */
export const advance = Effect.fnUntraced(function* (issuer: string) {
  const store = yield* SigningKeyStore
  const policies = yield* Policies
  const { signingKeyLifetime } = yield* policies.effective(issuer)
  const keys = yield* store.list(issuer)
  const now = yield* DateTime.now
  const ago = (seconds: number) => DateTime.subtract(now, { seconds })
  const isBy = (at: DateTime.Utc, limit: DateTime.Utc) => at.epochMilliseconds <= limit.epochMilliseconds

  for (const algorithm of new Set(keys.map((key) => key.algorithm))) {
    const own = keys.filter((key) => key.algorithm === algorithm)
    const active = own.find((key) => key._tag === "Active")
    const next = own.find((key) => key._tag === "Next")
    const isDue = active?._tag !== "Active" || isBy(active.activatedAt, ago(signingKeyLifetime))
    if (next === undefined) {
      if (active !== undefined) yield* generate(issuer, algorithm, system)
    } else if (isDue && isBy(next.createdAt, ago(publishedFor))) {
      yield* activate(issuer, algorithm, system, ago(publishedFor))
    }
  }
  for (const key of keys) {
    if (key._tag === "Retiring" && isBy(key.retiringSince, ago(verifiesFor))) yield* retire(issuer, key.kid, system)
  }
})

/** Once a minute for every issuer. A round that fails is told to the log and tried again. */
export const layer = Layer.effectDiscard(
  Effect.flatMap(Issuers, (issuers) =>
    Effect.forEach(issuers, ({ identifier }) => advance(identifier), { discard: true }).pipe(
      Effect.catchCause((cause) => Effect.logWarning("Key rotation failed; it is tried again in a minute.", cause)),
      Effect.repeat(Schedule.spaced("1 minute").pipe(Schedule.jittered)),
      Effect.forkScoped
    )
  )
)
