/** How the server, or one of its clients, stands to the rules in force. */
import {
  type Client,
  MutualTls,
  ManageKeys,
  Policy,
  Profile,
  ProfileAssessment,
  type ProfileRule,
  SigningKey,
  SigningKeyStore
} from "@lockspire/core"
import { Effect } from "effect"

type Assessment = ProfileAssessment.Assessment

/** A profile in force, and who set it. */
export interface ProfileInForce {
  readonly profile: Policy.SecurityProfile
  readonly source: "policy" | "client"
  /** What `fapi_2_0_message_signing` signs; nothing for any other. */
  readonly messageSigning: Policy.MessageSigning
}

export interface Standing {
  readonly profiles: ReadonlyArray<ProfileInForce>
  /** Rule by rule, also those that policy or the client's registration state without a profile. */
  readonly assessments: ReadonlyArray<Assessment>
}

export const failing = (assessments: ReadonlyArray<Assessment>): ReadonlyArray<Assessment> =>
  assessments.filter(({ state }) => state === "failed")

/**
 * What of the server the rules look at, under a policy that is in force or is to be. An issuer that has no keys yet gets
 * the ones of a first start before anybody asks it for a signature.
 */
export const factsOf = Effect.fnUntraced(function* (issuer: string, policy: Policy.Policy) {
  const keys = (yield* (yield* SigningKeyStore).list(issuer)).filter(SigningKey.signs)
  const active = keys.filter((key) => key._tag === "Active").map((key) => key.algorithm)
  return {
    signingAlgorithms: keys.length === 0 ? ManageKeys.defaultAlgorithms : [...new Set(active)],
    authorizationCodeLifetime: policy.authorizationCodeLifetime,
    pushedRequestLifetime: policy.pushedRequestLifetime,
    mutualTls: (yield* MutualTls) !== undefined
  } satisfies ProfileRule.ServerFacts
})

const ofPolicy = (policy: Policy.Policy): ReadonlyArray<ProfileInForce> =>
  policy.securityProfiles.map((profile) => ({
    profile,
    source: "policy",
    messageSigning: Policy.signedParts(profile, policy.messageSigning)
  }))

export const serverStanding = (policy: Policy.Policy, facts: ProfileRule.ServerFacts): Standing => ({
  profiles: ofPolicy(policy),
  assessments: Profile.rulesInForce(policy, undefined).map((rule): Assessment => {
    const finding = rule.server?.(facts)
    return finding === undefined
      ? { rule, state: "kept", findings: [] }
      : { rule, state: "failed", findings: [finding] }
  })
})

export const clientStanding = (
  policy: Policy.Policy,
  client: Client.Client,
  facts: ProfileRule.ServerFacts
): Standing => {
  const profile = Profile.profileOfClient(client)
  const parts = Policy.signedParts(profile, Profile.messageSigningOfClient(client))
  return {
    profiles: [
      ...ofPolicy(policy),
      ...(profile === "none" ? [] : [{ profile, source: "client" as const, messageSigning: parts }])
    ],
    assessments: ProfileAssessment.assessClient(policy, client, facts)
  }
}
