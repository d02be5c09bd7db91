/** Whether the sender of a request holds the key of its token: as the issuer's own process checks it, and as others do. */
import { Context, DateTime, Effect, Layer, Redacted, Schedule } from "effect"
import { Crypto } from "../crypto/Crypto.ts"
import { Policies } from "../issuer/Policy.ts"
import type { Confirmation } from "../oauth/Confirmation.ts"
import { rulesInForce } from "../profile/inForce.ts"
import type { Registration } from "../profile/Registration.ts"
import type { Rule } from "../profile/Rule.ts"
import { Nonces } from "../proof/Nonces.ts"
import { confirmSender, type Presented, type ResourceRequest } from "../proof/resourceRequest.ts"
import { ReplayStore } from "../replay/ReplayStore.ts"
import { layerMemory } from "../storage/Transaction.ts"

/** A token as it was presented, and what it was presented with. */
export interface PresentedProof {
  readonly issuer: string
  readonly confirmation: Confirmation | undefined
  /** Whose token it is, as far as the reader knows what rules that client is held to. */
  readonly client: Pick<Registration, "metadata"> | undefined
  readonly presented: Presented
  readonly request: ResourceRequest
  /** The URIs by which the request may have been addressed. */
  readonly targets: ReadonlyArray<string>
  /** By which algorithms the proof may be signed. */
  readonly algorithms: ReadonlyArray<string>
}

const algorithmRule = (algorithms: ReadonlyArray<string>): Rule => ({
  id: "resource-proof-algorithms",
  section: "RFC 9449 §7.1",
  demands: "a proof by one of the resource's algorithms",
  restricts: { signingAlgorithms: algorithms }
})

/** By the issuer's own memory of proofs, its nonces, and the rules of its profile and the client's. */
export const confirmBesideIssuer = Effect.gen(function* () {
  const services = yield* Effect.context<Crypto | Nonces | ReplayStore>()
  const policies = yield* Policies
  return Effect.fnUntraced(function* ({
    algorithms,
    client,
    confirmation,
    issuer,
    presented,
    request,
    targets
  }: PresentedProof) {
    const policy = yield* policies.effective(issuer)
    const context = Effect.succeed({ issuer, targets, nonceRequired: policy.dpopNonce === "required" })
    const rules = [...rulesInForce(policy, client), algorithmRule(algorithms)]
    yield* confirmSender(confirmation, presented, request, rules, context).pipe(Effect.provideContext(services))
  })
})

/** How DPoP proofs are checked where the issuer is not. */
export interface DpopOptions {
  /** Makes nonces (RFC 9449 §9): at least 32 random bytes, which every process of the API shares. */
  readonly nonceSecret?: Redacted.Redacted<Uint8Array>
  /** Whether every proof has to carry one. Without `nonceSecret` only the process that made a nonce knows it. */
  readonly nonceRequired?: boolean
}

/** By a memory of proofs and nonces of this process' own. It forgets every minute what is over. */
export const confirmElsewhere = Effect.fnUntraced(function* ({ nonceRequired = false, nonceSecret }: DpopOptions) {
  const crypto = yield* Crypto
  const secret = nonceSecret ?? (nonceRequired ? Redacted.make(yield* crypto.randomBytes(32)) : undefined)
  const nonces = secret === undefined ? Nonces.layerNone : Nonces.layerSecret(secret)
  // Of its own: an issuer in the same process has another memory, and takes nobody's word for what was seen.
  const memory = Layer.fresh(Layer.provide(ReplayStore.layerMemory, layerMemory))
  const services = Context.add(yield* Layer.build(Layer.merge(nonces, memory)), Crypto, crypto)
  const replays = Context.get(services, ReplayStore)
  const forget = Effect.flatMap(DateTime.now, (now) => replays.prune(now, Number.POSITIVE_INFINITY))
  yield* Effect.forkScoped(Effect.repeat(forget, Schedule.spaced("1 minute")))
  return ({ algorithms, confirmation, issuer, presented, request, targets }: PresentedProof) =>
    confirmSender(
      confirmation,
      presented,
      request,
      [algorithmRule(algorithms)],
      Effect.succeed({ issuer, targets, nonceRequired })
    ).pipe(Effect.provideContext(services))
})
