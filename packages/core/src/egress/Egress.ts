/** The one way out: everything that fetches a URL somebody else chose goes through here. */
import { Context, Data, Effect, Layer } from "effect"

export interface EgressRequest {
  readonly url: string
  /** The media types that will do, for `Accept`. */
  readonly accept: string
}

export interface EgressResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

/** Why nothing was fetched. `reason` is for traces and operators. */
export class EgressRefused extends Data.TaggedError("EgressRefused")<{
  readonly reason:
    | "UrlMalformed"
    | "NotHttps"
    | "AddressSpecialUse"
    | "NameUnresolved"
    | "Redirected"
    | "TooLarge"
    | "TooSlow"
    | "ConnectionFailed"
    | "Disabled"
  readonly url: string
}> {}

/**
 * A GET with no credentials. https only; the name is resolved once, every address it has must be public, and the
 * connection goes to the address that was checked, so that a second answer of the name server changes nothing. No
 * redirect is followed, no proxy is used; time and size are limited.
 */
export class Egress extends Context.Service<
  Egress,
  { readonly get: (request: EgressRequest) => Effect.Effect<EgressResponse, EgressRefused> }
>()("@lockspire/core/egress/Egress") {
  /** Fetches nothing: for a server whose clients bring their keys inline. */
  static readonly layerNone = Layer.succeed(
    Egress,
    Egress.of({ get: ({ url }) => Effect.fail(new EgressRefused({ reason: "Disabled", url })) })
  )
}

export { isSpecialUse } from "./specialUse.ts"
