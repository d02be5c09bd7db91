/** What went wrong between this client and the issuer, in words for a page. */
import { Data } from "effect"
import * as oidc from "openid-client"

/** `code` is the OAuth error code, where the issuer sent one. */
export class Failure extends Data.TaggedError("Failure")<{
  readonly code: string | undefined
  readonly description: string
}> {}

/** The most of a foreign text that a page repeats. */
const longest = 500
const clip = (text: string) => (text.length > longest ? `${text.slice(0, longest)}…` : text)

const make = (code: string | undefined, description: string) =>
  new Failure({ code: code === undefined ? undefined : clip(code), description: clip(description) })

/** The sentences of an error and of what caused it, outermost first. */
const sentences = (error: unknown, depth = 0): string => {
  if (!(error instanceof Error)) return ""
  const cause = depth < 3 ? sentences(error.cause, depth + 1) : ""
  return cause === "" || error.message.includes(cause) ? error.message : `${error.message}: ${cause}`
}

/** Every error that openid-client throws, and whatever fetch throws below it. */
export const fromLibrary = (error: unknown): Failure => {
  if (error instanceof oidc.AuthorizationResponseError || error instanceof oidc.ResponseBodyError) {
    return make(error.error, error.error_description ?? "The issuer gave no description.")
  }
  if (error instanceof oidc.WWWAuthenticateChallengeError) {
    const parameters = error.cause[0]?.parameters
    return make(
      parameters?.error,
      parameters?.error_description ?? `The answer was ${error.status} with a challenge and no description.`
    )
  }
  return make(undefined, sentences(error) || "Something failed that has no description.")
}

/** What this client itself refuses. */
export const refusal = (description: string): Failure => make(undefined, description)
