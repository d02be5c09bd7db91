/** Which resources and which scope values exist, RFC 8707 §2. */
import { Context, Effect } from "effect"
import { standardScopes } from "../oauth/Claims.ts"
import { InvalidTarget } from "../oauth/OAuthError.ts"
import { every, type Parameters } from "../oauth/Parameters.ts"
import { CurrentIssuer } from "../issuer/Issuer.ts"
import { normalForm, type Resource } from "./Resource.ts"
import { Resources } from "./Resources.ts"

/** The registered resources of the current issuer. */
export const currentResources = Effect.contextWith((context: Context.Context<Resources | CurrentIssuer>) =>
  Context.get(context, Resources).list(Context.get(context, CurrentIssuer).identifier)
)

/** Every scope value that means something here. */
export const knownScopes = (resources: ReadonlyArray<Resource>): ReadonlyArray<string> => [
  ...new Set([...standardScopes, ...resources.flatMap((resource) => resource.scopes)])
]

/**
 * The `resource` parameters of a request as they are registered, each among `allowed` by its normal form; RFC 8707 §2:
 * anything else is `invalid_target`.
 */
export const requestedResources = (
  parameters: Parameters,
  allowed: ReadonlyArray<string>,
  whenNotAllowed: "ResourceUnknown" | "ResourceNotGranted"
): Effect.Effect<ReadonlyArray<string>, InvalidTarget> => {
  const received = every(parameters, "resource")
  // Spelt as it was registered, which is what nearly everybody does.
  if (received.every((one) => allowed.includes(one))) return Effect.succeed([...new Set(received)])
  const requested = new Set<string>()
  const registered = new Map(allowed.map((identifier) => [normalForm(identifier), identifier]))
  for (const one of received) {
    const normal = normalForm(one)
    if (normal === undefined) {
      return Effect.fail(new InvalidTarget({ reason: "ResourceMalformed", parameter: "resource", received: one }))
    }
    const identifier = registered.get(normal)
    if (identifier === undefined) {
      return Effect.fail(new InvalidTarget({ reason: whenNotAllowed, parameter: "resource", received: one }))
    }
    requested.add(identifier)
  }
  return Effect.succeed([...requested])
}

/** How a resource wants its access tokens: one token can only be of one kind. */
const kindOf = (one: Resource): string =>
  one.accessTokenFormat === "opaque"
    ? `opaque ${one.accessTokenLifetime ?? ""}`
    : JSON.stringify([one.accessTokenFormat, one.signingAlgorithm ?? "RS256", one.accessTokenLifetime, one.encryption])

/**
 * The registered resources that a token for this audience is for. Where they differ in format, key or lifetime, no one
 * token fits all of them, and the request has to name fewer (RFC 8707 §2).
 */
export const audienceOf = (
  audience: ReadonlyArray<string>,
  resources: ReadonlyArray<Resource>
): Effect.Effect<ReadonlyArray<Resource>, InvalidTarget> => {
  const own = resources.filter((one) => audience.includes(one.identifier))
  return new Set(own.map(kindOf)).size > 1
    ? Effect.fail(new InvalidTarget({ reason: "ResourcesDiffer", parameter: "resource", received: audience.join(" ") }))
    : Effect.succeed(own)
}

/**
 * The part of a scope that a token for these resources carries: what they define (RFC 9068 §2.2.3). A token for no
 * resource is for the issuer's own endpoints and carries all of it.
 */
export const scopeAt = (
  scope: ReadonlyArray<string>,
  audience: ReadonlyArray<string>,
  resources: ReadonlyArray<Resource>
): ReadonlyArray<string> => {
  if (audience.length === 0) return scope
  const defined = new Set(
    resources.filter((resource) => audience.includes(resource.identifier)).flatMap((resource) => resource.scopes)
  )
  return scope.filter((value) => defined.has(value))
}
