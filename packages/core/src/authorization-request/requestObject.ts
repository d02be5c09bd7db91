/** Request objects by value, RFC 9101: an authorization request as a JWT that its client signed. */
import { DateTime, Effect, Option, type Schema } from "effect"
import { check, checking, refuse } from "../audit/Refusal.ts"
import { type Client, textMetadata } from "../client/Client.ts"
import { assertionAlgorithms, isMacAlgorithm, type Verdict, verifyMac, verifySignature } from "../client/assertion.ts"
import { hashToken } from "../crypto/Crypto.ts"
import { CurrentIssuer } from "../issuer/Issuer.ts"
import { decode, type Decoded, headerOf } from "../jose/Compact.ts"
import * as Jwe from "../jose/Jwe.ts"
import { SigningKeys } from "../key/SigningKeys.ts"
import { InvalidRequestObject, RequestNotSupported } from "../oauth/OAuthError.ts"
import { rulesFor } from "../profile/inForce.ts"
import { excluding, hold, type Rules, shortestRequestObject } from "../profile/Rule.ts"
import { parametersOf } from "./requestObjectParameters.ts"

/** Algorithms by which a request object may be signed: `request_object_signing_alg_values_supported`. */
export const requestObjectAlgorithms: ReadonlyArray<string> = assertionAlgorithms

/** Characters, encrypted or not: `claims` and `authorization_details` may be long, and a form is 64 KiB at most. */
const longest = 49_152

/** Seconds that an object with a `jti` may still live: as long as it does its `jti` is remembered. */
const longestRemembered = 86_400

/** Seconds that the client's clock and ours may differ. */
const skew = 30

/** RFC 9101 §10.8 names the type; RFC 7515 §4.1.9: `application/` may be left out, and case does not count. */
const types: ReadonlySet<string> = new Set(["oauth-authz-req+jwt", "jwt"])

