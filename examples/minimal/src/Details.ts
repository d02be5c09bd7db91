/**
 * Authorization details (RFC 9396) of a host that has no payments or accounts of its own: every type that a client
 * registered is known, taken as it was sent, and shown to the person member by member.
 */
import { type AuthorizationDetailsType, AuthorizationDetailsTypes, ClientStore, Issuer } from "@lockspire/core"
import { Effect, Layer, Option } from "effect"

const asSent: AuthorizationDetailsType = {
  validate: (detail) => Effect.succeed(Option.some(detail)),
  describe: (detail) =>
    Object.entries(detail)
      .filter(([name]) => name !== "type")
      .map(([name, value]) => `${name}: ${typeof value === "string" ? value : JSON.stringify(value)}`)
}

/** Read when the host starts: a type that is registered later is known after the next start. */
export const Details = Layer.effect(
  AuthorizationDetailsTypes,
  Effect.gen(function* () {
    const store = yield* ClientStore
    const clients = yield* Effect.forEach(yield* Issuer.Issuers, ({ identifier }) => store.list(identifier))
    const types = clients.flat().flatMap(({ metadata }) => {
      const registered = metadata["authorization_details_types"]
      return Array.isArray(registered) ? registered.filter((type) => typeof type === "string") : []
    })
    return new Map(types.map((type) => [type, asSent]))
  })
)
