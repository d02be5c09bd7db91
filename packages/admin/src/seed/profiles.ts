/** Whether what a seed names keeps the rules in force for it: what does not is refused. */
import { type Client, ClientStore, Policy } from "@lockspire/core"
import { Effect } from "effect"
import { refusedUnder, sentences } from "../profile/setProfile.ts"
import { settled } from "../profile/settings.ts"
import { clientStanding, factsOf, failing, serverStanding } from "../profile/Standing.ts"
import type { Seed } from "./Seed.ts"
import { pathOf, type Problem, SeedInvalid, type Warning } from "./SeedInvalid.ts"

/** The policy settings as they will be stored. */
export const policyAfter = (stored: Policy.PolicySettings, seed: Seed["policy"]): Policy.PolicySettings =>
  seed === undefined ? stored : settled({ ...stored, ...seed })

/**
 * Fails with a problem for every rule that the seed's server, or one of its clients, does not keep. Answers with a
 * warning for every client that is stored already, is not in the seed, and is refused once its policy is in force.
 */
export const holdToProfiles = Effect.fnUntraced(function* (
  issuer: string,
  seed: Seed,
  wanted: ReadonlyArray<Client.Client>
) {
  const policies = yield* Policy.Policies
  const stored = yield* (yield* Policy.PolicyStore).find(issuer)
  const before = policies.effectiveWith(stored)
  const after = policies.effectiveWith(policyAfter(stored, seed.policy))
  const facts = yield* factsOf(issuer, after)
  const ofServer = seed.policy === undefined ? [] : failing(serverStanding(after, facts).assessments).flatMap(sentences)
  const problems: ReadonlyArray<Problem> = [
    ...ofServer.map((reason) => ({ path: "policy.securityProfile", reason })),
    ...wanted.flatMap((client, at) =>
      client.disabled
        ? []
        : failing(clientStanding(after, client, facts).assessments)
            .flatMap(sentences)
            // What the server lacks is told once, not again for each of its clients.
            .filter((reason) => !ofServer.includes(reason))
            .map((reason) => ({ path: pathOf(["clients", at]), reason }))
    )
  ]
  if (problems.length > 0) return yield* new SeedInvalid({ problems })
  const named = new Set(wanted.map(({ clientId }) => clientId))
  const others = (yield* (yield* ClientStore).list(issuer)).filter(({ clientId }) => !named.has(clientId))
  return refusedUnder(others, before, after, facts).map(({ clientId, failing }): Warning => ({
    path: "policy.securityProfile",
    reason: `the client "${clientId}" will be refused until this is mended: it ${failing.flatMap(sentences).join(" It ")}`
  }))
})
