/** Who is compared, and what each of them offers. */
import { fileURLToPath } from "node:url"
import type { Recorded } from "./load/protocol.ts"

/** What a server needs to know of its surroundings. */
export interface Surroundings {
  readonly port: number
  /** A database of its own. */
  readonly url: string
  /** Lockspire's answers, and the origin they name; the ceilings repeat them. */
  readonly answers: Recorded
  readonly origin: string
}

export interface Contender {
  readonly name: string
  readonly file: string
  readonly options: (surroundings: Surroundings) => object
  /** Names of workloads; the other cells stay empty. */
  readonly workloads: ReadonlyArray<string>
  readonly isCeiling: boolean
  readonly offlinePrompt: string | undefined
}

const server = (name: string) => fileURLToPath(new URL(`servers/${name}.ts`, import.meta.url))
const common = [
  "discovery",
  "jwks",
  "client-credentials",
  "client-credentials-jwt",
  "introspection",
  "refresh",
  "par",
  "sign-in",
  "sign-in-par-dpop"
]

/** The first one records what the ceilings repeat. */
export const contenders: ReadonlyArray<Contender> = [
  {
    name: "lockspire-memory",
    file: server("lockspire"),
    options: ({ port }) => ({ port }),
    workloads: [...common, "refresh-contention"],
    isCeiling: false,
    offlinePrompt: undefined
  },
  {
    name: "lockspire-postgres",
    file: server("lockspire"),
    options: ({ port, url }) => ({ port, url }),
    workloads: [...common, "refresh-contention"],
    isCeiling: false,
    offlinePrompt: undefined
  },
  {
    name: "node-oidc-provider-memory",
    file: server("oidcProvider"),
    options: ({ port }) => ({ port }),
    workloads: common,
    isCeiling: false,
    offlinePrompt: "consent"
  },
  {
    name: "node-oidc-provider-postgres",
    file: server("oidcProvider"),
    options: ({ port, url }) => ({ port, url }),
    workloads: common,
    isCeiling: false,
    offlinePrompt: "consent"
  },
  {
    name: "better-auth-postgres",
    file: server("betterAuth"),
    options: ({ port, url }) => ({ port, url }),
    // It has no PAR.
    workloads: common.filter((name) => !name.includes("par")),
    isCeiling: false,
    offlinePrompt: undefined
  },
  {
    name: "bare-http",
    file: server("bareHttp"),
    options: ({ answers, origin, port }) => ({ port, answers, origin }),
    workloads: common,
    isCeiling: true,
    offlinePrompt: undefined
  },
  {
    name: "bare-http-es256",
    file: server("bareHttp"),
    options: ({ answers, origin, port }) => ({ port, answers, origin, sign: true }),
    workloads: ["client-credentials-jwt", "refresh", "sign-in", "sign-in-par-dpop"],
    isCeiling: true,
    offlinePrompt: undefined
  },
  {
    name: "bare-http-insert",
    file: server("bareHttp"),
    options: ({ answers, origin, port, url }) => ({ port, answers, origin, url }),
    workloads: ["client-credentials", "client-credentials-jwt", "refresh", "par", "sign-in", "sign-in-par-dpop"],
    isCeiling: true,
    offlinePrompt: undefined
  }
]

/** Named in the table and in what is printed; absent here. */
export const absent: ReadonlyArray<{ readonly name: string; readonly why: string }> = [
  // `go install github.com/ory/hydra/v2@v2.3.0` was tried: the Go module proxy refused it.
  { name: "hydra-postgres", why: "no server of it is written here" }
]
