import { Context, Duration } from "effect"

/** What whoever serves this host may choose. */
export interface Options {
  /** How long a browser session lasts, from sign-in. */
  readonly sessionLifetime: Duration.Duration
  /** How many accounts can be signed in in one browser; signing in to one more ends the oldest. */
  readonly accountsPerBrowser: number
  /** Whether people may make their own accounts. */
  readonly signUp: boolean
  /** Further places that the home page points to. */
  readonly links: ReadonlyArray<{ readonly href: string; readonly text: string }>
}

export const defaults: Options = {
  sessionLifetime: Duration.hours(12),
  accountsPerBrowser: 5,
  signUp: true,
  links: []
}

/** Replaced with `Layer.succeed(HostOptions, { ...defaults, … })`. */
export const HostOptions = Context.Reference<Options>("@lockspire/example-host/HostOptions", {
  defaultValue: () => defaults
})
