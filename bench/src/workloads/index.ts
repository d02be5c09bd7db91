import { clientCredentials, clientCredentialsJwt } from "./clientCredentials.ts"
import { contention } from "./contention.ts"
import { discovery, jwks } from "./documents.ts"
import { introspection } from "./introspection.ts"
import { pushedRequest } from "./pushedRequest.ts"
import { refresh } from "./refresh.ts"
import { signIn } from "./signIn.ts"
import { signInByKey } from "./signInByKey.ts"
import type { Workload } from "./Workload.ts"

/** In the order of the table. */
export const workloads: ReadonlyArray<Workload> = [
  discovery,
  jwks,
  clientCredentials,
  clientCredentialsJwt,
  introspection,
  refresh,
  pushedRequest,
  signIn,
  signInByKey,
  contention
]
