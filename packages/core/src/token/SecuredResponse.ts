/**
 * Answers as JWTs, signed and encrypted as the client's metadata asks: OpenID Connect Registration §2, OpenID Connect
 * Core §10, RFC 9701 §6, JARM §3. What the metadata asks for and nobody can do is an error, never a weaker answer.
 */
import { Effect, Option, Schema } from "effect"
import { check, checking, refuse } from "../audit/Refusal.ts"
import { type Client, textMetadata } from "../client/Client.ts"
import { clientKeys } from "../client/clientKeys.ts"
import * as Jwe from "../jose/Jwe.ts"
import type { Payload } from "../jose/Jwt.ts"
import { CurrentIssuer } from "../issuer/Issuer.ts"
import { SigningKeys } from "../key/SigningKeys.ts"
import { ContentEncryption, EncryptionAlgorithm, SigningAlgorithm } from "../oauth/Metadata.ts"
import { InvalidRequest } from "../oauth/OAuthError.ts"
import { rulesFor } from "../profile/inForce.ts"
import { excluding } from "../profile/Rule.ts"

/** The answers whose form a client chooses, by the prefix of its metadata members. */
export type Answer = "id_token" | "userinfo" | "introspection" | "authorization"

const isSigningAlgorithm = Schema.is(SigningAlgorithm)
const isEncryptionAlgorithm = Schema.is(EncryptionAlgorithm)
const isContentEncryption = Schema.is(ContentEncryption)

/** The algorithm that the client is registered with; undefined when it asks for no signature. */
export const signedResponseAlg = (client: Client, answer: Answer): string | undefined =>
  answer === "id_token"
    ? client.idTokenSignedResponseAlg
    : (textMetadata(client, `${answer}_signed_response_alg`) ?? (answer === "userinfo" ? undefined : "RS256"))

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

/** What stands in for RS256, the default that a security profile may forbid: the first that it allows and has a key. */
const substitutes = ["PS256", "ES256", "EdDSA", "Ed25519"] as const

/**
 * The algorithm by which something is signed for the client. RS256 is what nobody chose, so that a client need not be
 * registered anew to be held to a profile; any other algorithm was a choice, and one that is forbidden is undefined.
 */
export const allowedAlgorithm = Effect.fnUntraced(function* (client: Client, asked: string | undefined) {
  if (!isSigningAlgorithm(asked)) return undefined
  const rules = yield* rulesFor(client)
  if (excluding(rules, "signingAlgorithms", asked) === undefined) return asked
  if (asked !== "RS256") return undefined
  const active = yield* (yield* SigningKeys).algorithms((yield* CurrentIssuer).identifier)
  return substitutes.find((one) => active.includes(one) && excluding(rules, "signingAlgorithms", one) === undefined)
})

const missingKey = (client: Client, answer: Answer) =>
  new InvalidRequest({ reason: "SigningKeyMissing", expected: signedResponseAlg(client, answer) ?? "" })
const signingRule = (answer: Answer) => `an active key signs the ${answer} response by the client's algorithm`

/** The algorithm by which the answer is signed for the client; `invalid_request` where rules forbid the one it chose. */
export const algorithmFor = Effect.fnUntraced(function* (client: Client, answer: Answer) {
  const algorithm = yield* allowedAlgorithm(client, signedResponseAlg(client, answer))
  return algorithm ?? (yield* refuse(signingRule(answer), missingKey(client, answer)))
})

/** Signs for the client by what `algorithmFor` said; `invalid_request` when there is no active key of it. */
export const signBy = Effect.fnUntraced(function* (
  algorithm: SigningAlgorithm,
  client: Client,
  answer: Answer,
  typ: string | undefined,
  claims: Payload
) {
  const keys = yield* SigningKeys
  const issuer = (yield* CurrentIssuer).identifier
  return yield* checking(
    signingRule(answer),
    Effect.mapError(keys.sign(issuer, algorithm, typ, claims), () => missingKey(client, answer))
  )
})

export const signFor = (client: Client, answer: Answer, typ: string | undefined, claims: Payload) =>
  Effect.flatMap(algorithmFor(client, answer), (algorithm) => signBy(algorithm, client, answer, typ, claims))

/** To whom and how the answer is encrypted; undefined where the metadata asks for none, `invalid_request` where no key fits. */
const recipientFor = Effect.fnUntraced(function* (client: Client, answer: Answer) {
  const asked = encryptedResponse(client, answer)
  if (asked === undefined) return undefined
  const { alg, enc } = asked
  const isKnown = isEncryptionAlgorithm(alg) && isContentEncryption(enc)
  // Keys that nobody can read are as good as none.
  const keys = yield* Effect.orElseSucceed(clientKeys(client), () => [])
  const key = isKnown ? Jwe.recipient(keys, alg) : undefined
  if (key === undefined || !isKnown) return yield* unencryptable(alg, enc)
  return { key, alg, enc }
})

const unencryptable = (alg: string, enc: string) =>
  new InvalidRequest({ reason: "EncryptionKeyMissing", expected: `${alg} ${enc}` })
const encryptionRule = (answer: Answer) =>
  `OpenID Connect Core §10.2: the client registered a key to encrypt the ${answer} response to`

/** Encrypts to the client where its metadata asks for it; `invalid_request` when it registered no key that fits. */
export const encryptFor = Effect.fnUntraced(function* (
  client: Client,
  answer: Answer,
  text: string,
  members: { readonly typ?: string; readonly cty?: string }
) {
  if (encryptedResponse(client, answer) === undefined) return text
  return yield* checking(
    encryptionRule(answer),
    Effect.gen(function* () {
      const { alg, enc, key } = (yield* recipientFor(client, answer))!
      const encrypted = yield* Jwe.encrypt(text, key, { alg, enc }, members)
      return yield* Effect.mapError(Effect.fromOption(Option.fromUndefinedOr(encrypted)), () => unencryptable(alg, enc))
    })
  )
})

/** Whether the client can be answered as it asks, found out before there is anything to answer with. */
export const canSecure = Effect.fnUntraced(function* (client: Client, answer: Answer) {
  const active = yield* (yield* SigningKeys).algorithms((yield* CurrentIssuer).identifier)
  const algorithm = yield* algorithmFor(client, answer)
  yield* check(signingRule(answer), active.includes(algorithm), () => missingKey(client, answer))
  if (encryptedResponse(client, answer) !== undefined) {
    yield* checking(encryptionRule(answer), recipientFor(client, answer))
  }
})
