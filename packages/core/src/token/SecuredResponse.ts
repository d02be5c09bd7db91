/**
 * Answers as JWTs, signed and encrypted as the client's metadata asks: OpenID Connect Registration §2, OpenID Connect
 * Core §10, RFC 9701 §6. What the metadata asks for and nobody can do is an error, never a weaker answer.
 */
import { Effect, Option, Schema } from "effect"
import { checking } from "../audit/Refusal.ts"
import { type Client, textMetadata } from "../client/Client.ts"
import { clientKeys } from "../client/clientKeys.ts"
import * as Jwe from "../jose/Jwe.ts"
import type { Payload } from "../jose/Jwt.ts"
import { CurrentIssuer } from "../issuer/Issuer.ts"
import { SigningKeys } from "../key/SigningKeys.ts"
import { ContentEncryption, EncryptionAlgorithm, SigningAlgorithm } from "../oauth/Metadata.ts"
import { InvalidRequest } from "../oauth/OAuthError.ts"

/** The answers whose form a client chooses, by the prefix of its metadata members. */
export type Answer = "id_token" | "userinfo" | "introspection"

const isSigningAlgorithm = Schema.is(SigningAlgorithm)
const isEncryptionAlgorithm = Schema.is(EncryptionAlgorithm)
const isContentEncryption = Schema.is(ContentEncryption)

/** The algorithm that the client is registered with; undefined when it asks for no signature. */
export const signedResponseAlg = (client: Client, answer: Answer): string | undefined =>
  answer === "id_token"
    ? client.idTokenSignedResponseAlg
    : (textMetadata(client, `${answer}_signed_response_alg`) ?? (answer === "introspection" ? "RS256" : undefined))

/** OpenID Connect Registration §2: where only `alg` is registered, `enc` is A128CBC-HS256. */
export const encryptedResponse = (client: Pick<Client, "metadata">, answer: Answer) => {
  const alg = textMetadata(client, `${answer}_encrypted_response_alg`)
  const enc = textMetadata(client, `${answer}_encrypted_response_enc`) ?? "A128CBC-HS256"
  return alg === undefined ? undefined : { alg, enc }
}

/** OpenID Connect Core §5.3.2: whether the client registered for a JWT where it would get JSON. */
export const wantsUserinfoJwt = (client: Pick<Client, "metadata">): boolean =>
  textMetadata(client, "userinfo_signed_response_alg") !== undefined ||
  encryptedResponse(client, "userinfo") !== undefined

/** Signs for the client; `invalid_request` when there is no active key of its algorithm. */
export const signFor = Effect.fnUntraced(function* (
  client: Client,
  answer: Answer,
  typ: string | undefined,
  claims: Payload
) {
  const keys = yield* SigningKeys
  const issuer = (yield* CurrentIssuer).identifier
  const algorithm = signedResponseAlg(client, answer)
  const missing = () => new InvalidRequest({ reason: "SigningKeyMissing", expected: algorithm ?? "" })
  return yield* checking(
    `an active key signs the ${answer} response by the client's algorithm`,
    isSigningAlgorithm(algorithm)
      ? Effect.mapError(keys.sign(issuer, algorithm, typ, claims), missing)
      : Effect.fail(missing())
  )
})

/** Encrypts to the client where its metadata asks for it; `invalid_request` when it registered no key that fits. */
export const encryptFor = Effect.fnUntraced(function* (
  client: Client,
  answer: Answer,
  text: string,
  members: { readonly typ?: string; readonly cty?: string }
) {
  const asked = encryptedResponse(client, answer)
  if (asked === undefined) return text
  const { alg, enc } = asked
  return yield* checking(
    `OpenID Connect Core §10.2: the client registered a key to encrypt the ${answer} response to`,
    Effect.gen(function* () {
      const isKnown = isEncryptionAlgorithm(alg) && isContentEncryption(enc)
      // Keys that nobody can read are as good as none.
      const keys = yield* Effect.orElseSucceed(clientKeys(client), () => [])
      const key = isKnown ? Jwe.recipient(keys, alg) : undefined
      const encrypted = key === undefined || !isKnown ? undefined : yield* Jwe.encrypt(text, key, { alg, enc }, members)
      return yield* Effect.mapError(
        Effect.fromOption(Option.fromUndefinedOr(encrypted)),
        () => new InvalidRequest({ reason: "EncryptionKeyMissing", expected: `${alg} ${enc}` })
      )
    })
  )
})
