/** How long tokens live, and who says so: of what the policy, the client and the resource set, the shortest wins. */
import { Effect } from "effect"
import type { Client } from "../client/Client.ts"
import { currentPolicy, type Policy } from "../issuer/Policy.ts"
import { currentResources } from "../resource/registry.ts"
import type { Resource } from "../resource/Resource.ts"

/** A length of time in seconds, and what set it. */
export interface Lifetime {
  readonly seconds: number
  readonly source: "policy" | "client" | `resource ${string}`
}

/** A client's own limits: members of its metadata, seconds. */
export const clientLifetimes = [
  "access_token_lifetime",
  "id_token_lifetime",
  "refresh_token_idle_lifetime",
  "refresh_token_absolute_lifetime"
] as const

const ofClient = (client: Client, name: (typeof clientLifetimes)[number]): ReadonlyArray<Lifetime> => {
  const seconds = Object.hasOwn(client.metadata, name) ? client.metadata[name] : undefined
  return typeof seconds === "number" && seconds > 0 ? [{ seconds: Math.floor(seconds), source: "client" }] : []
}

const shortest = (policy: number, others: ReadonlyArray<Lifetime>): Lifetime =>
  others.reduce((least, one) => (one.seconds < least.seconds ? one : least), { seconds: policy, source: "policy" })

export const accessTokenLifetime = (policy: Policy, client: Client, resources: ReadonlyArray<Resource>): Lifetime =>
  shortest(policy.accessTokenLifetime, [
    ...ofClient(client, "access_token_lifetime"),
    ...resources.flatMap(({ accessTokenLifetime: seconds, identifier }): ReadonlyArray<Lifetime> =>
      seconds === undefined ? [] : [{ seconds, source: `resource ${identifier}` }]
    )
  ])

export const idTokenLifetime = (policy: Policy, client: Client): Lifetime =>
  shortest(policy.idTokenLifetime, ofClient(client, "id_token_lifetime"))

export const refreshTokenIdleLifetime = (policy: Policy, client: Client): Lifetime =>
  shortest(policy.refreshTokenIdleLifetime, ofClient(client, "refresh_token_idle_lifetime"))

export const refreshTokenAbsoluteLifetime = (policy: Policy, client: Client): Lifetime =>
  shortest(policy.refreshTokenAbsoluteLifetime, ofClient(client, "refresh_token_absolute_lifetime"))

/** What an operator is shown: the effective lifetimes of this client's tokens for these resources, each with its source. */
export const effectiveLifetimes = Effect.fnUntraced(function* (client: Client, audience: ReadonlyArray<string> = []) {
  const policy = yield* currentPolicy
  const resources = (yield* currentResources).filter((one) => audience.includes(one.identifier))
  return {
    accessToken: accessTokenLifetime(policy, client, resources),
    idToken: idTokenLifetime(policy, client),
    refreshTokenIdle: refreshTokenIdleLifetime(policy, client),
    refreshTokenAbsolute: refreshTokenAbsoluteLifetime(policy, client)
  }
})
