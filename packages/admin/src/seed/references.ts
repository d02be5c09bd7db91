/** Clients and resources that a seed refers to: they are stored by name, and may come later. */
import { ClientStore, ResourceStore } from "@lockspire/core"
import { Effect, Option } from "effect"
import type { Seed } from "./Seed.ts"
import { pathOf, type Warning } from "./SeedInvalid.ts"

interface Reference {
  readonly kind: "client" | "resource"
  readonly id: string
  readonly path: ReadonlyArray<PropertyKey>
}

const listed = (
  kind: Reference["kind"],
  ids: ReadonlyArray<string> | undefined,
  path: ReadonlyArray<PropertyKey>
): ReadonlyArray<Reference> => (ids ?? []).map((id, at) => ({ kind, id, path: [...path, at] }))

const referencesOf = (seed: Seed): ReadonlyArray<Reference> => [
  ...(seed.resources ?? []).flatMap(({ introspectionClients }, at) =>
    listed("client", introspectionClients, ["resources", at, "introspectionClients"])
  ),
  ...(seed.exchangeRules ?? []).flatMap(({ clientId, subjectClients, targets }, at): ReadonlyArray<Reference> => [
    { kind: "client", id: clientId, path: ["exchangeRules", at, "clientId"] },
    ...listed("client", subjectClients, ["exchangeRules", at, "subjectClients"]),
    ...listed("resource", targets, ["exchangeRules", at, "targets"])
  ]),
  ...(seed.trustedIssuers ?? []).flatMap(({ clients }, at) =>
    listed("client", clients, ["trustedIssuers", at, "clients"])
  )
]

/** A warning for each that the issuer does not have: most likely a name that is misspelt. */
export const missingReferences = Effect.fnUntraced(function* (issuer: string, seed: Seed) {
  const clients = yield* ClientStore
  const resources = new Set((yield* (yield* ResourceStore).list(issuer)).map(({ identifier }) => identifier))
  const missing = yield* Effect.filter(referencesOf(seed), ({ id, kind }) =>
    kind === "resource" ? Effect.succeed(!resources.has(id)) : Effect.map(clients.find(issuer, id), Option.isNone)
  )
  return missing.map(({ id, kind, path }): Warning => ({
    path: pathOf(path),
    reason: `there is no ${kind} "${id}" at the issuer yet`
  }))
})
