/** The nonce that the answer to the current request hands out in its `DPoP-Nonce` header, RFC 9449 §8, §8.2. */
import { Context } from "effect"

/** Each request has its own; undefined where no header can be set. */
export const AnswerNonce = Context.Reference<{ nonce: string | undefined } | undefined>(
  "@lockspire/core/proof/AnswerNonce",
  { defaultValue: () => undefined }
)
