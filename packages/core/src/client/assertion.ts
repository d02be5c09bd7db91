/** Client assertions, RFC 7521 §4.2, RFC 7523 §3 and rfc7523bis: `client_secret_jwt` and `private_key_jwt`. */
import { DateTime, Effect, Option, type Schema } from "effect"
import * as jose from "jose"
import { check, checking, refuse } from "../audit/Refusal.ts"
import { hashToken } from "../crypto/Crypto.ts"
import { CurrentIssuer, url } from "../issuer/Issuer.ts"
import { decode } from "../jose/Compact.ts"
import { InvalidClient } from "../oauth/OAuthError.ts"
import { demanding, excluding, hold, type Rules } from "../profile/Rule.ts"
import { ReplayStore } from "../replay/ReplayStore.ts"
import { open } from "../storage/Sealed.ts"
import { type Client, type ClientSecret, isLiveSecret, sealContext, textMetadata } from "./Client.ts"
import { asymmetricAlgorithms, isSignedBy, type Jwk, verifies } from "./Jwks.ts"
import { clientKeys } from "./clientKeys.ts"

/** An assertion as it was sent: nothing in it is verified. */
export interface Assertion {
  readonly jwt: string
  readonly clientId: string
  readonly algorithm: string
  readonly kid: string | undefined
  readonly claims: Readonly<Record<string, Schema.Json>>
}

/** `client_secret_jwt`: each with the least octets that RFC 7518 §3.2 allows its key. */
const macLengths: Readonly<Record<string, number>> = { HS256: 32, HS384: 48, HS512: 64 }

export const isMacAlgorithm = (algorithm: string): boolean => Object.hasOwn(macLengths, algorithm)

/** Algorithms by which an assertion may be signed, for discovery. */
export const assertionAlgorithms: ReadonlyArray<string> = [...Object.keys(macLengths), ...asymmetricAlgorithms]

/** A JWT of a client, and what of it decides how its signature is verified. */
export type SignedJwt = Pick<Assertion, "jwt" | "algorithm" | "kid">

/** Seconds that the client's clock and ours may differ. */
const skew = 30
/** Seconds that an assertion may live at most, so that what we remember of it ends. */
const longestLife = 600

/** rfc7523bis §4 names the type; RFC 7515 §4.1.9: `application/` may be left out, and case does not count. */
const types: ReadonlySet<string> = new Set(["jwt", "client-authentication+jwt"])

