/** An authorization request in a column of type `json`. */
import { AuthorizationRequest } from "@lockspire/core"
import { Schema } from "effect"

// As JSON, where an absent value is null.
const Request = Schema.toCodecJson(AuthorizationRequest.AuthorizationRequest)

export const encodeRequest = Schema.encodeSync(Schema.fromJsonString(Request))
export const decodeRequest = Schema.decodeUnknownSync(Request)
