/** Whether a seed's client can authenticate by the method it names: RFC 7591 §2, RFC 7523, RFC 8705 §2. */
import { assertionAlgorithms, Crypto, Jwks, ManageClients, subjectFields } from "@lockspire/core"
import { DateTime, Option } from "effect"
import type { SeedClient } from "./Seed.ts"

type Found = readonly [path: ReadonlyArray<PropertyKey>, reason: string]

const stated = (client: SeedClient, name: string): unknown => (Object.hasOwn(client, name) ? client[name] : undefined)

const isHttps = (uri: unknown): boolean =>
  typeof uri === "string" && URL.canParse(uri) && new URL(uri).protocol === "https:"

/** RFC 7518 §6.2.2, §6.3.2, §6.4: the members of a JWK that nobody but its owner may see. */
const privateMembers = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"]

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** What is wrong with a JWK Set that somebody else will use: every key of it is a public one. */
export const keySetProblems = (jwks: unknown, path: ReadonlyArray<PropertyKey>): ReadonlyArray<Found> => {
  if (Jwks.jwksOf(jwks) === undefined) return [[path, "is no JWK Set (RFC 7517 §5)"]]
  const { keys } = jwks as { readonly keys: ReadonlyArray<unknown> }
  return keys.flatMap((key, at): ReadonlyArray<Found> => {
    if (!isObject(key) || typeof key["kty"] !== "string") return [[[...path, "keys", at], "is no JWK (RFC 7517 §4)"]]
    return privateMembers.some((name) => Object.hasOwn(key, name))
      ? [[[...path, "keys", at], "holds a private or secret key: only public ones belong here"]]
      : []
  })
}

/** The keys that a client registers, wherever they are. */
const keyProblems = (client: SeedClient): ReadonlyArray<Found> => {
  const jwks = stated(client, "jwks")
  const uri = stated(client, "jwks_uri")
  const found: Array<Found> = []
  if (jwks !== undefined && uri !== undefined)
    found.push([["jwks_uri"], "stands beside jwks: only one may (RFC 7591 §2)"])
  if (uri !== undefined && !isHttps(uri)) found.push([["jwks_uri"], "is no https URL"])
  return jwks === undefined ? found : [...found, ...keySetProblems(jwks, ["jwks"])]
}

const subjectProblems = (client: SeedClient): ReadonlyArray<Found> => {
  const fields = subjectFields.filter((field) => stated(client, field) !== undefined)
  const found: Array<Found> = fields.flatMap((field): ReadonlyArray<Found> =>
    typeof stated(client, field) === "string" ? [] : [[[field], "is not text"]]
  )
  if (fields.length === 1) return found
  return [
    ...found,
    [["token_endpoint_auth_method"], `needs exactly one of ${subjectFields.join(", ")} (RFC 8705 §2.1.2)`]
  ]
}

/** Every secret that the seed states for the client, with where it stands. */
export const statedSecrets = (client: SeedClient) => [
  ...(client.client_secret === undefined
    ? []
    : [{ path: ["client_secret"], secret: client.client_secret, not_before: undefined, expires_at: undefined }]),
  ...(client.client_secrets ?? []).map(({ client_secret, expires_at, not_before }, at) => ({
    path: ["client_secrets", at, "client_secret"],
    secret: client_secret,
    not_before,
    expires_at
  }))
]

export const authenticationProblems = (client: SeedClient, method: string): ReadonlyArray<Found> => {
  const found: Array<Found> = [...keyProblems(client)]
  const hasKeys = stated(client, "jwks") !== undefined || stated(client, "jwks_uri") !== undefined
  const algorithm = stated(client, "token_endpoint_auth_signing_alg")
  if (algorithm !== undefined) {
    const isMac = typeof algorithm === "string" && algorithm.startsWith("HS")
    if (typeof algorithm !== "string" || !assertionAlgorithms.includes(algorithm)) {
      found.push([["token_endpoint_auth_signing_alg"], "is no algorithm that assertions can be signed by"])
    } else if ((method === "client_secret_jwt" && !isMac) || (method === "private_key_jwt" && isMac)) {
      found.push([["token_endpoint_auth_signing_alg"], `does not go with ${method}`])
    }
  }
  if ((method === "private_key_jwt" || method === "self_signed_tls_client_auth") && !hasKeys) {
    found.push([["token_endpoint_auth_method"], "needs jwks or jwks_uri"])
  }
  if (method === "tls_client_auth") found.push(...subjectProblems(client))
  if (client.client_secret !== undefined && client.client_secrets !== undefined) {
    found.push([["client_secrets"], "stands beside client_secret: only one may"])
  }
  for (const { not_before, expires_at, path, secret } of statedSecrets(client)) {
    if (!/^[\x20-\x7e]+$/.test(secret)) {
      found.push([path, "is not made of printable ASCII characters (RFC 6749 §A.2)"])
    }
    if (method === "client_secret_jwt" && Crypto.encode(secret).length < ManageClients.shortestMacSecret) {
      found.push([path, "has fewer than 32 octets, too few for a MAC (RFC 7518 §3.2)"])
    }
    for (const [name, text] of Object.entries({ not_before, expires_at })) {
      if (text !== undefined && Option.isNone(DateTime.make(text))) {
        found.push([[...path.slice(0, -1), name], "is no date and time"])
      }
    }
  }
  if (client.dangerously_allow_endpoint_audience === true && !method.endsWith("_jwt")) {
    found.push([["dangerously_allow_endpoint_audience"], "is only for a client that authenticates by an assertion"])
  }
  return found
}