const isTyp = (typ: Schema.Json | undefined): boolean =>
  typ === undefined || (typeof typ === "string" && types.has(typ.toLowerCase().replace(/^application\//, "")))

const text = (value: Schema.Json | undefined): string | undefined => (typeof value === "string" ? value : undefined)

/** RFC 7519 §2 NumericDate, within what a date can hold. */
const seconds = (value: Schema.Json | undefined): number | undefined =>
  typeof value === "number" && Math.abs(value) <= 8_639_000_000_000 ? value : undefined

const refusal =
  (reason: InvalidRequestObject["reason"], received: unknown = "", expected = "") =>
  () =>
    new InvalidRequestObject({ reason, expected, received: shown(received) })

const shown = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value)).slice(0, 200)

/**
 * The parameters of a request object of the client: they alone count, whatever else was sent (RFC 9101 §6.3). `object`
 * is what to remember when the authorization completes, so that it does so once; undefined for an object without `jti`.
 */
export const readRequestObject = Effect.fnUntraced(function* (client: Client, sent: string) {
  const rules = yield* rulesFor(client)
  yield* check("RFC 9101 §5: a JWT of a size that is honest", sent.length <= longest, refusal("ObjectMalformed"))
  const jwt = yield* decrypted(client, sent)
  const { payload: claims } = yield* verified(client, jwt, rules)
  yield* checkParties(client, claims)
  const expiresAt = yield* checkTimes(claims, rules)
  const jti = text(claims["jti"])
  yield* check(
    "RFC 7519 §4.1.7: jti is text",
    claims["jti"] === undefined || (jti !== undefined && jti !== ""),
    refusal("ObjectMemberMalformed", "jti")
  )
  const now = (yield* DateTime.now).epochMilliseconds / 1000
  yield* check(
    "RFC 9101 §10.2: an object that counts once ends within a day",
    jti === undefined || expiresAt <= now + longestRemembered + skew,
    refusal("ObjectLifetimeTooLong")
  )
  yield* check(
    "RFC 9101 §10.8: sub is not the client, as it would be in a client assertion",
    claims["sub"] !== client.clientId,
    refusal("ObjectSubjectIsClient")
  )
  yield* check(
    "RFC 9101 §4: no request and no request_uri inside",
    !Object.hasOwn(claims, "request") && !Object.hasOwn(claims, "request_uri"),
    refusal("ObjectNested")
  )
  yield* check(
    "RFC 9101 §5: client_id is inside, and the client",
    claims["client_id"] === client.clientId,
    refusal("ObjectClientIdMismatch", claims["client_id"], client.clientId)
  )
  const parameters = yield* checking("RFC 9101 §4: every member is a parameter", parametersOf(claims))
  const object =
    jti === undefined
      ? undefined
      : {
          jtiHash: yield* hashToken(JSON.stringify([client.clientId, jti])),
          until: DateTime.makeUnsafe(Math.ceil((expiresAt + skew) * 1000))
        }
  return { parameters, object }
})

/** RFC 9101 §6.1: the signed object, which may be encrypted, and is by a client that registered that it does. */
const decrypted = Effect.fnUntraced(function* (client: Client, sent: string) {
  const issuer = yield* CurrentIssuer
  const keys = yield* SigningKeys
  const alg = textMetadata(client, "request_object_encryption_alg")
  const enc = textMetadata(client, "request_object_encryption_enc")
  if (sent.split(".", 6).length !== 5) {
    yield* check(
      "OpenID Connect Registration §2: encrypted, as the client registered",
      alg === undefined,
      refusal("ObjectNotEncrypted", "", alg)
    )
    return sent
  }
  const header = Jwe.encrypted(sent)
  yield* check("RFC 7516 §5.2: an encrypted JWT", header !== undefined, refusal("ObjectNotDecryptable"))
  yield* check(
    "OpenID Connect Registration §2: encrypted by what the client registered",
    (alg === undefined || alg === header!.alg) && (enc === undefined || enc === header!.enc),
    refusal("ObjectAlgorithmNotAllowed", `${header!.alg} ${header!.enc}`, `${alg ?? ""} ${enc ?? ""}`)
  )
  const opened = yield* keys.decrypt(issuer.identifier, sent)
  yield* check(
    "RFC 9101 §6.1: encrypted to a key of this issuer",
    Option.isSome(opened),
    refusal("ObjectNotDecryptable")
  )
  return Option.getOrThrow(opened)
})

const reasons = {
  AssertionKeysUnavailable: "ObjectKeysUnavailable",
  AssertionKeyUnknown: "ObjectKeyUnknown",
  AssertionSignatureMismatch: "ObjectSignatureMismatch"
} as const satisfies Record<Extract<Verdict, { _tag: "NotSigned" }>["reason"], InvalidRequestObject["reason"]>

/** RFC 9101 §6.2: signed, by an algorithm and a key that are the client's. */
const verified = Effect.fnUntraced(function* (client: Client, jwt: string, rules: Rules) {
  yield* check(
    "RFC 9101 §10.2: the request object is signed",
    headerOf(jwt)?.["alg"] !== "none",
    () => new RequestNotSupported({ reason: "RequestObjectUnsigned" })
  )
  const decoded = decode(jwt, longest)
  yield* check("RFC 9101 §4: the request object is a signed JWT", decoded !== undefined, refusal("ObjectMalformed"))
  const { header } = decoded!
  const algorithm = text(header["alg"]) ?? ""
  const kid = text(header["kid"])
  const registered = textMetadata(client, "request_object_signing_alg")
  yield* check(
    "RFC 8725 §3.1: an algorithm that this server takes",
    requestObjectAlgorithms.includes(algorithm),
    refusal("ObjectAlgorithmNotAllowed", header["alg"])
  )
  yield* check(
    "RFC 9101 §10.1: the algorithm that the client registered",
    registered === undefined || registered === algorithm,
    refusal("ObjectAlgorithmNotAllowed", algorithm, registered)
  )
  yield* hold(excluding(rules, "signingAlgorithms", algorithm), false, refusal("ObjectAlgorithmNotAllowed", algorithm))
  yield* check(
    "RFC 8725 §3.11, RFC 9101 §10.8: typ is that of a request object",
    isTyp(header["typ"]),
    refusal("ObjectTypNotAllowed", header["typ"])
  )
  yield* check(
    "RFC 7515 §4.1.4: kid is text",
    header["kid"] === undefined || kid !== undefined,
    refusal("ObjectMalformed", "kid")
  )
  const signed = { jwt, algorithm, kid }
  const verdict = yield* isMacAlgorithm(algorithm) ? verifyMac(client, signed) : verifySignature(client, signed)
  const rule = "RFC 9101 §6.2: the signature is the client's"
  if (verdict._tag === "NotSigned") return yield* refuse(rule, refusal(reasons[verdict.reason], kid)())
  yield* checking(rule, Effect.void)
  return decoded!
})

/** RFC 9101 §5: made by the client, for this issuer. */
const checkParties = Effect.fnUntraced(function* (client: Client, { aud, iss }: Decoded["payload"]) {
  const { identifier } = yield* CurrentIssuer
  yield* check(
    "RFC 9101 §5: iss is the client",
    iss === client.clientId,
    refusal("ObjectIssuerMismatch", iss, client.clientId)
  )
  yield* check(
    "RFC 9101 §5: aud is this issuer, or names it among others",
    aud === identifier || (Array.isArray(aud) && aud.includes(identifier)),
    refusal("ObjectAudienceMismatch", aud, identifier)
  )
})

/** RFC 7519 §4.1.4–4.1.6, and how long a profile lets an object live. Answers when it expires. */
const checkTimes = Effect.fnUntraced(function* (claims: Decoded["payload"], rules: Rules) {
  const now = (yield* DateTime.now).epochMilliseconds / 1000
  const expiresAt = seconds(claims["exp"])
  const notBefore = seconds(claims["nbf"])
  const isPast = (name: "nbf" | "iat") => {
    const value = seconds(claims[name])
    return claims[name] === undefined || (value !== undefined && value <= now + skew)
  }
  yield* check(
    "RFC 7519 §4.1.4: exp is there, and not over",
    expiresAt !== undefined && now < expiresAt + skew,
    refusal("ObjectExpired", claims["exp"])
  )
  yield* check(
    "RFC 7519 §4.1.5, §4.1.6: nbf and iat are not in the future",
    isPast("nbf") && isPast("iat"),
    refusal("ObjectNotYetValid")
  )
  const rule = shortestRequestObject(rules)
  if (rule === undefined) return expiresAt!
  yield* hold(rule, notBefore !== undefined, refusal("ObjectNotBeforeMissing"))
  yield* hold(rule, expiresAt! - notBefore! <= rule.seconds, refusal("ObjectLifetimeTooLong"))
  yield* hold(rule, now - notBefore! <= rule.seconds, refusal("ObjectTooOld"))
  return expiresAt!
})
