/** How strict, how long: the settings an operator may change, with safe defaults. All durations are seconds. */
import { Cache, Context, Duration, Effect, Exit, Layer, Option, Schema } from "effect"
import { type Changes, changed } from "../storage/changes.ts"
import { forgetting } from "../storage/Invalidations.ts"
import * as MemoryTable from "../storage/MemoryTable.ts"
import { CurrentIssuer } from "./Issuer.ts"

const seconds = (minimum: number, maximum: number) =>
  Schema.Int.check(Schema.isBetween({ minimum, maximum })).annotate({
    description: `seconds, ${minimum} to ${maximum}`
  })
const day = 86_400

/** No policy lets an access or ID token live longer. */
export const longestTokenLifetime = day

/** Strictest first: whose refresh tokens are replaced at every use. */
export const rotations = ["always", "public_only", "never"] as const
export type Rotation = (typeof rotations)[number]

/** Sets of rules that an issuer or a client can be held to; the room `profile` says what each demands. */
export const securityProfiles = ["none", "mcp", "fapi_2_0_security", "fapi_2_0_message_signing"] as const
export const SecurityProfile = Schema.Literals(securityProfiles)
export type SecurityProfile = typeof SecurityProfile.Type

/** FAPI 2.0 Message Signing §5: what is signed; each part can be chosen alone. */
export const MessageSigning = Schema.Array(Schema.Literals(["requests", "responses", "introspection"]))
export type MessageSigning = typeof MessageSigning.Type

/** Strictest first: `opportunistic` keeps a grant to the key that was used for it first, `required` takes no other token. */
export const DpopUse = Schema.Literals(["required", "opportunistic", "optional"])
export type DpopUse = typeof DpopUse.Type

/** Strictest first. */
const Demand = Schema.Literals(["required", "optional"])

/** What may be set, per issuer. An absent member keeps the default. */
export const PolicySettings = Schema.Struct({
  /** RFC 6749 §4.1.2 recommends ten minutes at most; FAPI 2.0 and this server sixty seconds. */
  authorizationCodeLifetime: Schema.optionalKey(seconds(5, 60)),
  accessTokenLifetime: Schema.optionalKey(seconds(30, longestTokenLifetime)),
  idTokenLifetime: Schema.optionalKey(seconds(30, longestTokenLifetime)),
  /** A refresh token that nobody uses for so long is dead. */
  refreshTokenIdleLifetime: Schema.optionalKey(seconds(60, 400 * day)),
  /** However often it is used, the grant ends then. */
  refreshTokenAbsoluteLifetime: Schema.optionalKey(seconds(60, 400 * day)),
  /** How long a refresh request that is sent again receives the same response; 0 for never. */
  refreshReplayWindow: Schema.optionalKey(seconds(0, 300)),
  /** How often it does. */
  refreshReplayCount: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1000 }))),
  /**
   * Whose refresh tokens are rotated (RFC 9700 §4.14.2). `by_client` leaves it to each client, which rotates unless it
   * is registered otherwise; a public client always rotates.
   */
  refreshTokenRotation: Schema.optionalKey(Schema.Literals([...rotations, "by_client"])),
  /** RFC 8693 §4.1: how many actors may act for a subject, one through the other. */
  delegationDepth: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 10 }))),
  /** How long a person has to sign in and decide. */
  interactionLifetime: Schema.optionalKey(seconds(60, day)),
  /** Whether clients marked `first_party` are not asked for consent. */
  firstPartySkipsConsent: Schema.optionalKey(Schema.Boolean),
  /** How long a remembered consent lasts; a consent is never older than this. */
  consentLifetime: Schema.optionalKey(seconds(60, 4000 * day)),
  /** How long a key signs before the next one takes over. */
  signingKeyLifetime: Schema.optionalKey(seconds(3600, 4000 * day)),
  /** The rules that every client is held to. */
  securityProfile: Schema.optionalKey(SecurityProfile),
  /** What `fapi_2_0_message_signing` signs; everything unless given. */
  messageSigning: Schema.optionalKey(MessageSigning),
  /** Whether clients have to push authorization requests (RFC 9126 §5). */
  pushedAuthorizationRequests: Schema.optionalKey(Demand),
  /** How long the `request_uri` of a pushed request can be used; FAPI 2.0 wants less than 600. */
  pushedRequestLifetime: Schema.optionalKey(seconds(5, 599)),
  /** Whether authorization requests have to be signed (RFC 9101 §10.5). */
  signedRequestObjects: Schema.optionalKey(Demand),
  /** Whether tokens have to be bound to a key by DPoP (RFC 9449). */
  dpop: Schema.optionalKey(DpopUse),
  /** Whether DPoP proofs have to carry a nonce of ours (RFC 9449 §8, §9). */
  dpopNonce: Schema.optionalKey(Demand)
})
export type PolicySettings = typeof PolicySettings.Type

/** What is in force: every profile that one of the settings names. */
export type Policy = Required<Omit<PolicySettings, "securityProfile">> & {
  readonly securityProfiles: ReadonlyArray<Exclude<SecurityProfile, "none">>
}

