/** Which authorization details a client may ask for, and which a token request may still name. RFC 9396 §2, §5, §6. */
import { Effect, Option } from "effect"
import { check, checking } from "../audit/Refusal.ts"
import type { Client } from "../client/Client.ts"
import { hashToken } from "../crypto/Crypto.ts"
import { AuthorizationDetailsTypes } from "../host/AuthorizationDetailsTypes.ts"
import { type AuthorizationDetail, canonical, parse } from "../oauth/AuthorizationDetails.ts"
import { InvalidAuthorizationDetails } from "../oauth/OAuthError.ts"
import { optional, type Parameters } from "../oauth/Parameters.ts"

const parameter = "authorization_details"

/** §10: a client that registered types may use these alone. */
const registeredTypes = ({ metadata }: Client): ReadonlyArray<unknown> | undefined => {
  const types = Object.hasOwn(metadata, "authorization_details_types")
    ? metadata["authorization_details_types"]
    : undefined
  return Array.isArray(types) ? types : undefined
}

/** The details of an authorization request, as they would be granted. */
export const requestedDetails = Effect.fnUntraced(function* (client: Client, parameters: Parameters) {
  const text = yield* optional(parameters, parameter)
  if (text === undefined) return []
  const types = yield* AuthorizationDetailsTypes
  const registered = registeredTypes(client)
  const details = yield* checking("RFC 9396 §2: authorization_details is an array of typed objects", parse(text))
  const granted: Array<AuthorizationDetail> = []
  for (const detail of details) {
    const received = detail.type
    const type = types.get(received)
    yield* check(
      "RFC 9396 §5: the type of every detail is known",
      type !== undefined,
      () => new InvalidAuthorizationDetails({ reason: "DetailTypeUnknown", parameter, received })
    )
    yield* check(
      "RFC 9396 §10: the client registered the type",
      registered === undefined || registered.includes(received),
      () => new InvalidAuthorizationDetails({ reason: "DetailTypeNotRegistered", parameter, received })
    )
    const validated = yield* type!.validate(detail, client.clientId)
    yield* check(
      "RFC 9396 §5: the host takes the detail",
      Option.isSome(validated),
      () => new InvalidAuthorizationDetails({ reason: "DetailRefused", parameter, received })
    )
    granted.push(Option.getOrThrow(validated))
  }
  return granted
})

/** What stands for a detail in the memory of consent: a hash of its canonical form. */
export const digestOf = (detail: AuthorizationDetail) => hashToken(canonical(detail))

/** §6: a token request may name some of the granted details; it receives these, or all when it names none. */
export const narrowedDetails = Effect.fnUntracedEager(function* (
  parameters: Parameters,
  granted: ReadonlyArray<AuthorizationDetail>
) {
  const text = yield* optional(parameters, parameter)
  if (text === undefined) return granted
  const details = yield* checking("RFC 9396 §2: authorization_details is an array of typed objects", parse(text))
  const known = new Set(granted.map(canonical))
  yield* check(
    "RFC 9396 §6: authorization_details only narrows",
    details.every((detail) => known.has(canonical(detail))),
    () => new InvalidAuthorizationDetails({ reason: "DetailNotGranted", parameter })
  )
  return details
})
