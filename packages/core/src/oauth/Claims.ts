/** Claims: what is said about a person, and how a client asks for it. */
import { Effect, Schema } from "effect"
import { InvalidRequest } from "./OAuthError.ts"

/** Claim values by name, as the host knows them. */
export type Claims = Readonly<Record<string, Schema.Json>>

/** OpenID Connect Core §5.4: the claims that a scope value asks for. */
export const claimsOfScope: Readonly<Record<string, ReadonlyArray<string>>> = {
  profile: [
    "name",
    "family_name",
    "given_name",
    "middle_name",
    "nickname",
    "preferred_username",
    "profile",
    "picture",
    "website",
    "gender",
    "birthdate",
    "zoneinfo",
    "locale",
    "updated_at"
  ],
  email: ["email", "email_verified"],
  address: ["address"],
  phone: ["phone_number", "phone_number_verified"]
}

/** The scope values that OpenID Connect Core defines (§3.1.2.1, §5.4, §11). */
export const standardScopes = ["openid", "profile", "email", "address", "phone", "offline_access"] as const

const IndividualClaim = Schema.NullOr(
  Schema.Struct({
    essential: Schema.optionalKey(Schema.Boolean),
    value: Schema.optionalKey(Schema.Json),
    values: Schema.optionalKey(Schema.Array(Schema.Json))
  })
)
export type IndividualClaim = typeof IndividualClaim.Type

/** The `claims` request parameter, OpenID Connect Core §5.5. */
export const ClaimsRequest = Schema.Struct({
  userinfo: Schema.optionalKey(Schema.Record(Schema.String, IndividualClaim)),
  id_token: Schema.optionalKey(Schema.Record(Schema.String, IndividualClaim))
})
export type ClaimsRequest = typeof ClaimsRequest.Type

/** JSON can spell what no database keeps: NUL, lone surrogates, and nesting without end. */
const isStorable = (value: unknown, depth = 0): boolean => {
  if (typeof value === "string") return !value.includes("\0") && value.isWellFormed()
  if (typeof value !== "object" || value === null) return true
  return depth < 32 && Object.entries(value).every(([name, one]) => isStorable(name) && isStorable(one, depth + 1))
}

const decode = Schema.decodeUnknownEffect(Schema.fromJsonString(ClaimsRequest))

/** OpenID Connect Core §5.5: a JSON object; members that are not understood are ignored. */
export const parseRequest = (text: string): Effect.Effect<ClaimsRequest, InvalidRequest> =>
  decode(text).pipe(
    Effect.filterOrFail((request) => isStorable(request)),
    Effect.mapError(() => new InvalidRequest({ reason: "ParameterMalformed", parameter: "claims" }))
  )

/** The entry for one claim, own properties only. */
export const requested = (
  claims: Readonly<Record<string, IndividualClaim>> | undefined,
  name: string
): IndividualClaim | undefined => (claims !== undefined && Object.hasOwn(claims, name) ? claims[name] : undefined)

/** The values that a request accepts for a claim: OpenID Connect Core §5.5.1 `value` and `values`. */
export const acceptedValues = (claim: IndividualClaim | undefined): ReadonlyArray<Schema.Json> | undefined =>
  claim?.values ?? (claim?.value === undefined ? undefined : [claim.value])

/**
 * The protocol's own words: what they say in a token of ours is never the host's to say, and asking for them asks for
 * nothing about the person (OpenID Connect Core §2, RFC 7519 §4.1, RFC 7800 §3.1, RFC 8417 §2.2, RFC 8693 §4).
 */
const protocolClaims: ReadonlySet<string> = new Set([
  "iss",
  "sub",
  "aud",
  "exp",
  "nbf",
  "iat",
  "jti",
  "auth_time",
  "nonce",
  "acr",
  "amr",
  "azp",
  "at_hash",
  "c_hash",
  "s_hash",
  "sid",
  "cnf",
  "events",
  "client_id",
  "scope",
  "act"
])

/** Every claim about the person that a request names, in either place. */
export const namesOf = (request: ClaimsRequest | undefined): ReadonlyArray<string> =>
  namesIn({ ...request?.userinfo, ...request?.id_token })

/** The claims about the person that are named in one place. */
export const namesIn = (claims: Readonly<Record<string, IndividualClaim>> | undefined): ReadonlyArray<string> =>
  Object.keys(claims ?? {}).filter((name) => !protocolClaims.has(name))

/** The claims among `known` that the names ask for. */
export const select = (known: Claims, names: Iterable<string>): Claims =>
  Object.fromEntries(
    [...new Set(names)].flatMap((name) => {
      const value = Object.hasOwn(known, name) ? known[name] : undefined
      return value === undefined || value === null || value === "" ? [] : [[name, value] as const]
    })
  )
