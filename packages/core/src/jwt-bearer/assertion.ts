/** An assertion as a grant: whether a trusted issuer made it, for us, and for now. RFC 7521 §5.2, RFC 7523 §3. */
import { DateTime, Effect, Option, type Schema } from "effect"
import { check } from "../audit/Refusal.ts"
import { asymmetricAlgorithms, isSignedBy, type Jwk, jwksOf, verifies } from "../client/Jwks.ts"
import { RemoteJwks } from "../client/RemoteJwks.ts"
import { CurrentIssuer, Issuers } from "../issuer/Issuer.ts"
import { decode } from "../jose/Compact.ts"
import { InvalidGrant } from "../oauth/OAuthError.ts"
import type { TrustedIssuer } from "./TrustedIssuer.ts"
import { TrustedIssuerStore } from "./TrustedIssuerStore.ts"

export type AssertionClaims = Readonly<Record<string, Schema.Json | undefined>>

/** An assertion that was verified; only `verifyAssertion` makes one. */
export interface VerifiedAssertion {
  readonly by: TrustedIssuer
  readonly sub: string
  readonly jti: string
  /** Until then it must not be accepted again. */
  readonly until: DateTime.Utc
  readonly claims: AssertionClaims
}

/** Seconds that their clock and ours may differ. */
const skew = 30
/** Seconds that an assertion may live at most, so that what we remember of it ends. */
const longestLife = 3600

/** draft-ietf-oauth-identity-assertion-authz-grant §3.1; the others by RFC 7519 §5.1 and rfc7523bis §4. */
const identityAssertionType = "oauth-id-jag+jwt"
const plainTypes: ReadonlySet<string | undefined> = new Set([undefined, "jwt", "authorization-grant+jwt"])

const text = (value: Schema.Json | undefined): string | undefined =>
  typeof value === "string" && value !== "" ? value : undefined

/** RFC 7515 §4.1.9: `application/` may be left out, and case does not count. */
const typeOf = (typ: Schema.Json | undefined): string | undefined =>
  typ === undefined ? undefined : (text(typ) ?? "not text").toLowerCase().replace(/^application\//, "")

const keysOf = Effect.fnUntraced(function* ({ jwks, jwksUri }: TrustedIssuer, kid: string | undefined) {
  const remote = yield* RemoteJwks
  if (jwks !== undefined) return jwksOf(jwks)
  if (jwksUri === undefined) return undefined
  return Option.getOrUndefined(yield* Effect.option(remote.keys(jwksUri, kid)))
})

const isSigned = Effect.fnUntraced(function* (
  jwt: string,
  algorithm: string,
  kid: string | undefined,
  keys: ReadonlyArray<Jwk>
) {
  const fit = keys.filter((key) => verifies(key, algorithm) && (kid === undefined || key["kid"] === kid))
  for (const key of fit) if (yield* isSignedBy(jwt, key, algorithm)) return true
  return false
})

/** RFC 7519 §2 NumericDate; NaN for what is none, which no comparison lets pass. */
const seconds = (value: Schema.Json | undefined): number | undefined =>
  value === undefined ? undefined : typeof value === "number" && Number.isFinite(value) ? value : Number.NaN

/** The assertion, or `invalid_grant` (RFC 7523 §3.1). Nothing is remembered of it yet. */
export const verifyAssertion = Effect.fnUntraced(function* (jwt: string) {
  const trusted = yield* TrustedIssuerStore
  const own = yield* Issuers
  const issuer = (yield* CurrentIssuer).identifier
  const decoded = decode(jwt)
  const refusal =
    (reason: InvalidGrant["reason"], received = "") =>
    () =>
      new InvalidGrant({ reason, received })
  yield* check("RFC 7523 §3: a signed JWT", decoded !== undefined, refusal("AssertionMalformed"))
  const { header, payload: claims } = decoded!
  const iss = text(claims["iss"])
  const algorithm = text(header["alg"]) ?? ""
  const kid = text(header["kid"])
  yield* check("RFC 7523 §3: iss is there", iss !== undefined, refusal("AssertionIssuerUnknown"))
  // A token of our own is no assertion about anybody, whatever an operator registered.
  yield* check(
    "the assertion is not one of our own",
    own.every((one) => one.identifier !== iss),
    refusal("AssertionIssuerIsOurs", iss)
  )
  const by = Option.getOrUndefined(yield* trusted.find(issuer, iss!))
  yield* check("RFC 7523 §3: iss is trusted", by !== undefined, refusal("AssertionIssuerUnknown", iss))
  const typ = typeOf(header["typ"])
  yield* check(
    "RFC 8725 §3.11: typ is that of the assertions this issuer makes",
    by!.identityAssertions ? typ === identityAssertionType : plainTypes.has(typ),
    refusal("AssertionTypNotAllowed", typ)
  )
  yield* check(
    "RFC 8725 §3.1: an algorithm that this server takes",
    asymmetricAlgorithms.includes(algorithm),
    refusal("AssertionAlgorithmNotAllowed", algorithm)
  )
  const keys = yield* keysOf(by!, kid)
  yield* check("the issuer's keys are known", keys !== undefined, refusal("AssertionKeysUnavailable", iss))
  yield* check(
    "RFC 7523 §3: the signature is the issuer's",
    yield* isSigned(jwt, algorithm, kid, keys!),
    refusal("AssertionSignatureMismatch", kid)
  )
  yield* check(
    "rfc7523bis §3: aud is this server alone",
    claims["aud"] === (by!.audience ?? issuer) || isOnly(claims["aud"], by!.audience ?? issuer),
    refusal("AssertionAudienceMismatch", JSON.stringify(claims["aud"] ?? null))
  )
  const now = (yield* DateTime.now).epochMilliseconds / 1000
  const exp = seconds(claims["exp"])
  const iat = seconds(claims["iat"])
  const nbf = seconds(claims["nbf"])
  yield* check(
    "RFC 7523 §3: exp is there, and not over",
    exp !== undefined && now < exp + skew,
    refusal("AssertionExpired")
  )
  yield* check(
    "RFC 7523 §3: exp is not unreasonably far in the future",
    exp! <= now + longestLife + skew,
    refusal("AssertionLifetimeTooLong")
  )
  yield* check(
    "RFC 7523 §3: nbf and iat are not in the future",
    (nbf === undefined || nbf <= now + skew) && (iat === undefined || iat <= now + skew),
    refusal("AssertionNotYetValid")
  )
  const sub = text(claims["sub"])
  const jti = text(claims["jti"])
  yield* check("RFC 7523 §3: sub is there", sub !== undefined, refusal("AssertionSubjectMissing"))
  yield* check("RFC 7523 §3: jti is there", jti !== undefined, refusal("AssertionJtiMissing"))
  return {
    by: by!,
    sub: sub!,
    jti: jti!,
    until: DateTime.makeUnsafe(Math.ceil((exp! + skew) * 1000)),
    claims
  } satisfies VerifiedAssertion
})

const isOnly = (value: Schema.Json | undefined, expected: string): boolean =>
  Array.isArray(value) && value.length === 1 && value[0] === expected