export const defaults: Policy = {
  authorizationCodeLifetime: 60,
  accessTokenLifetime: 600,
  idTokenLifetime: 3600,
  refreshTokenIdleLifetime: 14 * day,
  refreshTokenAbsoluteLifetime: 90 * day,
  refreshReplayWindow: 30,
  refreshReplayCount: 100,
  refreshTokenRotation: "by_client",
  delegationDepth: 3,
  interactionLifetime: 3600,
  firstPartySkipsConsent: true,
  consentLifetime: 365 * day,
  signingKeyLifetime: 90 * day,
  securityProfiles: [],
  messageSigning: [],
  pushedAuthorizationRequests: "optional",
  pushedRequestLifetime: 90,
  signedRequestObjects: "optional",
  dpop: "optional",
  dpopNonce: "optional"
}

/** The words that settings are made of, strictest first; no word stands in two of the lists with another meaning. */
const strictness: ReadonlyArray<unknown> = [...rotations, "by_client", "required", "opportunistic", "optional"]

const stricter = (one: unknown, other: unknown): unknown => {
  if (typeof one === "number") return Math.min(one, other as number)
  if (typeof one === "string") return strictness.indexOf(one) < strictness.indexOf(other) ? one : other
  return one && other
}

/** What a setting of the message signing profile signs: the parts that stand beside it, or all of them. */
export const signedParts = (profile: unknown, parts: MessageSigning | undefined): MessageSigning =>
  profile !== "fapi_2_0_message_signing" ? [] : (parts ?? ["requests", "responses", "introspection"])

/** The stricter of two settings wins, member by member: the shorter time, the more questions asked, every profile. */
export const effective = (...layers: ReadonlyArray<PolicySettings>): Policy => {
  const profiles = new Set(layers.map((layer) => layer.securityProfile ?? "none"))
  const parts = new Set(layers.flatMap((layer) => signedParts(layer.securityProfile, layer.messageSigning)))
  const strictest = { ...defaults }
  const set = new Set<string>()
  for (const { messageSigning: _parts, securityProfile: _profile, ...layer } of layers) {
    for (const [name, value] of Object.entries(layer)) {
      const before = strictest[name as keyof Policy]
      Object.assign(strictest, { [name]: set.has(name) ? stricter(value, before) : value })
      set.add(name)
    }
  }
  return {
    ...strictest,
    securityProfiles: [...profiles].filter((one) => one !== "none"),
    messageSigning: [...parts]
  }
}

/** Holds the settings that an operator stored, per issuer. */
export class PolicyStore extends Context.Service<
  PolicyStore,
  {
    readonly find: (issuer: string) => Effect.Effect<PolicySettings>
    /** Replaces the settings of the issuer. */
    readonly put: (issuer: string, settings: PolicySettings) => Effect.Effect<void>
    /** Replaces the named settings, and takes away those that are undefined; all others stay as they are. */
    readonly change: (issuer: string, settings: Changes<PolicySettings>) => Effect.Effect<void>
  }
>()("@lockspire/core/issuer/PolicyStore") {
  static readonly layerMemory = Layer.effect(
    PolicyStore,
    Effect.map(MemoryTable.make<PolicySettings>("policies"), (table) =>
      PolicyStore.of({
        find: (issuer) =>
          Effect.map(
            table.find(issuer),
            Option.getOrElse(() => ({}))
          ),
        put: (issuer, settings) => table.step((rows) => rows.set(issuer, settings)),
        change: (issuer, settings) =>
          table.step((rows) => rows.set(issuer, changed<PolicySettings>(rows.get(issuer) ?? {}, settings)))
      })
    )
  )
}

/** The effective policy, per issuer: the host's options and the stored settings, strictest wins. */
export class Policies extends Context.Service<
  Policies,
  {
    readonly effective: (issuer: string) => Effect.Effect<Policy>
    /** What would be in force if an operator stored these settings. */
    readonly effectiveWith: (stored: PolicySettings) => Policy
  }
>()("@lockspire/core/issuer/Policies") {
  /** Settings may be stale for five seconds; nothing that must take effect at once is one. */
  static readonly layer = (options: PolicySettings = {}) =>
    Layer.effect(
      Policies,
      Effect.gen(function* () {
        const store = yield* PolicyStore
        const effectiveWith = (stored: PolicySettings) => effective(options, stored)
        const cache = yield* Cache.makeWith((issuer: string) => Effect.map(store.find(issuer), effectiveWith), {
          capacity: 1024,
          timeToLive: (exit) => (Exit.isSuccess(exit) ? Duration.seconds(5) : Duration.zero)
        })
        yield* forgetting("policies", cache)
        return Policies.of({ effective: (issuer) => Cache.get(cache, issuer), effectiveWith })
      })
    )
}

/** The policy of the issuer that the request is for. */
export const currentPolicy = Effect.contextWith((context: Context.Context<Policies | CurrentIssuer>) =>
  Context.get(context, Policies).effective(Context.get(context, CurrentIssuer).identifier)
)
