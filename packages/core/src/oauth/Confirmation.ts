/** The `cnf` claim: the key that whoever uses a token has to prove to hold, RFC 7800 §3.1. */
import { Schema } from "effect"

/** Every member that is there has to be proved. */
export const Confirmation = Schema.Struct({
  /** RFC 9449 §6.1: the thumbprint (RFC 7638) of the key that signs DPoP proofs. */
  jkt: Schema.optionalKey(Schema.NonEmptyString),
  /** RFC 8705 §3.1: the thumbprint of the certificate of the TLS connection. */
  "x5t#S256": Schema.optionalKey(Schema.NonEmptyString)
})
export type Confirmation = typeof Confirmation.Type

/** RFC 9449 §5, RFC 6750 §4: how a token of that confirmation is presented. A certificate changes nothing about it. */
export const tokenTypeOf = (confirmation: Confirmation | undefined): "DPoP" | "Bearer" =>
  confirmation?.jkt === undefined ? "Bearer" : "DPoP"

/** Whether what was proved is everything that the confirmation names. */
export const isConfirmedBy = (confirmation: Confirmation, proved: Confirmation): boolean =>
  (["jkt", "x5t#S256"] as const).every(
    (name) => confirmation[name] === undefined || confirmation[name] === proved[name]
  )
