/** What the sender of a request proves to hold, and what the tokens that it gets are bound to. */
import { Effect } from "effect"
import { check } from "../audit/Refusal.ts"
import { type Client, isConfidential } from "../client/Client.ts"
import { type ClientCertificate, MutualTls } from "../client/mutualTls.ts"
import type { PresentedCredentials } from "../client/PresentedCredentials.ts"
import { Crypto } from "../crypto/Crypto.ts"
import { CurrentIssuer, url } from "../issuer/Issuer.ts"
import { currentPolicy } from "../issuer/Policy.ts"
import { type Confirmation, isConfirmedBy } from "../oauth/Confirmation.ts"
import { InvalidGrant, InvalidRequest } from "../oauth/OAuthError.ts"
import { demanding, demandingDpop, hold, type Rules } from "../profile/Rule.ts"
import { rulesInForce } from "../profile/inForce.ts"
import { currentResources } from "../resource/registry.ts"
import { nonceFirst, verifyProof } from "./dpop.ts"

/** RFC 8705 §3.1. */
export const certificateThumbprint = (certificate: ClientCertificate) =>
  Crypto.use((crypto) => crypto.sha256(certificate.der))

/** RFC 9449 names no code for it: a proof that is not there is no invalid one. */
export const proofMissing = () => new InvalidRequest({ reason: "ProofMissing", parameter: "DPoP" })

/** The URIs of an endpoint of the current issuer: its own, and the one at the mutual-TLS alias (RFC 8705 §5). */
export const endpointUris = Effect.fnUntraced(function* (path: `/${string}`) {
  const issuer = yield* CurrentIssuer
  const alias = (yield* MutualTls)?.aliases?.[issuer.identifier]
  return [url(issuer, path), ...(alias === undefined ? [] : [`${alias}${issuer.path}${path}`])]
})

const purpose = "authorization server"

/** Asks for another nonce before anything of the request is spent. */
export const proofNonceFirst = ({ dpop }: PresentedCredentials) => (dpop === undefined ? Effect.void : nonceOf(dpop))

const nonceOf = Effect.fnUntraced(function* (dpop: string) {
  const issuer = (yield* CurrentIssuer).identifier
  yield* nonceFirst(dpop, { issuer, purpose, nonceRequired: (yield* currentPolicy).dpopNonce === "required" })
})

/** What a client that calls an endpoint proved beside who it is. */
export interface Sender {
  readonly rules: Rules
  readonly proved: Confirmation
}

/** The proof of a form that a client posts to one of our endpoints, and the certificate of its connection. */
export const senderOf = Effect.fnUntraced(function* (
  client: Client,
  path: `/${string}`,
  { certificate, dpop }: PresentedCredentials
) {
  const policy = yield* currentPolicy
  const rules = rulesInForce(policy, client)
  const jkt =
    dpop === undefined
      ? undefined
      : yield* verifyProof(dpop, {
          issuer: client.issuer,
          purpose,
          method: "POST",
          targets: yield* endpointUris(path),
          nonceRequired: policy.dpopNonce === "required",
          rules
        })
  const proved: Confirmation = {
    ...(jkt === undefined ? {} : { jkt }),
    ...(certificate === undefined ? {} : { "x5t#S256": yield* certificateThumbprint(certificate) })
  }
  return { rules, proved } satisfies Sender
})

/**
 * What the access tokens of a token response are bound to; undefined for bearer tokens. A proof always binds. A
 * certificate does where the client registered for it, or where a rule wants a binding and there is no other.
 */
export const bindingOf = Effect.fnUntracedEager(function* ({ proved, rules }: Sender) {
  const { jkt, "x5t#S256": certificate } = proved
  const dpop = demandingDpop(rules, "required") ?? demanding(rules, "dpopProof")
  const byCertificate = demanding(rules, "certificateBound")
  const either = demanding(rules, "senderConstrained")
  yield* hold(dpop, jkt !== undefined, proofMissing)
  yield* hold(byCertificate, certificate !== undefined, () => new InvalidRequest({ reason: "CertificateMissing" }))
  yield* hold(either, jkt !== undefined || certificate !== undefined, proofMissing)
  const isBoundToCertificate =
    certificate !== undefined && (byCertificate !== undefined || (either !== undefined && jkt === undefined))
  if (jkt === undefined && !isBoundToCertificate) return undefined
  const confirmation: Confirmation = {
    ...(jkt === undefined ? {} : { jkt }),
    ...(isBoundToCertificate ? { "x5t#S256": certificate } : {})
  }
  return confirmation
})

/**
 * What a refresh token is bound to. RFC 9449 §5, RFC 8705 §4: of a public client to what its access token is, since
 * nothing else tells it from a thief; of a confidential one to its credentials, and to its first DPoP key where a rule
 * or a resource of the grant says so. A certificate may be renewed as long as the credentials are the same.
 */
export const refreshBindingOf = Effect.fnUntraced(function* (
  client: Client,
  rules: Rules,
  confirmation: Confirmation | undefined,
  grantedResources: ReadonlyArray<string>
) {
  if (!isConfidential(client)) return confirmation
  const jkt = confirmation?.jkt
  if (jkt === undefined) return undefined
  const keepsKey =
    demandingDpop(rules, "opportunistic") !== undefined ||
    (yield* currentResources).some(
      ({ dpop = "optional", identifier }) => dpop !== "optional" && grantedResources.includes(identifier)
    )
  const binding: Confirmation | undefined = keepsKey ? { jkt } : undefined
  return binding
})

/** The grant stays with the key that it was bound to: RFC 9449 §5, §10, RFC 8705 §4. */
export const keepsTo = (bound: Confirmation | undefined, { proved }: Sender) =>
  check(
    "RFC 9449 §5, RFC 8705 §4: the sender proves to hold the key that the grant is bound to",
    bound === undefined || isConfirmedBy(bound, proved),
    () =>
      bound?.jkt !== undefined && proved.jkt === undefined
        ? proofMissing()
        : new InvalidGrant({
            reason: bound?.jkt === undefined || bound.jkt === proved.jkt ? "CertificateMismatch" : "KeyMismatch"
          })
  )
