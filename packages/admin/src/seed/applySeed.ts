/**
 * Applies a seed to one issuer: what differs is written, in one transaction, with its audit events; what is not in the
 * seed stays. Secrets and passwords are compared with the stored hashes first, so that applying it again writes nothing.
 */
import {
  type Account,
  AccountStore,
  AuditEvents,
  AuditLog,
  type Client,
  ClientStore,
  type Crypto,
  ManageKeys,
  Policy,
  type Resource,
  ResourceStore,
  SecretHash,
  SecretVerifier,
  SigningKeyStore,
  Transaction
} from "@lockspire/core"
import { DateTime, Effect, Equal, Option, type Redacted } from "effect"
import { clientOf, secretsOf } from "./client.ts"
import { exchangeRuleChange, type SeedExchangeRule, type SeedTrustedIssuer, trustedIssuerChange } from "./grants.ts"
import { holdToProfiles, policyAfter } from "./profiles.ts"
import type { Seed, SeedAccount, SeedClient, SeedResource } from "./Seed.ts"
import { missingReferences } from "./references.ts"
import { missingKeys } from "./responseFormats.ts"
import { pathOf, SeedInvalid, type Warning } from "./SeedInvalid.ts"
import { warningsOf } from "./warnings.ts"

/** One thing that a seed names. */
export interface Entry {
  readonly type: "account" | "client" | "resource" | "exchange_rule" | "trusted_issuer" | "policy"
  readonly id: string
}

export interface Applied {
  readonly created: ReadonlyArray<Entry>
  readonly updated: ReadonlyArray<Entry>
  readonly unchanged: ReadonlyArray<Entry>
  readonly warnings: ReadonlyArray<Warning>
  /** Secrets made for clients that need one and came without: shown once, stored only as a hash. */
  readonly generatedSecrets: ReadonlyArray<{ readonly clientId: string; readonly clientSecret: Redacted.Redacted }>
}

type Actions = ReadonlyArray<AuditLog.Action>

/** What is to be done about one entry: nothing, when there are no actions. */
interface Step {
  readonly entry: Entry
  readonly actions: Actions
  readonly write: Effect.Effect<void, SeedInvalid>
}

/** Hashing is slow on purpose; several at once use the cores there are. */
const together = { concurrency: 4 } as const

export const applySeed = Effect.fnUntraced(function* (issuer: string, seed: Seed, actor: AuditLog.Actor) {
  const audit = yield* AuditLog.AuditLog
  const transaction = yield* Transaction
  const generatedSecrets: Array<Applied["generatedSecrets"][number]> = []
  const clients: Array<Client.Client> = []
  const steps: ReadonlyArray<Step> = [
    ...(yield* Effect.forEach(seed.resources ?? [], (resource) => resourceStep(issuer, resource))),
    ...(yield* Effect.forEach(
      seed.clients ?? [],
      Effect.fnUntraced(function* (client, at) {
        const { generated, step, wanted } = yield* clientStep(issuer, client)
        clients[at] = wanted
        if (generated !== undefined) generatedSecrets.push({ clientId: client.client_id, clientSecret: generated })
        return step
      }),
      together
    )),
    ...(yield* Effect.forEach(seed.accounts ?? [], (account, at) => accountStep(issuer, account, at), together)),
    ...(yield* Effect.forEach(seed.exchangeRules ?? [], (rule) => exchangeRuleStep(issuer, rule))),
    ...(yield* Effect.forEach(seed.trustedIssuers ?? [], (trusted) => trustedIssuerStep(issuer, trusted))),
    ...(seed.policy === undefined ? [] : [yield* policyStep(issuer, seed.policy)])
  ]
  const refusals = yield* holdToProfiles(issuer, seed, clients)
  const changes = steps.filter((step) => step.actions.length > 0)
  const event = AuditEvents.eventsBy(issuer, yield* DateTime.now, actor)
  yield* Effect.forEach(changes, (step) => step.write).pipe(
    Effect.andThen(
      audit.append(
        changes.flatMap(({ actions, entry }) => actions.map((action) => event(action, entry.type, entry.id, "seed")))
      )
    ),
    transaction.within,
    Effect.when(Effect.succeed(changes.length > 0))
  )
  const isCreated = (step: Step) => step.actions.some((action) => action.endsWith(".created"))
  return {
    created: changes.filter(isCreated).map((step) => step.entry),
    updated: changes.filter((step) => !isCreated(step)).map((step) => step.entry),
    unchanged: steps.filter((step) => step.actions.length === 0).map((step) => step.entry),
    warnings: [
      ...warningsOf(seed),
      ...refusals,
      ...missingKeys(seed, yield* availableAlgorithms(issuer)),
      ...(yield* missingReferences(issuer, seed))
    ],
    generatedSecrets
  } satisfies Applied
})

/** What there are keys for, or will be before anybody signs. */
const availableAlgorithms = Effect.fnUntraced(function* (issuer: string) {
  const keys = yield* (yield* SigningKeyStore).list(issuer)
  return new Set<string>([...ManageKeys.defaultAlgorithms, ...keys.map((key) => key.algorithm)])
})

const changeOf = <A>(
  stored: Option.Option<A>,
  wanted: A,
  created: AuditLog.Action,
  updated: AuditLog.Action
): Actions =>
  Option.match(stored, { onNone: () => [created], onSome: (before) => (Equal.equals(before, wanted) ? [] : [updated]) })

