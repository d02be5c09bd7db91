/** Protection of the host's own routes, in an HttpApi or in an HttpRouter. */
import type { CurrentAccessToken, Requirement } from "@lockspire/core"
import { Context, Effect, Layer, Option, Schema } from "effect"
import { HttpRouter } from "effect/http"
import {
  type HttpApiEndpoint,
  type HttpApiGroup,
  HttpApiMiddleware,
  HttpApiSchema,
  HttpApiSecurity
} from "effect/http-api"
import { guard } from "./guard.ts"

/** RFC 6750 §3.1; empty for a request without a token. */
const Refused = Schema.Struct({
  error: Schema.optionalKey(Schema.String),
  error_description: Schema.optionalKey(Schema.String)
})

/** What an endpoint asks of a token; an annotation of the endpoint, or of its group. */
export class Requires extends Context.Service<Requires, Requirement>()("@lockspire/http/protect/Requires") {}

const requirementOf = (at: { readonly endpoint: HttpApiEndpoint.Top; readonly group: HttpApiGroup.Top }): Requirement =>
  Option.getOrElse(
    Option.orElse(Context.getOption(at.endpoint.annotations, Requires), () =>
      Context.getOption(at.group.annotations, Requires)
    ),
    () => ({})
  )

/**
 * An HttpApi middleware: its endpoints receive `CurrentAccessToken`. What one of them asks beyond a valid token stands
 * in its annotation: `.annotate(Protect.Requires, { scope: ["read"] })`.
 */
export class Protected extends HttpApiMiddleware.Service<Protected, { provides: CurrentAccessToken }>()(
  "@lockspire/http/protect/Protected",
  {
    security: { bearer: HttpApiSecurity.bearer, dpop: HttpApiSecurity.http({ scheme: "DPoP" }) },
    error: [
      Refused.pipe(HttpApiSchema.status(400)),
      Refused.pipe(HttpApiSchema.status(401)),
      Refused.pipe(HttpApiSchema.status(403)),
      Refused.pipe(HttpApiSchema.status(503))
    ]
  }
) {
  static readonly layer = Layer.effect(
    Protected,
    Effect.map(guard, (guarded) => ({
      // The guard reads the headers itself, for either scheme: a decoded credential cannot tell no token from an empty one.
      bearer: (route, at) => guarded(route, requirementOf(at)),
      dpop: (route, at) => guarded(route, requirementOf(at))
    }))
  )
}

/** An HttpRouter middleware: the routes to which its `layer` is provided receive `CurrentAccessToken`. */
export const middleware = (requirement: Requirement = {}) =>
  HttpRouter.middleware<{ provides: CurrentAccessToken }>()(
    Effect.map(guard, (guarded) => (route) => guarded(route, requirement))
  )
