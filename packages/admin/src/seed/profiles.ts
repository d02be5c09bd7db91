/** Whether what a seed names keeps the rules in force for it: what does not is refused. */
import { type Client, ClientStore, Metadata, Policy, type ProfileRule } from "@lockspire/core"
import { Effect } from "effect"
import { refusedUnder, sentences } from "../profile/setProfile.ts"
import { settled } from "../profile/settings.ts"
import { clientStanding, factsOf, failing, serverStanding } from "../profile/Standing.ts"
import { clientOf } from "./client.ts"
import type { Seed } from "./Seed.ts"
import { pathOf, type Problem, SeedInvalid, type Warning } from "./SeedInvalid.ts"

/** The policy settings as they will be stored. */
export const policyAfter = (stored: Policy.PolicySettings, seed: Seed["policy"]): Policy.PolicySettings =>
  seed === undefined ? stored : settled({ ...stored, ...seed })

/**
 * The rules of the seed's own profiles that its server and clients fail on any server: what can be told of a file alone.
 * Which keys a server has, and whether certificates reach it, is for `holdToProfiles`.
 */
export const profileProblems = (seed: Seed): ReadonlyArray<Problem> => {
  const policy = Policy.effective(policyAfter({}, seed.policy))
  const facts: ProfileRule.ServerFacts = {
    signingAlgorithms: Metadata.SigningAlgorithm.literals,
    authorizationCodeLifetime: policy.authorizationCodeLifetime,
    pushedRequestLifetime: policy.pushedRequestLifetime,
    mutualTls: true
  }
  const wanted = (seed.clients ?? []).map((client) => clientOf("", client, [], client.disabled ?? false))
  return failingIn(seed, policy, facts, wanted)
}

const failingIn = (
  seed: Seed,
  policy: Policy.Policy,
  facts: ProfileRule.ServerFacts,
  wanted: ReadonlyArray<Client.Client>
): ReadonlyArray<Problem> => {
  const ofServer =
    seed.policy === undefined ? [] : failing(serverStanding(policy, facts).assessments).flatMap(sentences)
  return [
    ...ofServer.map((reason) => ({ path: "policy.securityProfile", reason })),
    ...wanted.flatMap((client, at) =>
      client.disabled
        ? []
        : failing(clientStanding(policy, client, facts).assessments)
            .flatMap(sentences)
            // What the server lacks is told once, not again for each of its clients.
            .filter((reason) => !ofServer.includes(reason))
            .map((reason) => ({ path: pathOf(["clients", at]), reason }))
    )
  ]
}

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
  const problems = failingIn(seed, after, facts, wanted)
  if (problems.length > 0) return yield* new SeedInvalid({ problems })
  const named = new Set(wanted.map(({ clientId }) => clientId))
  const others = (yield* (yield* ClientStore).list(issuer)).filter(({ clientId }) => !named.has(clientId))
  return refusedUnder(others, before, after, facts).map(({ clientId, failing }): Warning => ({
    path: "policy.securityProfile",
    reason: `the client "${clientId}" will be refused until this is mended: it ${failing.flatMap(sentences).join(" It ")}`
  }))
})
