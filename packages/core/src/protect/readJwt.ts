/** A JWT access token read by whoever has the issuer's public keys, RFC 9068 §4. */
import { DateTime, Effect, Option, Schema } from "effect"
import { check } from "../audit/Refusal.ts"
import * as Compact from "../jose/Compact.ts"
import * as Jwt from "../jose/Jwt.ts"
import type { PublicJwk } from "../key/SigningKey.ts"
import { AuthorizationDetail } from "../oauth/AuthorizationDetails.ts"
import { Confirmation } from "../oauth/Confirmation.ts"
import { InvalidToken } from "../oauth/OAuthError.ts"
import type { ReadAccessToken } from "./VerifiedAccessToken.ts"

/** RFC 7519 §2, within what a date can hold. */
export const NumericDate = Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 8_640_000_000_000 }))

export const fromNumericDate = (seconds: number): DateTime.Utc => DateTime.makeUnsafe(Math.floor(seconds * 1000))

/** What RFC 9068 §2.2 and RFC 7662 §2.2 say alike. */
export const sharedClaims = {
  sub: Schema.NonEmptyString,
  client_id: Schema.NonEmptyString,
  aud: Schema.optionalKey(Schema.Union([Schema.String, Schema.Array(Schema.String)])),
  exp: NumericDate,
  nbf: Schema.optionalKey(NumericDate),
  scope: Schema.optionalKey(Schema.String),
  authorization_details: Schema.optionalKey(Schema.Array(AuthorizationDetail)),
  auth_time: Schema.optionalKey(NumericDate),
  acr: Schema.optionalKey(Schema.String),
  act: Schema.optionalKey(Schema.Json),
  cnf: Schema.optionalKey(Schema.Json)
}
const Shared = Schema.Struct(sharedClaims)

const decodeConfirmation = Schema.decodeUnknownOption(Confirmation, { onExcessProperty: "error" })

/**
 * RFC 7800 §3.1 has unknown members ignored unless an application says otherwise, and this one does: a token that is bound
 * in a way that we cannot check would be taken from whoever has it.
 */
const confirmationOf = Effect.fnUntracedEager(function* (cnf: Schema.Json | undefined) {
  if (cnf === undefined) return undefined
  const confirmation = Option.filter(decodeConfirmation(cnf), (members) => Object.keys(members).length > 0)
  yield* check(
    "RFC 7800 §3.1: every member of cnf is one that can be checked",
    Option.isSome(confirmation),
    () => new InvalidToken({ reason: "ConfirmationUnknown" })
  )
  return Option.getOrThrow(confirmation)
})

export const factsOf = Effect.fnUntracedEager(function* (issuer: string, claims: typeof Shared.Type) {
  return {
    issuer,
    subject: claims.sub,
    account: undefined,
    clientId: claims.client_id,
    scope: (claims.scope ?? "").split(" ").filter((value) => value !== ""),
    audience: claims.aud === undefined ? [] : [claims.aud].flat(),
    authorizationDetails: claims.authorization_details ?? [],
    act: claims.act,
    authTime: claims.auth_time === undefined ? undefined : fromNumericDate(claims.auth_time),
    acr: claims.acr,
    cnf: yield* confirmationOf(claims.cnf),
    notBefore: claims.nbf === undefined ? undefined : fromNumericDate(claims.nbf),
    expiresAt: fromNumericDate(claims.exp)
  } satisfies ReadAccessToken
})

const decodeClaims = Schema.decodeUnknownOption(
  Schema.Struct({ ...sharedClaims, iss: Schema.String, iat: NumericDate, jti: Schema.NonEmptyString })
)

/** `at+jwt`, which may also be spelled as the media type it is (RFC 9068 §4, RFC 7515 §4.1.9). */
const isAccessTokenType = (typ: unknown): typ is string =>
  typeof typ === "string" && /^(?:application\/)?at\+jwt$/i.test(typ)

/**
 * The facts of a JWT that one of the issuer's keys signed. `keysFor` finds the keys, by the `kid` of the token's header
 * at most: neither key nor algorithm is ever the token's to choose.
 */
export const readJwt = Effect.fnUntraced(function* <E, R>(
  issuer: string,
  token: string,
  keysFor: (kid: string | undefined) => Effect.Effect<ReadonlyArray<PublicJwk>, E, R>
) {
  const decoded = Compact.decode(token)
  yield* check(
    "RFC 7515 §7.1: a signed JWT in its one spelling",
    decoded !== undefined,
    () => new InvalidToken({ reason: "TokenMalformed" })
  )
  const { kid, typ } = decoded!.header
  // Before any key is fetched: a stranger's token causes no request.
  yield* check(
    "RFC 9068 §4: iss is the issuer",
    decoded!.payload["iss"] === issuer,
    () => new InvalidToken({ reason: "IssuerMismatch", expected: issuer })
  )
  yield* check(
    "RFC 9068 §4: of type at+jwt",
    isAccessTokenType(typ),
    () => new InvalidToken({ reason: "TokenTypeMismatch", expected: "at+jwt" })
  )
  const keys = yield* keysFor(typeof kid === "string" ? kid : undefined)
  const payload = yield* Jwt.verify(token, typ as string, keys)
  yield* check(
    "RFC 9068 §4: signed with a key of the issuer by that key's algorithm",
    Option.isSome(payload),
    () => new InvalidToken({ reason: "SignatureMismatch" })
  )
  const claims = Option.flatMap(payload, decodeClaims)
  yield* check(
    "RFC 9068 §2.2: every required claim is there and well-formed",
    Option.isSome(claims),
    () => new InvalidToken({ reason: "TokenMalformed" })
  )
  return yield* factsOf(issuer, Option.getOrThrow(claims))
})
