/** How a seed's clients and resources want what they are sent: signed by what, encrypted to whom. */
import { Jwe, Jwks, Metadata } from "@lockspire/core"
import { Schema } from "effect"
import { keySetProblems } from "./clientAuthentication.ts"
import type { Seed, SeedClient, SeedResource } from "./Seed.ts"
import { pathOf, type Warning } from "./SeedInvalid.ts"

type Found = readonly [path: ReadonlyArray<PropertyKey>, reason: string]

const answers = ["id_token", "userinfo", "introspection", "authorization"] as const
const signed = (answer: string) => `${answer}_signed_response_alg`
const encryptedAlg = (answer: string) => `${answer}_encrypted_response_alg`
const encryptedEnc = (answer: string) => `${answer}_encrypted_response_enc`

/** OpenID Connect Registration §2, RFC 9701 §6, JARM §3: the fields that say so. */
export const formatting: ReadonlySet<string> = new Set(
  answers.flatMap((answer) => [signed(answer), encryptedAlg(answer), encryptedEnc(answer)])
)

const isSigning = Schema.is(Metadata.SigningAlgorithm)
const isEncryption = Schema.is(Metadata.EncryptionAlgorithm)
const isContentEncryption = Schema.is(Metadata.ContentEncryption)

const stated = (client: SeedClient, name: string): unknown => (Object.hasOwn(client, name) ? client[name] : undefined)

/** OpenID Connect Registration §2: `enc` never stands without `alg`. */
export const formatProblems = (client: SeedClient): ReadonlyArray<Found> =>
  answers.flatMap((answer): ReadonlyArray<Found> =>
    stated(client, encryptedEnc(answer)) !== undefined && stated(client, encryptedAlg(answer)) === undefined
      ? [[[encryptedEnc(answer)], `needs ${encryptedAlg(answer)} beside it`]]
      : []
  )

const refusedFor = (answer: string) => `the client gets an error in place of its ${answer} response`

const hasKeyFor = (client: SeedClient, algorithm: Metadata.EncryptionAlgorithm): boolean =>
  stated(client, "jwks_uri") !== undefined ||
  Jwe.recipient(Jwks.jwksOf(stated(client, "jwks")) ?? [], algorithm) !== undefined

/** What is asked for and cannot be done: the client is refused rather than answered less safely than it asked. */
export const formatWarnings = (client: SeedClient): ReadonlyArray<Found> =>
  answers.flatMap((answer): ReadonlyArray<Found> => {
    const found: Array<Found> = []
    const [by, alg, enc] = [signed(answer), encryptedAlg(answer), encryptedEnc(answer)].map((name) =>
      stated(client, name)
    )
    if (answer !== "id_token" && by !== undefined && !isSigning(by)) {
      found.push([[signed(answer)], `is no algorithm that this server signs by: ${refusedFor(answer)}`])
    }
    if (alg === undefined) return found
    if (!isEncryption(alg)) {
      found.push([[encryptedAlg(answer)], `is no algorithm that this server encrypts by: ${refusedFor(answer)}`])
    } else if (!hasKeyFor(client, alg)) {
      found.push([[encryptedAlg(answer)], `finds no key in jwks that fits it: ${refusedFor(answer)}`])
    }
    if (enc !== undefined && !isContentEncryption(enc)) {
      found.push([[encryptedEnc(answer)], `is no algorithm that this server encrypts by: ${refusedFor(answer)}`])
    }
    return found
  })

export const resourceFormatProblems = (resource: SeedResource): ReadonlyArray<Found> => {
  const { accessTokenFormat, encryption, signingAlgorithm } = resource
  const found: Array<Found> = []
  if ((accessTokenFormat === "encrypted") !== (encryption !== undefined)) {
    found.push([["encryption"], 'goes with the accessTokenFormat "encrypted", and that needs it'])
  }
  if (signingAlgorithm !== undefined && (accessTokenFormat ?? "opaque") === "opaque") {
    found.push([["signingAlgorithm"], "means nothing for opaque tokens, which nobody signs"])
  }
  if (encryption !== undefined) {
    const problems = keySetProblems(encryption.jwks, ["encryption", "jwks"])
    found.push(...problems)
    if (problems.length === 0 && Jwe.recipient(Jwks.jwksOf(encryption.jwks) ?? [], encryption.alg) === undefined) {
      found.push([["encryption", "jwks"], `holds no key to encrypt to by ${encryption.alg}`])
    }
  }
  return found
}

/** Every algorithm for which the seed wants the server to have a key, where it stands. */
const asked = (seed: Seed) => {
  const of = (
    path: ReadonlyArray<PropertyKey>,
    algorithm: unknown,
    isKnown: (algorithm: unknown) => algorithm is Metadata.KeyAlgorithm,
    key: string
  ) => (isKnown(algorithm) ? [{ path, algorithm, key }] : [])
  const encrypting = "request_object_encryption_alg"
  return [
    ...(seed.clients ?? []).flatMap((client, at) => [
      ...answers.flatMap((answer) =>
        of(["clients", at, signed(answer)], stated(client, signed(answer)), isSigning, "a signing key")
      ),
      ...of(["clients", at, encrypting], stated(client, encrypting), isEncryption, "an encryption key")
    ]),
    ...(seed.resources ?? []).flatMap(({ signingAlgorithm }, at) =>
      of(["resources", at, "signingAlgorithm"], signingAlgorithm, isSigning, "a signing key")
    )
  ]
}

/** The algorithms for which a server with this seed needs a key. */
export const neededAlgorithms = (seed: Seed): ReadonlyArray<Metadata.KeyAlgorithm> => [
  ...new Set(asked(seed).map(({ algorithm }) => algorithm))
]

/** The algorithms that the seed asks for beyond the ones there are keys for, each where it stands. */
export const missingKeys = (seed: Seed, available: ReadonlySet<string>): ReadonlyArray<Warning> =>
  asked(seed)
    .filter(({ algorithm }) => !available.has(algorithm))
    .map(({ algorithm, key, path }) => ({
      path: pathOf(path),
      reason: `needs ${key} that this issuer does not have: lockspire key generate --algorithm ${algorithm}`
    }))
