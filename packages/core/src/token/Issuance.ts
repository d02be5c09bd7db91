/** What is issued, stored in the one move that it follows from: exactly when that move happens. */
import type { AuditEvent } from "../audit/AuditLog.ts"
import type { LiveAccessToken, LiveRefreshToken } from "./Token.ts"

export interface Issuance {
  readonly accessToken: LiveAccessToken
  /** Of the same grant as the access token. */
  readonly refreshToken: LiveRefreshToken | undefined
  readonly events: ReadonlyArray<AuditEvent>
}

/** The issuance with the event of the move that it follows from. */
export const following = (move: AuditEvent, { accessToken, events, refreshToken }: Issuance): Issuance => ({
  accessToken,
  refreshToken,
  events: [move, ...events]
})
