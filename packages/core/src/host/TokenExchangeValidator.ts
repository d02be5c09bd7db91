/** The host's word on token exchange, RFC 8693: it stands beside the operator's rules, and both have to allow. */
import { Context, Effect } from "effect"

/** An exchange that an operator's rule allows, as the host judges it. */
export interface TokenExchange {
  readonly issuer: string
  /** The client that asks, and will own the new token. */
  readonly clientId: string
  /** The rule that allows it. */
  readonly rule: string
  /** Whom the new token will be about. */
  readonly subject: string
  /** The client that the subject token was issued to. */
  readonly subjectClientId: string
  /** RFC 8693 §4.1: who acts for the subject, the current actor first; empty for plain impersonation. */
  readonly actors: ReadonlyArray<string>
  /** The resources that the new token will be for. */
  readonly targets: ReadonlyArray<string>
  readonly scope: ReadonlyArray<string>
}

export interface TokenExchangeValidatorPort {
  /** Whether the exchange may take place. It can only be refused here, never widened. */
  readonly mayExchange: (exchange: TokenExchange) => Effect.Effect<boolean>
}

/** Refuses every exchange until a host provides its own. */
export const TokenExchangeValidator = Context.Reference<TokenExchangeValidatorPort>(
  "@lockspire/core/host/TokenExchangeValidator",
  { defaultValue: () => ({ mayExchange: () => Effect.succeed(false) }) }
)
