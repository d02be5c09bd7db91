/** Which resources and which scope values exist, RFC 8707 §2. */
import { Effect } from "effect"
import { standardScopes } from "../oauth/Claims.ts"
import { InvalidTarget } from "../oauth/OAuthError.ts"
import { every, type Parameters } from "../oauth/Parameters.ts"
import { CurrentIssuer } from "../issuer/Issuer.ts"
import { isResourceIdentifier, type Resource } from "./Resource.ts"
import { Resources } from "./Resources.ts"

/** The registered resources of the current issuer. */
export const currentResources = Effect.gen(function* () {
  const resources = yield* Resources
  return yield* resources.list((yield* CurrentIssuer).identifier)
})

/** Every scope value that means something here. */
export const knownScopes = (resources: ReadonlyArray<Resource>): ReadonlyArray<string> => [
  ...new Set([...standardScopes, ...resources.flatMap((resource) => resource.scopes)])
]

/** The `resource` parameters of a request, each among `allowed`; RFC 8707 §2: anything else is `invalid_target`. */
export const requestedResources = (
  parameters: Parameters,
  allowed: ReadonlyArray<string>,
  whenNotAllowed: "ResourceUnknown" | "ResourceNotGranted"
): Effect.Effect<ReadonlyArray<string>, InvalidTarget> => {
  const requested = [...new Set(every(parameters, "resource"))]
  for (const received of requested) {
    if (!isResourceIdentifier(received)) {
      return Effect.fail(new InvalidTarget({ reason: "ResourceMalformed", parameter: "resource", received }))
    }
    if (!allowed.includes(received)) {
      return Effect.fail(new InvalidTarget({ reason: whenNotAllowed, parameter: "resource", received }))
    }
  }
  return Effect.succeed(requested)
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
