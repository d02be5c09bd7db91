import { Effect } from "effect"
import { type AuditEvent, AuditLog } from "../audit/AuditLog.ts"
import { tokenTypeOf } from "../oauth/Confirmation.ts"
import * as Scope from "../oauth/Scope.ts"
import type { PreparedAccessToken } from "./accessToken.ts"
import type { Prepared, TokenResponse } from "./issue.ts"
import { TokenStore } from "./TokenStore.ts"

/**
 * Stores prepared tokens in the open transaction, and the event of the move that they follow from. `false` when their
 * grant was revoked in the meantime: the caller then answers with a refusal, and only the event is stored.
 */
export const storePrepared = Effect.fnUntraced(function* (prepared: Prepared, moved: AuditEvent) {
  const tokens = yield* TokenStore
  const audit = yield* AuditLog
  const isStored =
    (yield* tokens.insertAccessToken(prepared.accessToken)) &&
    (prepared.refreshToken === undefined || (yield* tokens.insertRefreshToken(prepared.refreshToken)))
  yield* audit.append(isStored ? [moved, ...prepared.events] : [moved])
  return isStored
})

/** Stores one access token in the open transaction; `false`, and nothing is stored, when its grant was revoked. */
export const storeAccessToken = Effect.fnUntraced(function* (prepared: PreparedAccessToken) {
  const tokens = yield* TokenStore
  const audit = yield* AuditLog
  if (!(yield* tokens.insertAccessToken(prepared.record))) return false
  yield* audit.append([prepared.event])
  return true
})

/** RFC 6749 §5.1, for a response that is one access token; a scope is never empty (§3.3). */
export const accessTokenResponse = ({ lifetime, record, token }: PreparedAccessToken): TokenResponse => ({
  access_token: token,
  token_type: tokenTypeOf(record.confirmation),
  expires_in: lifetime,
  ...(record.scope.length === 0 ? {} : { scope: Scope.format(record.scope) })
})
