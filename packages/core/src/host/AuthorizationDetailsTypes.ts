/** The types of authorization details that the host understands, RFC 9396 §2; none unless it brings some. */
import { Context, type Effect, type Option } from "effect"
import type { AuthorizationDetail } from "../oauth/AuthorizationDetails.ts"

export interface AuthorizationDetailsType {
  /** The detail as it will be granted, enriched if the host likes; `None` refuses it (RFC 9396 §5). */
  readonly validate: (
    detail: AuthorizationDetail,
    clientId: string
  ) => Effect.Effect<Option.Option<AuthorizationDetail>>
  /** What it means, in a line or several of plain text for the person who decides. */
  readonly describe: (detail: AuthorizationDetail) => ReadonlyArray<string>
}

/** By the value of `type`. */
export const AuthorizationDetailsTypes = Context.Reference<ReadonlyMap<string, AuthorizationDetailsType>>(
  "@lockspire/core/host/AuthorizationDetailsTypes",
  { defaultValue: () => new Map() }
)
