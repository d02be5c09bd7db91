/** This client's own sessions: a random id in a cookie, everything else in this process's memory. */
import { Clock, Effect } from "effect"
import type { IDToken, UserInfoResponse } from "openid-client"
import { randomState } from "openid-client"
import type { Attempt } from "./Issuer.ts"

/** What the issuer said about the person, and the tokens to say it with. */
export interface SignedIn {
  readonly claims: IDToken | undefined
  readonly userinfo: UserInfoResponse | undefined
  readonly idToken: string | undefined
  readonly accessToken: string
  readonly refreshToken: string | undefined
  readonly scope: string | undefined
  /** Milliseconds since the epoch, where the issuer told. */
  readonly expiresAt: number | undefined
  readonly revoked: boolean
}

/** How the last thing that was tried went; shown until the next one. */
export interface Outcome {
  readonly tried: string
  readonly succeeded: boolean
  readonly code?: string | undefined
  readonly text: string
  /** An answer worth showing word for word. */
  readonly answer?: string | undefined
}

export interface Session {
  /** By `state`, so that tabs in parallel each find their own. */
  readonly attempts: ReadonlyMap<string, Attempt>
  readonly signedIn: SignedIn | undefined
  readonly outcome: Outcome | undefined
}

export const empty: Session = { attempts: new Map(), signedIn: undefined, outcome: undefined }

export const lifetimeSeconds = 12 * 60 * 60
/** Whoever starts sign-ins without end pushes out their own, then the oldest of all. */
const mostSessions = 1000
const mostAttempts = 10

export const withAttempt = (session: Session, attempt: Attempt): Session => ({
  ...session,
  attempts: new Map([...session.attempts].slice(1 - mostAttempts).concat([[attempt.state, attempt]]))
})

export const withoutAttempt = (session: Session, state: string): Session => ({
  ...session,
  attempts: new Map([...session.attempts].filter(([key]) => key !== state))
})

export const make = () => {
  const sessions = new Map<string, { readonly session: Session; readonly expiresAt: number }>()

  const find = Effect.fnUntraced(function* (id: string | undefined) {
    const found = id === undefined ? undefined : sessions.get(id)
    return found !== undefined && (yield* Clock.currentTimeMillis) < found.expiresAt ? found.session : undefined
  })

  /** Keeps the session under its id, or under a new one. Writing makes it the youngest. */
  const put = Effect.fnUntraced(function* (session: Session, id?: string) {
    const key = id ?? randomState()
    const now = yield* Clock.currentTimeMillis
    sessions.delete(key)
    for (const [other, { expiresAt }] of sessions) {
      if (sessions.size < mostSessions && now < expiresAt) break
      sessions.delete(other)
    }
    sessions.set(key, { session, expiresAt: now + lifetimeSeconds * 1000 })
    return key
  })

  /** Changes what is there by then: a request that took its time overwrites nothing that another one did meanwhile. */
  const update = Effect.fnUntraced(function* (id: string, change: (session: Session) => Session) {
    const session = yield* find(id)
    if (session !== undefined) yield* put(change(session), id)
  })

  const remove = (id: string) => Effect.sync(() => sessions.delete(id))

  return { find, put, update, remove }
}
export type Sessions = ReturnType<typeof make>
