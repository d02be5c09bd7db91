/** An authorization request that its client pushed, RFC 9126: valid when it arrived, and worth one authorization. */
import { Schema } from "effect"
import { AuthorizationRequest } from "../authorization-request/AuthorizationRequest.ts"
import type { Lifecycle } from "../oauth/Lifecycle.ts"

const pushed = {
  issuer: Schema.String,
  /** Hash of the `request_uri`. */
  requestUriHash: Schema.String,
  clientId: Schema.String,
  request: AuthorizationRequest,
  /** When the browser has to have come with it. */
  expiresAt: Schema.DateTimeUtc
}

/** RFC 9126 §7.3: it is used up when the authorization completes, so that a person may reload the page before. */
export const PushedRequest = Schema.TaggedUnion({
  Pushed: pushed,
  Used: { ...pushed, usedAt: Schema.DateTimeUtc }
})
export type PushedRequest = typeof PushedRequest.Type
export type Pushed = Extract<PushedRequest, { _tag: "Pushed" }>

export const lifecycle = { Pushed: ["Used"], Used: [] } as const satisfies Lifecycle<PushedRequest>
