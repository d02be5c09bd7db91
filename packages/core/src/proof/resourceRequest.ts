/** A request that presents an access token to a resource: RFC 6750 §2.1, RFC 9449 §7.1, RFC 8705 §3. */
import { Effect } from "effect"
import { check } from "../audit/Refusal.ts"
import type { ClientCertificate } from "../client/mutualTls.ts"
import type { Confirmation } from "../oauth/Confirmation.ts"
import { InvalidDpopProof, InvalidRequest, InvalidToken, TokenMissing } from "../oauth/OAuthError.ts"
import { demanding, hold, type Rules } from "../profile/Rule.ts"
import { type ProofContext, verifyProof } from "./dpop.ts"
import { certificateThumbprint } from "./sender.ts"

export interface ResourceRequest {
  readonly method: string
  /** The `Authorization` header, if there is one. */
  readonly authorization: string | undefined
  /** The `DPoP` header, if there is one. */
  readonly dpop?: string | undefined
  /** The certificate of the connection, if the client showed one. */
  readonly certificate?: ClientCertificate | undefined
}

/** A token as it was presented. */
export interface Presented {
  readonly scheme: "Bearer" | "DPoP"
  readonly token: string
}

/** The scheme in any case (RFC 9110 §11.1), then one token68. */
const credentials = /^(bearer|dpop)(?: +(.*))?$/i
const token68 = /^[A-Za-z0-9._~+/-]+=*$/

/** The header alone: a token in a form or a query ends up in logs (RFC 6750 §5.3). */
export const presentedToken = Effect.fnUntracedEager(function* (authorization: string | undefined) {
  const presented = credentials.exec(authorization ?? "")
  yield* check("RFC 6750 §3: a token is sent", presented !== null, () => new TokenMissing({ reason: "TokenMissing" }))
  const token = presented![2] ?? ""
  yield* check(
    "RFC 6750 §2.1, RFC 9449 §7.1: the header is well-formed",
    token68.test(token),
    () => new InvalidRequest({ reason: "ParameterMalformed", parameter: "Authorization" })
  )
  return { scheme: presented![1]!.toLowerCase() === "dpop" ? "DPoP" : "Bearer", token } satisfies Presented
})

/** What proofs for a resource are checked against. */
export type ResourceContext = Omit<ProofContext, "accessToken" | "method" | "purpose" | "rules">

/**
 * Whether whoever presents the token holds the key that it is bound to. Whoever stole it would present it without.
 * `rules` are those for the token's client, under which a token may have to be bound that was issued before them;
 * `context` is asked for only where there is a proof to check.
 */
export const confirmSender = Effect.fnUntraced(function* <R>(
  confirmation: Confirmation | undefined,
  { scheme, token }: Presented,
  request: ResourceRequest,
  rules: Rules,
  context: Effect.Effect<ResourceContext, never, R>
) {
  const bound: Confirmation = confirmation ?? {}
  yield* hold(
    demanding(rules, "senderConstrained"),
    confirmation !== undefined,
    () => new InvalidToken({ reason: "NotSenderConstrained" })
  )
  yield* check(
    "RFC 9449 §7.1, §7.2: a token that is bound by DPoP is presented so, and no other is",
    (bound.jkt !== undefined) === (scheme === "DPoP"),
    () => new InvalidToken({ reason: bound.jkt === undefined ? "NotSenderConstrained" : "SenderConstrained" })
  )
  if (bound.jkt !== undefined) {
    yield* check(
      "RFC 9449 §7.1: a proof is sent",
      request.dpop !== undefined,
      () => new InvalidDpopProof({ reason: "ProofMissing" })
    )
    const { method } = request
    const jkt = yield* verifyProof(request.dpop!, {
      ...(yield* context),
      rules,
      method,
      purpose: "resource",
      accessToken: token
    })
    yield* check(
      "RFC 9449 §7.1: the key of the proof is the one that the token is bound to",
      jkt === bound.jkt,
      () => new InvalidToken({ reason: "KeyMismatch" })
    )
  }
  const expected = bound["x5t#S256"]
  if (expected !== undefined) {
    const { certificate } = request
    yield* check(
      "RFC 8705 §3: the certificate of the connection is the one that the token is bound to",
      certificate !== undefined && (yield* certificateThumbprint(certificate)) === expected,
      () => new InvalidToken({ reason: "CertificateMismatch" })
    )
  }
})
