/** How long every type of record is kept. A table that no entry names fails a test. */
import { type DateTime, type Effect } from "effect"
import { AccountStore } from "../account/AccountStore.ts"
import { AuditLog } from "../audit/AuditLog.ts"
import { AuthorizationCodeStore } from "../authorize/AuthorizationCodeStore.ts"
import { InteractionStore } from "../authorize/InteractionStore.ts"
import { ConsentStore } from "../consent/ConsentStore.ts"
import { SigningKeyStore } from "../key/SigningKeyStore.ts"
import { PushedRequestStore } from "../par/PushedRequestStore.ts"
import { ReplayStore } from "../replay/ReplayStore.ts"
import { TokenStore } from "../token/TokenStore.ts"

const hour = 3600
const day = 24 * hour

/** One batch: deletes up to `limit` records that were over before `before`; how many it deleted. */
type Prune<R> = (before: DateTime.Utc, limit: number) => Effect.Effect<number, never, R>

export interface Retention<R> {
  readonly tables: ReadonlyArray<string>
  /** Seconds after the record's end. */
  readonly keptFor: number
  readonly because: string
  readonly prune: Prune<R>
}

const retention = <R>(entry: Retention<R>) => entry

export const pruned = [
  retention({
    tables: ["interactions"],
    keptFor: day,
    because: "so that a late visitor is told that the interaction expired, not that it never was",
    prune: (before, limit) => InteractionStore.use((store) => store.prune(before, limit))
  }),
  retention({
    tables: ["pushed_requests"],
    keptFor: 2 * day,
    because: "an authorization that it began may take a day, and uses it up at its end",
    prune: (before, limit) => PushedRequestStore.use((store) => store.prune(before, limit))
  }),
  retention({
    tables: ["authorization_codes"],
    keptFor: day,
    because: "a redeemed code is the evidence that a second use is a replay",
    prune: (before, limit) => AuthorizationCodeStore.use((store) => store.prune(before, limit))
  }),
  retention({
    tables: [],
    keptFor: 0,
    because: "the sealed response of a refresh token is deleted when its replay window ends",
    prune: (before, limit) => TokenStore.use((store) => store.forgetResponses(before, limit))
  }),
  retention({
    tables: ["access_tokens"],
    keptFor: hour,
    because: "an expired token is refused either way; for an hour the refusal can say why",
    prune: (before, limit) => TokenStore.use((store) => store.pruneAccessTokens(before, limit))
  }),
  retention({
    tables: ["refresh_tokens"],
    keptFor: day,
    because: "a rotated token is the evidence that a second use is reuse",
    prune: (before, limit) => TokenStore.use((store) => store.pruneRefreshTokens(before, limit))
  }),
  retention({
    tables: ["grants"],
    keptFor: 2 * day,
    because: "it outlives its codes and tokens, which name it",
    prune: (before, limit) => TokenStore.use((store) => store.pruneGrants(before, limit))
  }),
  retention({
    tables: ["replays"],
    keptFor: 0,
    because: "a value that has expired is refused for that alone",
    prune: (before, limit) => ReplayStore.use((store) => store.prune(before, limit))
  }),
  retention({
    tables: ["consents"],
    keptFor: 0,
    because: "an expired consent covers nothing",
    prune: (before, limit) => ConsentStore.use((store) => store.prune(before, limit))
  }),
  retention({
    tables: ["account_sessions"],
    keptFor: 0,
    because: "an expired session signs nobody in",
    prune: (before, limit) => AccountStore.use((store) => store.pruneSessions(before, limit))
  }),
  retention({
    tables: ["signing_keys"],
    keptFor: 30 * day,
    because: "a retired key explains old signatures for a while",
    prune: (before, limit) => SigningKeyStore.use((store) => store.prune(before, limit))
  }),
  retention({
    tables: ["audit_events"],
    keptFor: 400 * day,
    because: "the record of who did what, for as long as an audit may ask",
    prune: (before, limit) => AuditLog.use((log) => log.prune(before, limit))
  })
] as const

/** What stays until an operator or a person takes it away. */
export const kept: Readonly<Record<string, string>> = {
  clients: "registered until an operator removes them",
  client_secrets: "with their client",
  resources: "registered until an operator removes them",
  exchange_rules: "in force until an operator removes them",
  trusted_issuers: "trusted until an operator ends it",
  policies: "the operator's settings",
  pairwise_subjects: "under which clients know people, for as long as they come back",
  accounts: "people, until they or an operator remove them",
  lockspire_migrations: "which migrations have run"
}