const resourceStep = Effect.fnUntraced(function* (issuer: string, seed: SeedResource) {
  const resources = yield* ResourceStore
  const wanted: Resource.Resource = {
    issuer,
    identifier: seed.identifier,
    scopes: seed.scopes ?? [],
    accessTokenFormat: seed.accessTokenFormat ?? "opaque",
    ...(seed.signingAlgorithm === undefined ? {} : { signingAlgorithm: seed.signingAlgorithm }),
    ...(seed.accessTokenLifetime === undefined ? {} : { accessTokenLifetime: seed.accessTokenLifetime }),
    ...(seed.dpop === undefined ? {} : { dpop: seed.dpop }),
    ...(seed.encryption === undefined ? {} : { encryption: seed.encryption }),
    introspectionClients: seed.introspectionClients ?? []
  }
  const stored = (yield* resources.list(issuer)).find((resource) => resource.identifier === seed.identifier)
  return {
    entry: { type: "resource", id: seed.identifier },
    actions: changeOf(Option.fromUndefinedOr(stored), wanted, "resource.created", "resource.updated"),
    write: resources.put(wanted)
  } satisfies Step
})

const exchangeRuleStep = Effect.fnUntraced(function* (issuer: string, seed: SeedExchangeRule) {
  const { stored, wanted, write } = yield* exchangeRuleChange(issuer, seed)
  return {
    entry: { type: "exchange_rule", id: seed.name },
    actions: changeOf(stored, wanted, "exchange_rule.created", "exchange_rule.updated"),
    write
  } satisfies Step
})

const trustedIssuerStep = Effect.fnUntraced(function* (issuer: string, seed: SeedTrustedIssuer) {
  const { stored, wanted, write } = yield* trustedIssuerChange(issuer, seed)
  return {
    entry: { type: "trusted_issuer", id: seed.identifier },
    actions: changeOf(stored, wanted, "trusted_issuer.created", "trusted_issuer.updated"),
    write
  } satisfies Step
})

const clientStep = Effect.fnUntraced(function* (issuer: string, seed: SeedClient) {
  const clients = yield* ClientStore
  const stored = yield* clients.find(issuer, seed.client_id)
  const { generated, secrets } = yield* secretsOf(issuer, seed, Option.getOrUndefined(stored)?.secrets ?? []).pipe(
    Effect.mapError(
      ({ clientId }) =>
        new SeedInvalid({ problems: [{ path: "clients", reason: `client_secret of ${clientId} is too short` }] })
    )
  )
  const wasDisabled = Option.exists(stored, (client) => client.disabled)
  const wanted = clientOf(issuer, seed, secrets, seed.disabled ?? wasDisabled)
  const actions = clientActions(stored, wanted, wasDisabled)
  const entry = { type: "client", id: seed.client_id } as const
  return { generated, wanted, step: { entry, actions, write: clients.put(wanted) } satisfies Step }
})

const clientActions = (stored: Option.Option<Client.Client>, wanted: Client.Client, wasDisabled: boolean): Actions => {
  // Everything but the switch, which has transitions of its own.
  const change = changeOf(stored, { ...wanted, disabled: wasDisabled }, "client.created", "client.updated")
  if (wanted.disabled === wasDisabled) return change
  return [...change, wanted.disabled ? "client.disabled" : "client.enabled"]
}

const accountStep = Effect.fnUntraced(function* (
  issuer: string,
  seed: SeedAccount,
  at: number
): Effect.fn.Return<Step, SeedInvalid, AccountStore | SecretVerifier | Crypto.Crypto> {
  const accounts = yield* AccountStore
  const verifier = yield* SecretVerifier
  const named = yield* accounts.findByUsername(issuer, seed.username)
  // Somebody who signed up has a subject already, and subjects are never reassigned.
  const subject = seed.subject ?? Option.getOrUndefined(named)?.subject ?? seed.username
  const taken = new SeedInvalid({
    problems: [{ path: pathOf(["accounts", at, "username"]), reason: "is that of an account with another subject" }]
  })
  if (Option.exists(named, (account) => account.subject !== subject)) return yield* taken
  const stored = yield* accounts.findBySubject(issuer, subject)
  const isSame = Option.isSome(stored) && (yield* verifier.verify(seed.password, stored.value.passwordHash))
  const { sub: _, ...claims } = seed.claims ?? {}
  const wanted: Account.Account = {
    issuer,
    subject,
    username: seed.username,
    passwordHash: isSame ? stored.value.passwordHash : yield* SecretHash.hashChosen(seed.password),
    claims,
    acr: seed.acr,
    amr: seed.amr ?? ["pwd"]
  }
  return {
    entry: { type: "account", id: subject },
    actions: changeOf(stored, wanted, "account.created", "account.updated"),
    write: Effect.flatMap(accounts.put(wanted), (isPut) => (isPut ? Effect.void : Effect.fail(taken)))
  }
})

const policyStep = Effect.fnUntraced(function* (issuer: string, seed: Policy.PolicySettings) {
  const policies = yield* Policy.PolicyStore
  const stored = yield* policies.find(issuer)
  const wanted = policyAfter(stored, seed)
  return {
    entry: { type: "policy", id: issuer },
    actions: Equal.equals(stored, wanted) ? [] : ["policy.updated"],
    write: policies.put(issuer, wanted)
  } satisfies Step
})
