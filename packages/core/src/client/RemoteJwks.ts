/** JWK Sets (RFC 7517 §5) that somebody else publishes, fetched through the guarded egress and kept for a while. */
import { Clock, Context, Data, Effect, Layer, Semaphore } from "effect"
import { Egress, type EgressResponse } from "../egress/Egress.ts"
import { parseObject } from "../jose/Json.ts"
import { type Jwk, jwksOf } from "./Jwks.ts"

/** There is no key set to use, neither a new one nor an old one. */
export class RemoteJwksUnavailable extends Data.TaggedError("RemoteJwksUnavailable")<{
  readonly uri: string
  /** Why the last attempt failed. */
  readonly because: string
}> {}

const second = 1000
const minute = 60 * second
const hour = 60 * minute

/** What the publisher's `Cache-Control` may choose between, and what holds when it says nothing. */
const fresh = { least: minute, most: 24 * hour, unless: 10 * minute }
/** Between two attempts on one URL, whatever key ids a stranger puts into tokens. */
const restBetweenAttempts = 30 * second
/** Keys that could not be confirmed for so long may long have been withdrawn. */
const longestStale = 24 * hour
/** URLs remembered; the one that was asked for longest ago goes first. */
const capacity = 1000

interface Entry {
  readonly lock: Semaphore.Semaphore
  keys: ReadonlyArray<Jwk> | undefined
  freshUntil: number
  staleUntil: number
  attemptedAt: number
  because: string
}

/** RFC 9111 §5.2.2: how long the response may be used without asking again. */
const freshness = ({ headers }: EgressResponse): number => {
  const directives = (headers["cache-control"] ?? "").toLowerCase().split(",")
  if (directives.some((one) => /^\s*no-(store|cache)\b/.test(one))) return fresh.least
  const seconds = directives
    .map((one) => /^\s*max-age="?(\d{1,9})"?\s*$/.exec(one)?.[1])
    .find((one) => one !== undefined)
  if (seconds === undefined) return fresh.unless
  return Math.min(Math.max(Number(seconds) * second, fresh.least), fresh.most)
}

export class RemoteJwks extends Context.Service<
  RemoteJwks,
  {
    /**
     * The public keys at the URL. A `kid` that is not among them makes one new fetch, at most every 30 seconds; when a
     * fetch fails the last good keys serve for a day. Any number of callers share one fetch.
     */
    readonly keys: (uri: string, kid?: string) => Effect.Effect<ReadonlyArray<Jwk>, RemoteJwksUnavailable>
  }
>()("@lockspire/core/client/RemoteJwks") {
  static readonly layer = Layer.effect(
    RemoteJwks,
    Effect.map(Egress, (egress) => {
      const entries = new Map<string, Entry>()

      const entryOf = (uri: string): Entry => {
        const entry: Entry = entries.get(uri) ?? {
          lock: Semaphore.makeUnsafe(1),
          keys: undefined,
          freshUntil: 0,
          staleUntil: 0,
          attemptedAt: Number.NEGATIVE_INFINITY,
          because: "never fetched"
        }
        entries.delete(uri)
        entries.set(uri, entry)
        if (entries.size > capacity) entries.delete(entries.keys().next().value!)
        return entry
      }

      const suffices = (entry: Entry, kid: string | undefined, now: number) =>
        entry.keys !== undefined &&
        now < entry.freshUntil &&
        (kid === undefined || entry.keys.some((key) => key["kid"] === kid))

      const fetch = Effect.fnUntraced(function* (uri: string, entry: Entry) {
        const answer = yield* egress.get({ url: uri, accept: "application/jwk-set+json, application/json" }).pipe(
          Effect.map((response) => {
            const keys = response.status === 200 ? jwksOf(parseObject(response.body)) : undefined
            return keys === undefined
              ? `not a JWK Set, status ${response.status}`
              : { keys, lasts: freshness(response) }
          }),
          Effect.catch((refused) => Effect.succeed<string>(refused.reason))
        )
        const now = yield* Clock.currentTimeMillis
        entry.attemptedAt = now
        if (typeof answer === "string") {
          entry.because = answer
          return
        }
        entry.keys = answer.keys
        entry.freshUntil = now + answer.lasts
        entry.staleUntil = now + answer.lasts + longestStale
      })

      return RemoteJwks.of({
        keys: Effect.fnUntraced(function* (uri, kid) {
          const entry = entryOf(uri)
          if (!suffices(entry, kid, yield* Clock.currentTimeMillis)) {
            yield* Semaphore.withPermit(
              entry.lock,
              Effect.gen(function* () {
                // Whoever waited may find that the one before has fetched what both wanted.
                const now = yield* Clock.currentTimeMillis
                if (suffices(entry, kid, now) || now < entry.attemptedAt + restBetweenAttempts) return
                yield* fetch(uri, entry)
              })
            )
          }
          const now = yield* Clock.currentTimeMillis
          if (entry.keys === undefined || now >= entry.staleUntil) {
            return yield* new RemoteJwksUnavailable({ uri, because: entry.because })
          }
          return entry.keys
        })
      })
    })
  )
}
