/** What of an authorization request counts once: used up by the authorization that completes first. */
import { DateTime, Effect, Option } from "effect"
import { client as clientActor, eventsBy } from "../audit/event.ts"
import { check } from "../audit/Refusal.ts"
import type { AuthorizationRequest } from "../authorization-request/AuthorizationRequest.ts"
import { RedirectRefusal } from "../authorization-request/establish.ts"
import type { Client } from "../client/Client.ts"
import type { CurrentIssuer } from "../issuer/Issuer.ts"
import { currentPolicy, type Policies } from "../issuer/Policy.ts"
import { InvalidRequestObject, InvalidRequestUri } from "../oauth/OAuthError.ts"
import { PushedRequestStore } from "../par/PushedRequestStore.ts"
import { ReplayStore } from "../replay/ReplayStore.ts"
import { Transaction } from "../storage/Transaction.ts"

/** RFC 9101 §10.2: by which the ids of request objects are remembered. */
const purpose = "request-object"

/** What was used before, if anything was: a value, since what else the transaction writes has to stay. */
export type UsedBefore = "request_uri" | "request object" | undefined

/** Uses up what counts once. */
const uses = Effect.fnUntraced(function* (
  issuer: string,
  request: AuthorizationRequest,
  at: DateTime.Utc
): Effect.fn.Return<UsedBefore, never, PushedRequestStore | ReplayStore | Policies | CurrentIssuer> {
  const { clientId, pushedAs, requestObject } = request
  if (pushedAs !== undefined) {
    const pushes = yield* PushedRequestStore
    const event = eventsBy(issuer, at, clientActor(clientId))
    const events = [event("pushed_request.used", "pushed_request", pushedAs)]
    if (!(yield* pushes.use(issuer, pushedAs, clientId, at, events))) return "request_uri"
  }
  if (requestObject !== undefined) {
    const replays = yield* ReplayStore
    // Whoever pushed the same object, or began with it, while it was good may end later than it.
    const { interactionLifetime, pushedRequestLifetime } = yield* currentPolicy
    const open = DateTime.add(at, { seconds: interactionLifetime + pushedRequestLifetime })
    const until = DateTime.max(requestObject.until, open)
    const isFirst = yield* replays.first(issuer, purpose, requestObject.jtiHash, until)
    if (!isFirst) return "request object"
  }
  return undefined
})

/**
 * Uses up what counts once, and with it runs `store`, which is one move; unless something was used before. Of most
 * requests nothing counts once, and one move needs no transaction around it.
 */
export const useUp = Effect.fnUntraced(function* <E, R>(
  issuer: string,
  request: AuthorizationRequest,
  at: DateTime.Utc,
  store: Effect.Effect<void, E, R>
) {
  const transaction = yield* Transaction
  if (request.pushedAs === undefined && request.requestObject === undefined) {
    yield* store
    return undefined
  }
  return yield* transaction.within(
    Effect.tap(uses(issuer, request, at), (before) => (before === undefined ? store : Effect.void))
  )
})

/** What of it was used by now: asked before a person is asked for anything. `useUp` decides. */
export const usedByNow = Effect.fnUntraced(function* (
  issuer: string,
  { pushedAs, requestObject }: Pick<AuthorizationRequest, "pushedAs" | "requestObject">
): Effect.fn.Return<UsedBefore, never, PushedRequestStore | ReplayStore> {
  if (pushedAs !== undefined) {
    const pushes = yield* PushedRequestStore
    if (Option.exists(yield* pushes.find(issuer, pushedAs), ({ _tag }) => _tag === "Used")) return "request_uri"
  }
  if (requestObject !== undefined) {
    const replays = yield* ReplayStore
    if (yield* replays.seen(issuer, purpose, requestObject.jtiHash)) return "request object"
  }
  return undefined
})

/** The refusal of a request that was used before. */
export const mustBeFirst = (used: UsedBefore, target: AuthorizationRequest, client: Client) =>
  check("RFC 9126 §7.3, RFC 9101 §10.2: the request was not used before", used === undefined, () => {
    const error =
      used === "request_uri"
        ? new InvalidRequestUri({ reason: "RequestUriUsed" })
        : new InvalidRequestObject({ reason: "ObjectReplayed" })
    return new RedirectRefusal({ error, target, client })
  })
