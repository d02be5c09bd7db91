/** Scope, RFC 6749 §3.3. */
import { Effect } from "effect"
import { InvalidScope } from "./OAuthError.ts"

const token = /^[\x21\x23-\x5b\x5d-\x7e]+$/

/** Space-delimited, order without meaning; a repeated value counts once. Other characters are `invalid_scope`. */
export const parse = (scope: string): Effect.Effect<ReadonlyArray<string>, InvalidScope> => {
  const tokens = scope.split(" ").filter((value) => value !== "")
  return tokens.length > 0 && tokens.every((value) => token.test(value))
    ? Effect.succeed([...new Set(tokens)])
    : Effect.fail(new InvalidScope({ reason: "ScopeMalformed" }))
}

export const format = (scope: ReadonlyArray<string>): string => scope.join(" ")

export const isSubset = (part: ReadonlyArray<string>, whole: ReadonlyArray<string>): boolean =>
  part.every((value) => whole.includes(value))
