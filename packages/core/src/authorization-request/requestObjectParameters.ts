/** What a verified request object asks for, as the parameters that a request without one would have, RFC 9101 §4. */
import { Effect, type Schema } from "effect"
import { InvalidRequestObject } from "../oauth/OAuthError.ts"
import type { Parameters } from "../oauth/Parameters.ts"
import { singleParameters } from "./parameterNames.ts"

/** RFC 7519 §4.1: the members that speak of the JWT, and are no parameters. */
const claimNames: ReadonlySet<string> = new Set(["iss", "sub", "aud", "exp", "nbf", "iat", "jti"])

/** The parameters whose values are JSON, which in a request object stands there as it is (RFC 9396 §3). */
const jsonNames: ReadonlySet<string> = new Set(["claims", "authorization_details", "registration"])

/** The values of the parameter; undefined when it cannot have this one. */
const valuesOf = (name: string, value: Schema.Json): ReadonlyArray<string> | undefined => {
  if (typeof value === "string") return [value]
  if (typeof value === "number" || typeof value === "boolean") return [String(value)]
  if (value === null) return undefined
  if (jsonNames.has(name)) return [JSON.stringify(value)]
  // RFC 8707 §2: the one parameter that may be repeated.
  if (name === "resource" && Array.isArray(value))
    return value.every((one) => typeof one === "string") ? value : undefined
  return undefined
}

const isKnown = (name: string): boolean =>
  name === "resource" || name === "redirect_uri" || singleParameters.includes(name)

/** The text of every value is sound: no claims are read that hold NUL or half of a surrogate pair. */
export const parametersOf = (
  claims: Readonly<Record<string, Schema.Json>>
): Effect.Effect<Parameters, InvalidRequestObject> => {
  const parameters = new Map<string, ReadonlyArray<string>>()
  for (const [name, value] of Object.entries(claims)) {
    if (claimNames.has(name)) continue
    const values = valuesOf(name, value)
    if (values === undefined) {
      if (!isKnown(name)) continue
      return Effect.fail(
        new InvalidRequestObject({ reason: "ObjectMemberMalformed", parameter: name, received: typeof value })
      )
    }
    parameters.set(name, values)
  }
  return Effect.succeed(parameters)
}
