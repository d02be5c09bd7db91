/** How the refresh tokens of one client live: what it is registered for, bounded by the server's policy. */
import { DateTime } from "effect"
import { type Client, isConfidential } from "../client/Client.ts"
import { type Policy, type Rotation, rotations } from "../issuer/Policy.ts"
import { forbidsRotation, rulesInForce } from "../profile/inForce.ts"
import { demanding, demandingDpop, type Rules } from "../profile/Rule.ts"
import type { Live } from "./Grant.ts"
import { refreshTokenAbsoluteLifetime, refreshTokenIdleLifetime } from "./Lifetime.ts"

/** All durations are seconds. */
export interface RefreshPolicy {
  /** Whether every use replaces the token (RFC 9700 §4.14.2), or moves its idle end (FAPI 2.0 §5.3.2.1). */
  readonly rotates: boolean
  readonly replayWindow: number
  readonly replayCount: number
  readonly idleLifetime: number
  readonly absoluteLifetime: number
}

/** The client metadata that sets it, beside the registered names of RFC 7591. */
export const refreshMetadata = [
  "refresh_token_rotation",
  "refresh_token_replay_window",
  "refresh_token_replay_count",
  "refresh_token_idle_lifetime",
  "refresh_token_absolute_lifetime"
] as const
type Member = (typeof refreshMetadata)[number]

const stated = (client: Client, name: Member): unknown =>
  Object.hasOwn(client.metadata, name) ? client.metadata[name] : undefined

const shorter = (client: Client, name: Member, limit: number): number => {
  const value = stated(client, name)
  return typeof value === "number" && Number.isInteger(value) && value >= 0 ? Math.min(value, limit) : limit
}

/**
 * The stricter of what the server and the client say. Where neither says anything every use rotates, unless the client is
 * registered for tokens that are bound to a key: there rotation protects nothing, and loses sessions (FAPI 2.0 Security
 * Profile §5.3.2.1, note 1).
 */
const rotationOf = (client: Client, policy: Policy): Rotation => {
  const said = new Set<unknown>([policy.refreshTokenRotation, stated(client, "refresh_token_rotation")])
  const unsaid = isBound(rulesInForce(policy, client)) ? "never" : "always"
  return rotations.find((one) => said.has(one)) ?? unsaid
}

const isBound = (rules: Rules): boolean =>
  demandingDpop(rules, "required") !== undefined ||
  demanding(rules, "dpopProof") !== undefined ||
  demanding(rules, "certificateBound") !== undefined ||
  demanding(rules, "senderConstrained") !== undefined

/**
 * Strictest wins. A public client always rotates, even one that is exempt from a profile: RFC 9700 §2.2.2, since
 * nothing else tells it from a thief. For every other one a FAPI profile fixes that it does not.
 */
export const refreshPolicyOf = (client: Client, policy: Policy): RefreshPolicy => ({
  rotates: !isConfidential(client) || (!forbidsRotation(policy, client) && rotationOf(client, policy) === "always"),
  replayWindow: shorter(client, "refresh_token_replay_window", policy.refreshReplayWindow),
  replayCount: shorter(client, "refresh_token_replay_count", policy.refreshReplayCount),
  idleLifetime: refreshTokenIdleLifetime(policy, client).seconds,
  absoluteLifetime: refreshTokenAbsoluteLifetime(policy, client).seconds
})

/** When a refresh token that is used now ends, if nobody uses it again; its grant was given as long ago as it says. */
export const refreshEnd = (policy: RefreshPolicy, grant: Live, now: DateTime.Utc): DateTime.Utc =>
  [
    DateTime.add(now, { seconds: policy.idleLifetime }),
    DateTime.add(grant.createdAt, { seconds: policy.absoluteLifetime }),
    grant.expiresAt
  ].reduce((end, other) => DateTime.min(end, other))
