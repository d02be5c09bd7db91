/** Switching the server, or one client, into a profile. */
import {
  AuditEvents,
  AuditLog,
  type Client,
  ClientStore,
  Policy,
  Profile,
  type ProfileAssessment,
  type ProfileRule,
  Transaction
} from "@lockspire/core"
import { Data, DateTime, Effect, Equal } from "effect"
import { clientMust } from "./assess.ts"
import { settled } from "./settings.ts"
import { clientStanding, factsOf, failing, serverStanding } from "./Standing.ts"

type Assessment = ProfileAssessment.Assessment

/** What an assessment says, in one sentence for each finding. */
export const sentences = ({ findings, rule }: Assessment): ReadonlyArray<string> =>
  findings.map(({ fix, problem }) => `fails ${rule.id} (${rule.section}): ${problem}. To mend it: ${fix}.`)

/** Nothing was switched: something is missing. */
export class ProfileRefused extends Data.TaggedError("ProfileRefused")<{
  readonly profile: Policy.SecurityProfile
  /** The client that was to be switched; undefined for the server. */
  readonly clientId: string | undefined
  readonly failing: ReadonlyArray<Assessment>
}> {
  override get message(): string {
    const who = this.clientId === undefined ? "The server" : `The client "${this.clientId}"`
    return this.failing
      .flatMap(sentences)
      .map((sentence) => `${who} ${sentence}`)
      .join("\n")
  }
}

export interface Wanted {
  /** The client that is to be switched; the server unless given. */
  readonly client?: string | undefined
  readonly profile: Policy.SecurityProfile
  /** What `fapi_2_0_message_signing` signs, everything unless given; nothing for any other profile. */
  readonly messageSigning?: Policy.MessageSigning | undefined
}

/** A client that is refused until somebody mends what it fails. */
export interface RefusedClient {
  readonly clientId: string
  readonly failing: ReadonlyArray<Assessment>
}

/** The clients that fail under the policy `after`, though not under the one before. */
export const refusedUnder = (
  clients: ReadonlyArray<Client.Client>,
  before: Policy.Policy,
  after: Policy.Policy,
  facts: ProfileRule.ServerFacts
): ReadonlyArray<RefusedClient> =>
  clients.flatMap((client) => {
    if (client.disabled) return []
    const old = new Set(failing(clientStanding(before, client, facts).assessments).map(({ rule }) => rule.id))
    const fresh = failing(clientStanding(after, client, facts).assessments).filter(({ rule }) => !old.has(rule.id))
    return fresh.length === 0 ? [] : [{ clientId: client.clientId, failing: fresh }]
  })

/** What of the profile itself fails: what failed before is no reason against switching. */
const refuse = (wanted: Wanted, assessments: ReadonlyArray<Assessment>) => {
  const { client: clientId, messageSigning, profile } = wanted
  const rules = Profile.rulesOf(profile, Policy.signedParts(profile, messageSigning))
  const found = failing(assessments).filter(({ rule }) => rules.includes(rule))
  return found.length === 0 ? Effect.void : Effect.fail(new ProfileRefused({ profile, clientId, failing: found }))
}

/** The members that say it, without those of the profile before. */
const stated = ({ messageSigning, profile }: Wanted) => ({
  profile: profile === "none" ? undefined : profile,
  parts: profile === "fapi_2_0_message_signing" && messageSigning !== undefined ? messageSigning : undefined
})

const switchServer = Effect.fnUntraced(function* (issuer: string, wanted: Wanted) {
  const policies = yield* Policy.Policies
  const store = yield* Policy.PolicyStore
  const stored = yield* store.find(issuer)
  const { messageSigning: _parts, securityProfile: _profile, ...rest } = stored
  const { parts, profile } = stated(wanted)
  const next = settled({
    ...rest,
    ...(profile === undefined ? {} : { securityProfile: profile }),
    ...(parts === undefined ? {} : { messageSigning: parts })
  })
  const after = policies.effectiveWith(next)
  const facts = yield* factsOf(issuer, after)
  yield* refuse(wanted, serverStanding(after, facts).assessments)
  const clients = yield* (yield* ClientStore).list(issuer)
  const refusedClients = refusedUnder(clients, policies.effectiveWith(stored), after, facts)
  if (Equal.equals(stored, next)) return { changed: false, refusedClients, exempt: [] }
  const dropped = Object.keys(stored).filter((name) => !Object.hasOwn(next, name))
  yield* store.change(issuer, {
    securityProfile: profile,
    messageSigning: parts,
    ...Object.fromEntries(dropped.map((name) => [name, undefined]))
  })
  return { changed: true, refusedClients, exempt: [] }
})

const switchClient = Effect.fnUntraced(function* (issuer: string, clientId: string, wanted: Wanted) {
  const settings = yield* (yield* Policy.PolicyStore).find(issuer)
  const policy = (yield* Policy.Policies).effectiveWith(settings)
  const stored = yield* clientMust(issuer, clientId)
  const { message_signing: _parts, security_profile: _profile, ...rest } = stored.metadata
  const { parts, profile } = stated(wanted)
  const next: Client.Client = {
    ...stored,
    metadata: {
      ...rest,
      ...(profile === undefined ? {} : { security_profile: profile }),
      ...(parts === undefined ? {} : { message_signing: parts })
    }
  }
  yield* refuse(wanted, clientStanding(policy, next, yield* factsOf(issuer, policy)).assessments)
  const exemptions = Profile.exemptionsOf(next)
  const exempt = Profile.rulesOf(wanted.profile, Policy.signedParts(wanted.profile, wanted.messageSigning))
    .map(({ id }) => id)
    .filter((id) => exemptions.includes(id))
  if (Equal.equals(stored, next)) return { changed: false, refusedClients: [], exempt }
  yield* (yield* ClientStore).changeMetadata(issuer, clientId, { security_profile: profile, message_signing: parts })
  return { changed: true, refusedClients: [], exempt }
})

/**
 * Switches the server, or one client, into a profile, unless something that the profile demands is missing. Switching
 * the server into a FAPI profile drops its rule of rotation. Clients that the server refuses from then on are named, and
 * `exempt` are the ids of the profile's rules that do not hold for the client.
 */
export const setProfile = Effect.fnUntraced(function* (issuer: string, wanted: Wanted, actor: AuditLog.Actor) {
  const audit = yield* AuditLog.AuditLog
  const transaction = yield* Transaction
  const event = AuditEvents.eventsBy(issuer, yield* DateTime.now, actor)
  const { client } = wanted
  return yield* transaction.within(
    Effect.gen(function* () {
      const done = yield* client === undefined ? switchServer(issuer, wanted) : switchClient(issuer, client, wanted)
      if (done.changed) {
        yield* audit.append([
          client === undefined
            ? event("policy.updated", "policy", issuer, "profile")
            : event("client.updated", "client", client, "profile")
        ])
      }
      return done
    })
  )
})