const isTyp = (typ: Schema.Json | undefined): boolean =>
  typ === undefined || (typeof typ === "string" && types.has(typ.toLowerCase().replace(/^application\//, "")))

const text = (value: Schema.Json | undefined): string | undefined => (typeof value === "string" ? value : undefined)

/** Who claims to be speaking, by which algorithm: what can be told before a key is known. */
export const readAssertion = Effect.fnUntracedEager(function* (jwt: string) {
  const decoded = decode(jwt)
  yield* check(
    "RFC 7523 §3: the assertion is a signed JWT",
    decoded !== undefined,
    () => new InvalidClient({ reason: "AssertionMalformed" })
  )
  const { header, payload } = decoded!
  const algorithm = text(header["alg"])
  const kid = text(header["kid"])
  const clientId = text(payload["sub"])
  yield* check(
    "RFC 8725 §3.1: an algorithm that this server takes",
    algorithm !== undefined && assertionAlgorithms.includes(algorithm),
    () => new InvalidClient({ reason: "AssertionAlgorithmNotAllowed", received: algorithm ?? "" })
  )
  yield* check(
    "RFC 8725 §3.11, rfc7523bis: typ is that of a client assertion",
    isTyp(header["typ"]),
    () => new InvalidClient({ reason: "AssertionTypNotAllowed", received: text(header["typ"]) ?? "" })
  )
  yield* check(
    "RFC 7515 §4.1.4: kid is text",
    header["kid"] === undefined || kid !== undefined,
    () => new InvalidClient({ reason: "AssertionMalformed" })
  )
  yield* check(
    "RFC 7523 §3: iss and sub are the client",
    clientId !== undefined && clientId !== "" && payload["iss"] === clientId,
    () => new InvalidClient({ reason: "AssertionIssuerMismatch", received: text(payload["iss"]) ?? "" })
  )
  return { jwt, clientId: clientId!, algorithm: algorithm!, kid, claims: payload } satisfies Assertion
})

/** What verifying the signature found: the secret that made the MAC, or why there is none. */
export type Verdict =
  | { readonly _tag: "Signed"; readonly secret?: ClientSecret }
  | {
      readonly _tag: "NotSigned"
      readonly reason: "AssertionKeysUnavailable" | "AssertionKeyUnknown" | "AssertionSignatureMismatch"
    }

const isMac = (jwt: string, secret: Uint8Array, algorithm: string): Effect.Effect<boolean> =>
  Effect.promise(() =>
    jose.compactVerify(jwt, secret, { algorithms: [algorithm] }).then(
      () => true,
      () => false
    )
  )

/** Closed by nobody: what is opened for a client that has no secret, which costs what opening a real one costs. */
const decoy = new Uint8Array(12 + 43 + 16)

/** `client_secret_jwt`: the MAC is that of one of the client's secrets. */
export const verifyMac = Effect.fnUntraced(function* (client: Client | undefined, { algorithm, jwt }: SignedJwt) {
  const now = yield* DateTime.now
  const kept = (client?.secrets ?? []).flatMap((secret) =>
    secret.sealed !== undefined && isLiveSecret(secret, now) ? [{ secret, sealed: secret.sealed }] : []
  )
  let verdict: Verdict = { _tag: "NotSigned", reason: "AssertionSignatureMismatch" }
  if (kept.length === 0) {
    yield* open(decoy, "client-secret")
    yield* isMac(jwt, decoy, algorithm)
  }
  for (const { sealed, secret } of kept) {
    const opened = yield* open(sealed, sealContext(client!, secret.secretId))
    if (Option.isNone(opened)) {
      return yield* Effect.die(
        new Error(`No key-encryption key opens secret ${secret.secretId} of ${client!.clientId}`)
      )
    }
    const isLongEnough = opened.value.length >= macLengths[algorithm]!
    if ((yield* isMac(jwt, opened.value, algorithm)) && isLongEnough) verdict = { _tag: "Signed", secret }
  }
  return verdict
})

/** `private_key_jwt`: the signature is by one of the client's keys, the one that `kid` names where it does. */
export const verifySignature = Effect.fnUntraced(function* (
  client: Client,
  { algorithm, jwt, kid }: SignedJwt
): Effect.fn.Return<Verdict, never, Effect.Services<ReturnType<typeof clientKeys>>> {
  const keys = yield* Effect.option(clientKeys(client, kid))
  if (Option.isNone(keys)) return { _tag: "NotSigned", reason: "AssertionKeysUnavailable" }
  const fit = keys.value.filter((key: Jwk) => verifies(key, algorithm) && (kid === undefined || key["kid"] === kid))
  for (const key of fit) if (yield* isSignedBy(jwt, key, algorithm)) return { _tag: "Signed" }
  return { _tag: "NotSigned", reason: fit.length === 0 ? "AssertionKeyUnknown" : "AssertionSignatureMismatch" }
})

/** The audience is the issuer alone; what else a client's own exemption allows, as one value or several. */
const isForUs = Effect.fnUntraced(function* (client: Client, audience: Schema.Json | undefined, rules: Rules) {
  const issuer = yield* CurrentIssuer
  if (audience === issuer.identifier) return true
  const isExempt = client.dangerouslyAllowEndpointAudience && demanding(rules, "issuerAudience") === undefined
  if (!isExempt) return false
  const ours = new Set<Schema.Json>([
    issuer.identifier,
    url(issuer, "/token"),
    url(issuer, "/par"),
    url(issuer, "/revoke"),
    url(issuer, "/introspect")
  ])
  const values: ReadonlyArray<Schema.Json> = typeof audience === "string" ? [audience] : asArray(audience)
  return values.length > 0 && values.every((value) => ours.has(value))
})

const asArray = (value: Schema.Json | undefined): ReadonlyArray<Schema.Json> => (Array.isArray(value) ? value : [])

/** RFC 7519 §2 NumericDate. */
const seconds = (value: Schema.Json | undefined): number | undefined =>
  typeof value === "number" && Number.isFinite(value) ? value : undefined

/** The claims of a verified assertion, RFC 7523 §3 in its order; a failure burns nothing. */
export const checkAssertion = Effect.fnUntraced(function* (
  client: Client,
  assertion: Assertion,
  verdict: Verdict,
  rules: Rules
) {
  const { algorithm, claims } = assertion
  const registered = textMetadata(client, "token_endpoint_auth_signing_alg")
  yield* check(
    "RFC 7591 §2: the algorithm that the client registered",
    registered === undefined || registered === algorithm,
    () => new InvalidClient({ reason: "AssertionAlgorithmNotAllowed", expected: registered ?? "", received: algorithm })
  )
  yield* hold(
    excluding(rules, "signingAlgorithms", algorithm),
    false,
    () => new InvalidClient({ reason: "AssertionAlgorithmNotAllowed", received: algorithm })
  )
  const rule = "RFC 7523 §3: the signature is the client's"
  if (verdict._tag === "NotSigned") return yield* refuse(rule, new InvalidClient({ reason: verdict.reason }))
  yield* checking(rule, Effect.void)
  const now = (yield* DateTime.now).epochMilliseconds / 1000
  const expiresAt = seconds(claims["exp"])
  const issuedAt = seconds(claims["iat"])
  const notBefore = seconds(claims["nbf"])
  const jti = text(claims["jti"])
  yield* check(
    "rfc7523bis: aud is this issuer",
    yield* isForUs(client, claims["aud"], rules),
    () =>
      new InvalidClient({
        reason: "AssertionAudienceMismatch",
        received: JSON.stringify(claims["aud"] ?? null).slice(0, 200)
      })
  )
  yield* check(
    "RFC 7523 §3: exp is there, and not over",
    expiresAt !== undefined && now < expiresAt + skew,
    () => new InvalidClient({ reason: "AssertionExpired" })
  )
  yield* check(
    "RFC 7523 §3: exp is not unreasonably far in the future",
    expiresAt! <= now + longestLife + skew && (issuedAt === undefined || expiresAt! <= issuedAt + longestLife),
    () => new InvalidClient({ reason: "AssertionLifetimeTooLong" })
  )
  yield* check(
    "RFC 7523 §3: nbf and iat are not in the future",
    isPast(claims["nbf"], notBefore, now) && isPast(claims["iat"], issuedAt, now),
    () => new InvalidClient({ reason: "AssertionNotYetValid" })
  )
  yield* check(
    "RFC 7523 §3: jti is there",
    jti !== undefined && jti !== "",
    () => new InvalidClient({ reason: "AssertionJtiMissing" })
  )
  return { jti: jti!, until: DateTime.makeUnsafe((expiresAt! + skew) * 1000) }
})

const isPast = (claim: Schema.Json | undefined, value: number | undefined, now: number): boolean =>
  claim === undefined || (value !== undefined && value <= now + skew)

/** OpenID Connect Core §9: an assertion authenticates once, on whichever node. The last step: nothing refused is burnt. */
export const useOnce = Effect.fnUntraced(function* (client: Client, jti: string, until: DateTime.Utc) {
  const replays = yield* ReplayStore
  const valueHash = yield* hashToken(JSON.stringify([client.clientId, jti]))
  yield* check(
    "OpenID Connect Core §9: the assertion was not used before",
    yield* replays.first(client.issuer, "client-assertion", valueHash, until),
    () => new InvalidClient({ reason: "AssertionReplayed" })
  )
})
