/** Whom of our own people another issuer's assertion is about, RFC 7523 §2.1: only the host can say. */
import { Context, Effect, Option, type Schema } from "effect"

/** An assertion that was verified: its issuer is trusted, and said this. */
export interface AssertedSubject {
  /** The issuer that is being asked for a token: ours. */
  readonly issuer: string
  /** The client that presents the assertion. */
  readonly clientId: string
  /** `iss` of the assertion. Two issuers may call different people by one name: never map `sub` without it. */
  readonly assertedBy: string
  /** `sub` of the assertion. */
  readonly sub: string
  /** Every claim of the assertion. */
  readonly claims: Readonly<Record<string, Schema.Json | undefined>>
}

export interface AssertionSubjectsPort {
  /** The local subject; `None` when there is none, and nothing is issued. */
  readonly subjectOf: (asserted: AssertedSubject) => Effect.Effect<Option.Option<string>>
}

/** Knows nobody until a host provides its own. */
export const AssertionSubjects = Context.Reference<AssertionSubjectsPort>("@lockspire/core/host/AssertionSubjects", {
  defaultValue: () => ({ subjectOf: () => Effect.succeed(Option.none()) })
})
