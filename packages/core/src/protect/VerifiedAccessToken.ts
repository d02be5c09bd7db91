/** What an access token says, whichever form it has. */
import { type Brand, Context, type DateTime, type Schema } from "effect"
import type { AuthorizationDetail } from "../oauth/AuthorizationDetails.ts"
import type { Confirmation } from "../oauth/Confirmation.ts"

export interface ReadAccessToken {
  readonly issuer: string
  /** Its `sub`: a person as the client knows them, or for a machine the client itself (RFC 9068 §2.2). */
  readonly subject: string
  /** The host's own id of that person, which only the issuer's own process can know. */
  readonly account: string | undefined
  readonly clientId: string
  readonly scope: ReadonlyArray<string>
  readonly audience: ReadonlyArray<string>
  /** RFC 9396 §9: what was granted beyond scope; what it allows is the route's to judge. */
  readonly authorizationDetails: ReadonlyArray<AuthorizationDetail>
  /** RFC 8693 §4.1: who acts for the subject. */
  readonly act: Schema.Json | undefined
  /** When the person last authenticated; undefined when nobody did. */
  readonly authTime: DateTime.Utc | undefined
  /** The authentication context class that was reached. */
  readonly acr: string | undefined
  /** RFC 7800 §3.1: the key without whose proof the token is worth nothing. */
  readonly cnf: Confirmation | undefined
  readonly notBefore: DateTime.Utc | undefined
  readonly expiresAt: DateTime.Utc
}

/** A token that was found valid for this resource and enough for the request; only `verifyAccessToken` makes one. */
export type VerifiedAccessToken = ReadAccessToken & Brand.Brand<"VerifiedAccessToken">

/** The access token of the request that is being answered. */
export class CurrentAccessToken extends Context.Service<CurrentAccessToken, VerifiedAccessToken>()(
  "@lockspire/core/protect/CurrentAccessToken"
) {}
