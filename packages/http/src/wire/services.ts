/** The services that the pipelines need, taken once when the routes are built and lent to every request. */
import type {
  Interact,
  introspectionResponse,
  Issuer,
  metadata,
  push,
  revoke,
  token,
  userinfoResponse
} from "@lockspire/core"
import type { Crypto, SigningKeys } from "@lockspire/core"
import { Effect } from "effect"

/** Everything that a host composes: core's layers, a storage, and its own `HostResolver`. */
export type ProtocolServices =
  | Exclude<
      | Effect.Services<ReturnType<typeof push>>
      | Effect.Services<ReturnType<typeof token>>
      | Effect.Services<ReturnType<typeof introspectionResponse>>
      | Effect.Services<ReturnType<typeof revoke>>
      | Effect.Services<ReturnType<typeof userinfoResponse>>
      | Effect.Services<ReturnType<typeof Interact.begin>>
      | Effect.Services<ReturnType<typeof Interact.decide>>
      | Effect.Services<typeof metadata>,
      Issuer.CurrentIssuer
    >
  | Issuer.Issuers
  | Crypto.Crypto
  | SigningKeys

/** The running services, as a value to provide to each request. */
export const protocolServices = Effect.context<ProtocolServices>()
