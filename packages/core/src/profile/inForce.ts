/** Which rules hold for a client: those of the server, of its profile and of its own registration, all of them together. */
import { Effect } from "effect"
import { currentPolicy, type MessageSigning, type Policy, type SecurityProfile, signedParts } from "../issuer/Policy.ts"
import { everyRule as everyFapiRule, messageSigning, securityProfile } from "./fapi2.ts"
import { mcp } from "./mcp.ts"
import { metadataOf, type Registration, textsOf } from "./Registration.ts"
import type { Rule, Rules } from "./Rule.ts"

/** All that rules in force depend on. */
type Metadata = Pick<Registration, "metadata">

/** The rules of a profile. */
export const rulesOf = (profile: SecurityProfile, parts: MessageSigning): Rules => {
  switch (profile) {
    case "none":
      return []
    case "mcp":
      return mcp
    case "fapi_2_0_security":
      return securityProfile
    case "fapi_2_0_message_signing":
      return [...securityProfile, ...messageSigning(parts)]
  }
}

/** Every rule of every profile. */
export const everyRule: Rules = [...everyFapiRule, ...mcp]

/** What an operator set apart from profiles. */
const ofPolicy = (policy: Policy): Rules => [
  ...(policy.pushedAuthorizationRequests === "required"
    ? [policyRule("pushed-authorization-requests", "RFC 9126 §5", "pushed requests", { pushedRequest: true })]
    : []),
  ...(policy.signedRequestObjects === "required"
    ? [policyRule("signed-request-objects", "RFC 9101 §10.5", "signed requests", { signedRequest: true })]
    : []),
  ...(policy.dpop === "optional"
    ? []
    : [policyRule("dpop", "RFC 9449 §5", "tokens bound by DPoP", { dpop: policy.dpop })])
]

const policyRule = (name: string, section: string, demands: string, restricts: Rule["restricts"]): Rule => ({
  id: `policy-${name}`,
  section,
  demands: `the server's policy asks for ${demands}`,
  restricts
})

/** What a client registered to be held to (RFC 9126 §6, RFC 9101 §10.5, RFC 9449 §5.2, RFC 8705 §3.4). */
const registrable: ReadonlyArray<readonly [field: string, value: unknown, section: string, Rule["restricts"]]> = [
  ["require_pushed_authorization_requests", true, "RFC 9126 §6", { pushedRequest: true }],
  ["require_signed_request_object", true, "RFC 9101 §10.5", { signedRequest: true }],
  ["dpop_bound_access_tokens", true, "RFC 9449 §5.2", { dpopProof: true }],
  ["dpop", "required", "RFC 9449 §5", { dpop: "required" }],
  ["dpop", "opportunistic", "RFC 9449 §5", { dpop: "opportunistic" }],
  ["tls_client_certificate_bound_access_tokens", true, "RFC 8705 §3.4", { certificateBound: true }]
]

const ofRegistration = (client: Metadata): Rules =>
  registrable.flatMap(([field, value, section, restricts]) =>
    metadataOf(client, field) === value
      ? [{ id: `client-${field}`, section, demands: `the client registered ${field} ${String(value)}`, restricts }]
      : []
  )

const isProfile = (value: unknown): value is SecurityProfile =>
  value === "mcp" || value === "fapi_2_0_security" || value === "fapi_2_0_message_signing"

/** The profile that the client itself is set to. */
export const profileOfClient = (client: Metadata): SecurityProfile => {
  const stated = metadataOf(client, "security_profile")
  return isProfile(stated) ? stated : "none"
}

const isPart = (value: string): value is MessageSigning[number] =>
  value === "requests" || value === "responses" || value === "introspection"

/**
 * What the client's own profile signs, where it says so. What is no part signs nothing: a list of such words alone is as
 * good as none, which is all parts.
 */
export const messageSigningOfClient = (client: Metadata): MessageSigning | undefined => {
  const parts = textsOf(client, "message_signing").filter(isPart)
  return parts.length === 0 ? undefined : parts
}

const ofProfiles = (policy: Policy, client: Metadata | undefined): Rules => {
  const own = client === undefined ? "none" : profileOfClient(client)
  const ownParts = signedParts(own, client === undefined ? undefined : messageSigningOfClient(client))
  return [
    ...new Set([
      ...policy.securityProfiles.flatMap((profile) => rulesOf(profile, policy.messageSigning)),
      ...rulesOf(own, ownParts)
    ])
  ]
}

/** The ids of the profiles' rules that this client is exempted from. */
export const exemptionsOf = (client: Metadata): ReadonlyArray<string> => textsOf(client, "dangerously_exempt_from")

/** Every step of a request asks for the rules of one client, which are made once: policy and client never change. */
const known = new WeakMap<Metadata["metadata"], { readonly policy: Policy; readonly rules: Rules }>()

/** The rules in force for the server as a whole, or for one of its clients. Whatever is added to either only adds rules. */
export const rulesInForce = (policy: Policy, client: Metadata | undefined): Rules => {
  const before = client === undefined ? undefined : known.get(client.metadata)
  if (before?.policy === policy) return before.rules
  const rules = collected(policy, client)
  if (client !== undefined) known.set(client.metadata, { policy, rules })
  return rules
}

const collected = (policy: Policy, client: Metadata | undefined): Rules => {
  const exempt = client === undefined ? [] : exemptionsOf(client)
  return [
    ...ofProfiles(policy, client).filter(({ id }) => !exempt.includes(id)),
    ...ofPolicy(policy),
    ...(client === undefined ? [] : ofRegistration(client))
  ]
}

/** The rules that hold for a client at the current issuer. */
export const rulesFor = (client: Metadata) => Effect.map(currentPolicy, (policy) => rulesInForce(policy, client))

/** Whether a profile fixes that refresh tokens are never rotated: FAPI 2.0 Security Profile §5.3.2.1 no. 9. */
export const forbidsRotation = (policy: Policy, client: Metadata): boolean =>
  [...policy.securityProfiles, profileOfClient(client)].some((profile) => profile.startsWith("fapi_2_0"))
