/** Browser work in progress: from a valid authorization request to the person's decision. */
import { Schema } from "effect"
import { AuthorizationRequest } from "../authorization-request/AuthorizationRequest.ts"
import type { Lifecycle } from "../oauth/Lifecycle.ts"

const begun = {
  issuer: Schema.String,
  /** Hash of the handle in the browser's address bar. */
  handleHash: Schema.String,
  /** Hash of the cookie of the browser that it belongs to; undefined until a browser claims it. */
  browserHash: Schema.UndefinedOr(Schema.String),
  request: AuthorizationRequest,
  createdAt: Schema.DateTimeUtc,
  expiresAt: Schema.DateTimeUtc,
  /** What the host has already been asked to do for it. */
  prompted: Schema.Array(Schema.Literals(["login", "select_account", "create"]))
}

/**
 * `Pending`: the person has to sign in or choose. `Deciding`: the consent page is shown to `subject`, and only that
 * subject can answer it. `Finished`: answered; it can be finished once.
 */
export const Interaction = Schema.TaggedUnion({
  Pending: begun,
  Deciding: { ...begun, subject: Schema.String },
  Finished: { ...begun, finishedAt: Schema.DateTimeUtc }
})
export type Interaction = typeof Interaction.Type
export type Pending = Extract<Interaction, { _tag: "Pending" }>
export type Unfinished = Exclude<Interaction, { _tag: "Finished" }>

export const lifecycle = {
  Pending: ["Deciding", "Finished"],
  Deciding: ["Pending", "Finished"],
  Finished: []
} as const satisfies Lifecycle<Interaction>
