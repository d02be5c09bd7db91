/** What a remembered consent covers. */
import { DateTime } from "effect"
import { isSubset } from "../oauth/Scope.ts"
import type { Consent } from "./Consent.ts"

/** What a request asks a person for. */
export interface Asked {
  readonly scope: ReadonlyArray<string>
  readonly claims: ReadonlyArray<string>
  readonly resources: ReadonlyArray<string>
  /** Digests of authorization details (RFC 9396): each is remembered as exactly what it was. */
  readonly details: ReadonlyArray<string>
}

/** Whether everything that is asked was granted before. */
export const covers = (consent: Consent | undefined, asked: Asked): boolean =>
  consent !== undefined &&
  isSubset(asked.scope, consent.scope) &&
  isSubset(asked.claims, consent.claims) &&
  isSubset(asked.resources, consent.resources) &&
  isSubset(asked.details, consent.details)

/**
 * The memory after a decision: what was granted is in it, what was asked and withheld is not, and what was not asked
 * this time stays as it was.
 */
export const remember = (
  before: Consent | undefined,
  asked: Asked,
  granted: Asked,
  by: { readonly issuer: string; readonly subject: string; readonly clientId: string },
  at: DateTime.Utc,
  lifetimeSeconds: number
): Consent => {
  const merge = (
    old: ReadonlyArray<string> | undefined,
    withheld: ReadonlyArray<string>,
    now: ReadonlyArray<string>
  ) => [...new Set([...(old ?? []).filter((value) => !withheld.includes(value)), ...now])]
  return {
    ...by,
    scope: merge(before?.scope, asked.scope, granted.scope),
    claims: merge(before?.claims, asked.claims, granted.claims),
    resources: merge(before?.resources, asked.resources, granted.resources),
    details: merge(before?.details, asked.details, granted.details),
    grantedAt: at,
    expiresAt: DateTime.add(at, { seconds: lifetimeSeconds })
  }
}
