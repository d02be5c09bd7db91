/** How a person signed in: the facts without which no code is issued. */
import type { DateTime } from "effect"

/** Stated by the host about the browser session of a request. */
export interface Authentication {
  /** The `sub` of this person: OpenID Connect Core §2, at most 255 ASCII characters, never reassigned. */
  readonly subject: string
  /** When the person proved who they are, to the millisecond: a coarser time makes `prompt=login` ask twice. */
  readonly authTime: DateTime.Utc
  /** Authentication context class reached (OpenID Connect Core §2 `acr`), if the host has a name for it. */
  readonly acr: string | undefined
  /** Authentication methods used (RFC 8176), for example `["pwd", "otp"]`. */
  readonly amr: ReadonlyArray<string>
  /** Identifies the host's own browser session; a new one after every sign-in. Clients see only a hash (`sid`). */
  readonly sessionId: string
}
