import { Effect } from "effect"
import { AuditLog } from "../audit/AuditLog.ts"
import type { Prepared } from "./issue.ts"
import { TokenStore } from "./TokenStore.ts"

/**
 * Stores prepared tokens in the open transaction. `false` when their grant was revoked in the meantime: the caller then
 * answers with a refusal, and nothing is stored.
 */
export const storePrepared = Effect.fnUntraced(function* (prepared: Prepared) {
  const tokens = yield* TokenStore
  const audit = yield* AuditLog
  if (!(yield* tokens.insertAccessToken(prepared.accessToken))) return false
  if (prepared.refreshToken !== undefined && !(yield* tokens.insertRefreshToken(prepared.refreshToken))) return false
  yield* audit.append(prepared.events)
  return true
})
