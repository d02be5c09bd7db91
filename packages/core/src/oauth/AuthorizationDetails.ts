/** Rich authorization requests: the `authorization_details` parameter, RFC 9396 §2. */
import { Effect, Schema } from "effect"
import { InvalidAuthorizationDetails } from "./OAuthError.ts"

/** One element: what is wanted, by `type`; the other members are the type's own. */
export const AuthorizationDetail = Schema.StructWithRest(Schema.Struct({ type: Schema.NonEmptyString }), [
  Schema.Record(Schema.String, Schema.Json)
])
export type AuthorizationDetail = typeof AuthorizationDetail.Type

const decode = Schema.decodeUnknownEffect(Schema.fromJsonString(Schema.Array(AuthorizationDetail)))

/** Characters of the whole parameter, and elements in it. */
const maximumLength = 16 * 1024
const maximumElements = 32

const malformed = () =>
  new InvalidAuthorizationDetails({ reason: "DetailsMalformed", parameter: "authorization_details" })

/** §2: a JSON array of objects with a `type`. Anything else, or too much of it, is `invalid_authorization_details`. */
export const parse = (text: string): Effect.Effect<ReadonlyArray<AuthorizationDetail>, InvalidAuthorizationDetails> =>
  text.length > maximumLength
    ? Effect.fail(malformed())
    : decode(text).pipe(
        Effect.mapError(malformed),
        Effect.filterOrFail((details) => details.length > 0 && details.length <= maximumElements, malformed)
      )

/** The same text for the same JSON value, whatever the order of its members. */
export const canonical = (value: Schema.Json): string => {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`
  if (typeof value !== "object" || value === null) return JSON.stringify(value)
  const members = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join(",")}}`
}
