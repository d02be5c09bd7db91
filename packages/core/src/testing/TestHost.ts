/** A host application for tests: who is signed in in which browser, and what is known about them, can be set at will. */
import { Context, DateTime, Effect, Layer, Option, Ref } from "effect"
import type { Authentication } from "../host/Authentication.ts"
import { type ClaimsQuery, HostResolver, type SignInDemand } from "../host/HostResolver.ts"
import type { Claims } from "../oauth/Claims.ts"

/** The cookie by which the test host knows a browser. */
export const sessionCookie = "test_host_session"

/** Where every demand is sent. */
export const signInPage = "/test-host/sign-in"

export interface State {
  /** By the value of `test_host_session`; `""` holds for every browser that has none of its own. */
  readonly sessions: ReadonlyMap<string, Authentication>
  /** By subject. Whoever signs in without an account gets one with no claims. */
  readonly accounts: ReadonlyMap<string, Claims>
  /** Pairs of subject and client that the host keeps apart. */
  readonly forbidden: ReadonlySet<string>
  /** What the server asked of the host, oldest first. */
  readonly demands: ReadonlyArray<SignInDemand>
  readonly queries: ReadonlyArray<ClaimsQuery>
}

const empty: State = {
  sessions: new Map(),
  accounts: new Map(),
  forbidden: new Set(),
  demands: [],
  queries: []
}

const pair = (subject: string, clientId: string) => `${subject}\0${clientId}`

export class TestHost extends Context.Service<
  TestHost,
  {
    readonly state: Ref.Ref<State>
    /** Signs the subject in now, unless `facts` say otherwise; every sign-in is a new session. */
    readonly signIn: (
      subject: string,
      facts?: Partial<Authentication> & { readonly browser?: string }
    ) => Effect.Effect<Authentication>
    readonly signOut: (browser?: string) => Effect.Effect<void>
    readonly setClaims: (subject: string, claims: Claims) => Effect.Effect<void>
    /** The account is gone: `claims` answers `None` for it. */
    readonly removeAccount: (subject: string) => Effect.Effect<void>
    /** `mayUse` answers false for this pair from now on. */
    readonly forbid: (subject: string, clientId: string) => Effect.Effect<void>
    /** The newest demand; dies when there was none. */
    readonly lastDemand: Effect.Effect<SignInDemand>
  }
>()("@lockspire/core/testing/TestHost") {
  /** `TestHost` and the `HostResolver` that answers from it. */
  static readonly layer: Layer.Layer<TestHost | HostResolver> = Layer.effectContext(
    Effect.map(Ref.make(empty), (state) => {
      let serial = 0
      const change = (part: (before: State) => Partial<State>) =>
        Ref.update(state, (before) => ({ ...before, ...part(before) }))
      const host = TestHost.of({
        state,
        signIn: Effect.fnUntraced(function* (subject, facts = {}) {
          const { browser = "", ...stated } = facts
          const authentication: Authentication = {
            subject,
            authTime: yield* DateTime.now,
            acr: undefined,
            amr: ["pwd"],
            sessionId: `session-${++serial}`,
            ...stated
          }
          yield* change(({ accounts, sessions }) => ({
            sessions: new Map(sessions).set(browser, authentication),
            accounts: accounts.has(subject) ? accounts : new Map(accounts).set(subject, {})
          }))
          return authentication
        }),
        signOut: (browser = "") =>
          change(({ sessions }) => ({ sessions: new Map([...sessions].filter(([name]) => name !== browser)) })),
        setClaims: (subject, claims) =>
          change(({ accounts }) => ({ accounts: new Map(accounts).set(subject, claims) })),
        removeAccount: (subject) =>
          change(({ accounts }) => ({ accounts: new Map([...accounts].filter(([name]) => name !== subject)) })),
        forbid: (subject, clientId) =>
          change(({ forbidden }) => ({ forbidden: new Set(forbidden).add(pair(subject, clientId)) })),
        lastDemand: Effect.map(Ref.get(state), ({ demands }) => demands.at(-1)!)
      })
      const resolver = HostResolver.of({
        authentication: ({ cookies }) =>
          Effect.map(Ref.get(state), ({ sessions }) =>
            Option.fromUndefinedOr(sessions.get(cookies[sessionCookie] ?? "") ?? sessions.get(""))
          ),
        signIn: (demand) =>
          Effect.as(
            change(({ demands }) => ({ demands: [...demands, demand] })),
            signInPage
          ),
        claims: (query) =>
          Effect.andThen(
            change(({ queries }) => ({ queries: [...queries, query] })),
            Effect.map(Ref.get(state), ({ accounts }) => Option.fromUndefinedOr(accounts.get(query.subject)))
          ),
        mayUse: (subject, clientId) =>
          Effect.map(Ref.get(state), ({ forbidden }) => !forbidden.has(pair(subject, clientId)))
      })
      return Context.make(TestHost, host).pipe(Context.add(HostResolver, resolver))
    })
  )
}
