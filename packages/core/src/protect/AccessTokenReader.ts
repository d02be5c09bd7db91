/** Who can say what an access token says: the issuer's own records, its keys, or its introspection endpoint. */
import { Context, Data, Effect, Layer, Option } from "effect"
import { check } from "../audit/Refusal.ts"
import { Crypto, hashToken } from "../crypto/Crypto.ts"
import * as Compact from "../jose/Compact.ts"
import { SigningKeys } from "../key/SigningKeys.ts"
import { type InvalidDpopProof, InvalidToken, type UseDpopNonce } from "../oauth/OAuthError.ts"
import { TokenStore } from "../token/TokenStore.ts"
import { confirmBesideIssuer, type PresentedProof } from "./confirm.ts"
import type { ReadAccessToken } from "./VerifiedAccessToken.ts"

/** The issuer could not be asked; the token may be good. `because` is for the operator. */
export class IssuerUnavailable extends Data.TaggedError("IssuerUnavailable")<{
  readonly issuer: string
  readonly because: string
}> {}

/** A token that was read, and what its client registered where the reader can know it. */
export interface Read {
  readonly facts: ReadAccessToken
  readonly client: PresentedProof["client"]
}

export interface AccessTokenReaderPort {
  /**
   * What a token of this issuer says. Refuses what the issuer did not issue, or has revoked as far as the reader can
   * know; for whom the token is and whether it is enough is not its business.
   */
  readonly read: (issuer: string, token: string) => Effect.Effect<Read, InvalidToken | IssuerUnavailable>
  /** Whether whoever presents the token holds the key that it is bound to; each proof counts once. */
  readonly confirm: (proof: PresentedProof) => Effect.Effect<void, InvalidToken | InvalidDpopProof | UseDpopNonce>
  /** Seconds by which this process' clock and the issuer's may differ. */
  readonly clockSkew: number
}

export class AccessTokenReader extends Context.Service<AccessTokenReader, AccessTokenReaderPort>()(
  "@lockspire/core/protect/AccessTokenReader"
) {
  /**
   * In the issuer's own process: its records, for every format. A token that was revoked, or whose client was disabled,
   * is refused at the next request; a JWT that the issuer's keys did not sign never reaches storage.
   */
  static readonly layerOwn = Layer.effect(
    AccessTokenReader,
    Effect.gen(function* () {
      const tokens = yield* TokenStore
      const keys = yield* SigningKeys
      const crypto = yield* Crypto
      return AccessTokenReader.of({
        clockSkew: 0,
        confirm: yield* confirmBesideIssuer,
        read: Effect.fnUntraced(function* (issuer, token) {
          const isJwt = Compact.decode(token) !== undefined
          const claims = isJwt ? yield* keys.verifyOwn(issuer, "at+jwt", token) : Option.none()
          yield* check(
            "RFC 9068 §4: of type at+jwt, signed with a key of the issuer by that key's algorithm",
            !isJwt || Option.isSome(claims),
            () => new InvalidToken({ reason: "SignatureMismatch" })
          )
          const tokenHash = yield* Effect.provideService(hashToken(token), Crypto, crypto)
          const found = Option.getOrUndefined(yield* tokens.findAccessToken(issuer, tokenHash))
          yield* check(
            "RFC 6750 §3.1: the token is known",
            found !== undefined,
            () => new InvalidToken({ reason: "TokenUnknown" })
          )
          const { clientDisabled, clientMetadata, grant, token: record } = found!
          yield* check(
            "RFC 6750 §3.1: the token is not revoked",
            record._tag === "Live" && grant?._tag !== "Revoked",
            () => new InvalidToken({ reason: "TokenRevoked" })
          )
          yield* check("the client is enabled", !clientDisabled, () => new InvalidToken({ reason: "ClientDisabled" }))
          const facts: ReadAccessToken = {
            issuer: record.issuer,
            subject: record.subject,
            account: grant?.subject,
            clientId: record.clientId,
            scope: record.scope,
            audience: record.audience,
            authorizationDetails: record.authorizationDetails,
            act: record.actor,
            authTime: grant?.authTime,
            acr: grant?.acr,
            cnf: record.confirmation,
            notBefore: undefined,
            expiresAt: record.expiresAt
          }
          return { facts, client: { metadata: clientMetadata } }
        })
      })
    })
  )
}
