/** How a seed's clients send their authorization requests as JWTs: RFC 9101, OpenID Connect Registration §2. */
import { Jwks, Metadata, RequestObject } from "@lockspire/core"
import { Schema } from "effect"
import type { SeedClient } from "./Seed.ts"

type Found = readonly [path: ReadonlyArray<PropertyKey>, reason: string]

const signed = "request_object_signing_alg"
const encryptedAlg = "request_object_encryption_alg"
const encryptedEnc = "request_object_encryption_enc"

/** The fields that say so. */
export const requestObjectFields: ReadonlySet<string> = new Set([signed, encryptedAlg, encryptedEnc])

const isEncryption = Schema.is(Metadata.EncryptionAlgorithm)
const isContentEncryption = Schema.is(Metadata.ContentEncryption)

const stated = (client: SeedClient, name: string): unknown => (Object.hasOwn(client, name) ? client[name] : undefined)

/** OpenID Connect Registration §2: names of algorithms, of which `enc` never stands without `alg`. */
export const requestObjectProblems = (client: SeedClient): ReadonlyArray<Found> => {
  const found = [...requestObjectFields].flatMap((name): ReadonlyArray<Found> => {
    const value = stated(client, name)
    return value === undefined || typeof value === "string" ? [] : [[[name], "is not text"]]
  })
  const isAlone = stated(client, encryptedEnc) !== undefined && stated(client, encryptedAlg) === undefined
  return isAlone ? [...found, [[encryptedEnc], `needs ${encryptedAlg} beside it`]] : found
}

/** Whether the server can know by what to verify such a signature: a key of the client's, or its sealed secret. */
const isVerifiable = (client: SeedClient, algorithm: string): boolean =>
  algorithm.startsWith("HS")
    ? client.token_endpoint_auth_method === "client_secret_jwt"
    : stated(client, "jwks_uri") !== undefined ||
      (Jwks.jwksOf(stated(client, "jwks")) ?? []).some((key) => Jwks.verifies(key, algorithm))

const refused = "request objects of this client are refused"

/** What is asked for and cannot be done: what is registered binds the client, so that nothing less safe is taken. */
export const requestObjectWarnings = (client: SeedClient): ReadonlyArray<Found> => {
  const found: Array<Found> = []
  const [by, alg, enc] = [signed, encryptedAlg, encryptedEnc].map((name) => stated(client, name))
  if (typeof by === "string") {
    if (!RequestObject.requestObjectAlgorithms.includes(by)) {
      found.push([[signed], `is no algorithm that request objects can be signed by: ${refused}`])
    } else if (!isVerifiable(client, by)) {
      found.push([[signed], `finds no key that fits it, neither in jwks nor by jwks_uri: ${refused}`])
    }
  }
  if (alg !== undefined && !isEncryption(alg)) {
    found.push([[encryptedAlg], `is no algorithm that this server decrypts by: ${refused}`])
  }
  if (enc !== undefined && !isContentEncryption(enc)) {
    found.push([[encryptedEnc], `is no algorithm that this server decrypts by: ${refused}`])
  }
  return found
}
