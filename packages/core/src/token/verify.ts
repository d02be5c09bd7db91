/**
 * Reading back the JWTs that the issuer made for itself to recognise: each kind has its reader, what comes out is of its
 * own type, and no reader takes another's (RFC 8725 §3.11, §3.12).
 */
import { type Brand, Effect, Option, Schema } from "effect"
import { CurrentIssuer } from "../issuer/Issuer.ts"
import type { Payload } from "../jose/Jwt.ts"
import { SigningKeys } from "../key/SigningKeys.ts"

const audience = Schema.Union([Schema.String, Schema.Array(Schema.String)])

const IdTokenMembers = Schema.Struct({
  iss: Schema.String,
  sub: Schema.String,
  aud: audience,
  exp: Schema.Finite,
  iat: Schema.Finite
})
const AccessTokenMembers = Schema.Struct({
  iss: Schema.String,
  sub: Schema.String,
  aud: audience,
  client_id: Schema.String,
  exp: Schema.Finite,
  iat: Schema.Finite,
  jti: Schema.String
})

/** The claims of an ID token of the current issuer, whenever it expired; only `verifyIdToken` makes them. */
export type IdTokenClaims = Payload & typeof IdTokenMembers.Type & Brand.Brand<"IdTokenClaims">

/** The claims of a JWT access token of the current issuer, whenever it expired; only `verifyAccessToken` makes them. */
export type AccessTokenClaims = Payload & typeof AccessTokenMembers.Type & Brand.Brand<"AccessTokenClaims">

const reader = <Claims extends Payload>(typ: string, members: Schema.Codec<unknown>) => {
  const hasMembers = Schema.is(members)
  return Effect.fnUntraced(function* (jwt: string) {
    const keys = yield* SigningKeys
    const issuer = (yield* CurrentIssuer).identifier
    const verified = yield* keys.verifyOwn(issuer, typ, jwt)
    return Option.filter(verified, (claims): claims is Claims => claims["iss"] === issuer && hasMembers(claims))
  })
}

/** OpenID Connect Core §2. `None` for anything else, encrypted ID tokens included: their inner JWT is the ID token. */
export const verifyIdToken = reader<IdTokenClaims>("JWT", IdTokenMembers)

/** RFC 9068 §4, the signature and who it is for apart; times and revocation are for whoever asks. */
export const verifyAccessToken = reader<AccessTokenClaims>("at+jwt", AccessTokenMembers)
