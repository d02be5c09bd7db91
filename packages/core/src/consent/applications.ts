/** "Apps with access": what a person gave to whom, and taking it back. */
import { DateTime, Effect, Option } from "effect"
import { AuditLog } from "../audit/AuditLog.ts"
import { eventsBy, subject as subjectActor } from "../audit/event.ts"
import { ClientStore } from "../client/ClientStore.ts"
import { CurrentIssuer } from "../issuer/Issuer.ts"
import { Transaction } from "../storage/Transaction.ts"
import { TokenStore } from "../token/TokenStore.ts"
import { ConsentStore } from "./ConsentStore.ts"

export interface Application {
  readonly clientId: string
  readonly name: string | undefined
  /** Everything it may have now or without asking again. */
  readonly scope: ReadonlyArray<string>
  /** When it was last approved. */
  readonly since: DateTime.Utc
}

/** The clients that hold a live grant or a remembered consent of the subject, most recent first. */
export const applicationsOf = Effect.fnUntraced(function* (subject: string) {
  const clients = yield* ClientStore
  const consents = yield* ConsentStore
  const tokens = yield* TokenStore
  const issuer = (yield* CurrentIssuer).identifier
  const now = yield* DateTime.now
  const approvals = [
    ...(yield* tokens.grantsOf(issuer, subject, now)).map((grant) => ({ ...grant, since: grant.createdAt })),
    ...(yield* consents.listOf(issuer, subject, now)).map((consent) => ({ ...consent, since: consent.grantedAt }))
  ]
  const byClient = Map.groupBy(approvals, (approval) => approval.clientId)
  const applications = yield* Effect.forEach(byClient, ([clientId, own]) =>
    Effect.map(clients.find(issuer, clientId), (client): Application => ({
      clientId,
      name: Option.getOrUndefined(client)?.clientName,
      scope: [...new Set(own.flatMap((approval) => approval.scope))],
      since: own.map((approval) => approval.since).reduce((a, b) => (a.epochMilliseconds > b.epochMilliseconds ? a : b))
    }))
  )
  return applications.toSorted((a, b) => b.since.epochMilliseconds - a.since.epochMilliseconds)
})

/** Forgets the consent and revokes every grant: from the next request on the client's tokens are worth nothing. */
export const revokeApplication = Effect.fnUntraced(function* (subject: string, clientId: string) {
  const audit = yield* AuditLog
  const consents = yield* ConsentStore
  const tokens = yield* TokenStore
  const transaction = yield* Transaction
  const issuer = (yield* CurrentIssuer).identifier
  const at = yield* DateTime.now
  const event = eventsBy(issuer, at, subjectActor(subject))
  yield* transaction.within(
    Effect.gen(function* () {
      const wasRemembered = yield* consents.revoke(issuer, subject, clientId)
      const revoked = yield* tokens.revokeGrantsOf(issuer, subject, clientId, at, "ConsentRevoked")
      yield* audit.append([
        ...(wasRemembered ? [event("consent.revoked", "client", clientId)] : []),
        ...revoked.map((grantId) => event("grant.revoked", "grant", grantId, "ConsentRevoked"))
      ])
    })
  )
})
