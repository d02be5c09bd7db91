import { Effect } from "effect"
import type { Client } from "../client/Client.ts"
import { RequestNotSupported } from "../oauth/OAuthError.ts"
import type { Parameters } from "../oauth/Parameters.ts"
import type { DateTime } from "effect"

export const readRequestObject = (
  _client: Client,
  _text: string
): Effect.Effect<
  { parameters: Parameters; object: { jtiHash: string; until: DateTime.Utc } | undefined },
  RequestNotSupported
> => Effect.fail(new RequestNotSupported({ reason: "RequestObjectUnsigned" }))
