import { clientCredentials } from "./clientCredentials.ts"
import { contention } from "./contention.ts"
import { discovery, jwks } from "./documents.ts"
import { introspection } from "./introspection.ts"
import { refresh } from "./refresh.ts"
import { signIn } from "./signIn.ts"
import type { Workload } from "./Workload.ts"

/** In the order of the table. */
export const workloads: ReadonlyArray<Workload> = [
  discovery,
  jwks,
  clientCredentials,
  introspection,
  refresh,
  signIn,
  contention
]
