/** Request parameters as they arrived, application/x-www-form-urlencoded in a query or a body. */
import { Effect } from "effect"
import { InvalidRequest } from "./OAuthError.ts"

/** Every value of every name, in order of arrival. A Map: no name can reach a prototype. */
export type Parameters = ReadonlyMap<string, ReadonlyArray<string>>

const malformed = (received: string) =>
  new InvalidRequest({ reason: "ParameterMalformed", expected: "application/x-www-form-urlencoded", received })

/** Undoes the percent-encoding of one name or value; undefined where it is malformed. */
export const decodeComponent = (text: string): string | undefined => {
  const spaced = text.includes("+") ? text.replaceAll("+", " ") : text
  if (!spaced.includes("%")) return spaced
  try {
    return decodeURIComponent(spaced)
  } catch {
    return undefined
  }
}

const decode = (text: string): string | undefined => {
  const decoded = decodeComponent(text)
  return decoded === undefined || decoded.includes("\0") || !decoded.isWellFormed() ? undefined : decoded
}

/**
 * Reads a query or a form body strictly: malformed percent-encoding, invalid UTF-8, NUL and lone surrogates
 * are `invalid_request`, where lenient decoders would let two readers see two different values.
 */
export const parse = (text: string): Effect.Effect<Parameters, InvalidRequest> => {
  const parameters = new Map<string, Array<string>>()
  for (const pair of text.split("&")) {
    if (pair === "") continue
    const at = pair.indexOf("=")
    const name = decode(at < 0 ? pair : pair.slice(0, at))
    const value = decode(at < 0 ? "" : pair.slice(at + 1))
    if (name === undefined || value === undefined) return Effect.fail(malformed("undecodable text"))
    const values = parameters.get(name)
    if (values === undefined) parameters.set(name, [value])
    else values.push(value)
  }
  return Effect.succeed(parameters)
}

/** RFC 6749 §3.1, §3.2: a parameter without a value is treated as if it were omitted. */
export const every = (parameters: Parameters, name: string): ReadonlyArray<string> =>
  (parameters.get(name) ?? []).filter((value) => value !== "")

/** RFC 6749 §3.1, §3.2: none of these parameters is sent more than once. */
export const once = (parameters: Parameters, names: ReadonlyArray<string>): Effect.Effect<void, InvalidRequest> => {
  const repeated = names.find((name) => (parameters.get(name)?.length ?? 0) > 1)
  return repeated === undefined
    ? Effect.void
    : Effect.fail(new InvalidRequest({ reason: "ParameterRepeated", parameter: repeated }))
}

/** The value of a parameter that may be left out. RFC 6749 §3.1, §3.2: it must not be sent more than once. */
export const optional = (parameters: Parameters, name: string): Effect.Effect<string | undefined, InvalidRequest> => {
  if ((parameters.get(name)?.length ?? 0) > 1) {
    return Effect.fail(new InvalidRequest({ reason: "ParameterRepeated", parameter: name }))
  }
  return Effect.succeed(every(parameters, name)[0])
}

/** The value of a parameter that must be there, once. */
export const required = (parameters: Parameters, name: string): Effect.Effect<string, InvalidRequest> =>
  Effect.flatMapEager(optional(parameters, name), (value) =>
    value === undefined
      ? Effect.fail(new InvalidRequest({ reason: "ParameterMissing", parameter: name }))
      : Effect.succeed(value)
  )
