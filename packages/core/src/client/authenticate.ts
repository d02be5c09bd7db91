/** Client authentication, RFC 6749 §2.3: the one verifier for every endpoint that a client calls. */
import { type Brand, Effect, Option, Result } from "effect"
import { Base64 } from "effect/encoding"
import { check } from "../audit/Refusal.ts"
import { SecretVerifier } from "../crypto/SecretHash.ts"
import { CurrentIssuer } from "../issuer/Issuer.ts"
import { InvalidClient, InvalidRequest } from "../oauth/OAuthError.ts"
import { optional, type Parameters } from "../oauth/Parameters.ts"
import type { Client } from "./Client.ts"
import { ClientStore } from "./ClientStore.ts"

/** A client that proved who it is, as far as it is registered to. Only `authenticate` makes one. */
export type AuthenticatedClient = Client & Brand.Brand<"AuthenticatedClient">

/** What a request carries beside its form. */
export interface PresentedCredentials {
  /** The `Authorization` header, if there is one. */
  readonly authorization: string | undefined
}

interface Presented {
  readonly method: "none" | "client_secret_basic" | "client_secret_post"
  readonly clientId: string
  readonly secret: string
}

/**
 * RFC 6749 §2.3.1: id and secret are each form-encoded before they become user name and password. NUL is in neither
 * (Appendix A.1, A.2), and no database takes it.
 */
const formDecode = (text: string): string | undefined => {
  try {
    const decoded = decodeURIComponent(text.replaceAll("+", " "))
    return decoded.includes("\0") ? undefined : decoded
  } catch {
    return undefined
  }
}

const basic = (header: string): Presented | undefined => {
  const encoded = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(header)?.[1]
  if (encoded === undefined) return undefined
  const bytes = Result.getOrUndefined(Base64.decode(encoded))
  // Two spellings of one credential are one too many: only the canonical form is taken.
  if (bytes === undefined || Base64.encode(bytes) !== encoded) return undefined
  const text = utf8(bytes)
  const colon = text?.indexOf(":") ?? -1
  if (text === undefined || colon < 0) return undefined
  const clientId = formDecode(text.slice(0, colon))
  const secret = formDecode(text.slice(colon + 1))
  return clientId === undefined || clientId === "" || secret === undefined
    ? undefined
    : { method: "client_secret_basic", clientId, secret }
}

const utf8 = (bytes: Uint8Array): string | undefined => {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}

/** Which method the request uses; RFC 6749 §2.3: not more than one. */
const presented = Effect.fnUntraced(function* (parameters: Parameters, { authorization }: PresentedCredentials) {
  const clientId = yield* optional(parameters, "client_id")
  const secret = yield* optional(parameters, "client_secret")
  const assertion = yield* optional(parameters, "client_assertion")
  const methods = [authorization, secret, assertion].filter((one) => one !== undefined).length
  yield* check(
    "RFC 6749 §2.3: one client authentication method",
    methods <= 1,
    () => new InvalidRequest({ reason: "TwoClientAuthenticationMethods" })
  )
  if (authorization !== undefined) {
    const credentials = basic(authorization)
    yield* check(
      "RFC 6749 §2.3.1: well-formed HTTP Basic credentials",
      credentials !== undefined,
      () => new InvalidClient({ reason: "CredentialsMalformed" })
    )
    yield* check(
      "RFC 6749 §3.2.1: client_id names the client that authenticates",
      clientId === undefined || clientId === credentials!.clientId,
      () => new InvalidRequest({ reason: "ClientIdConflict", parameter: "client_id" })
    )
    return credentials!
  }
  yield* check(
    "RFC 6749 §3.2.1: the client identifies itself",
    clientId !== undefined && assertion === undefined,
    () => new InvalidClient({ reason: assertion === undefined ? "CredentialsMissing" : "MethodNotRegistered" })
  )
  return {
    method: secret === undefined ? "none" : "client_secret_post",
    clientId: clientId!,
    secret: secret ?? ""
  } satisfies Presented
})

/** Whether any of the client's secrets is the presented one. Every one is compared, so that time tells nothing. */
const matches = Effect.fnUntraced(function* (secret: string, hashes: ReadonlyArray<string>) {
  const verifier = yield* SecretVerifier
  let found = false
  for (const hash of hashes) {
    const same = yield* verifier.verify(secret, hash)
    found = found || same
  }
  return found
})

/** No hash of anything: what an unknown client's secret is compared with. */
const decoy = "sha256$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

/**
 * The client that a request comes from, or `invalid_client`. An unknown client, a disabled one and a wrong secret cost
 * the same work and give the same answer, so that nobody learns which client ids exist.
 */
export const authenticate = Effect.fnUntraced(function* (parameters: Parameters, credentials: PresentedCredentials) {
  const clients = yield* ClientStore
  const verifier = yield* SecretVerifier
  const issuer = (yield* CurrentIssuer).identifier
  const { clientId, method, secret } = yield* presented(parameters, credentials)
  const client = Option.getOrUndefined(yield* clients.find(issuer, clientId))

  const hashes = client?.secrets.map((one) => one.hash) ?? []
  const isFast = hashes.every((hash) => hash.startsWith("sha256$"))
  const matched = method === "none" ? true : yield* matches(secret, hashes.length === 0 ? [decoy] : hashes)
  // Where any client has a slow hash, whoever fails on a fast one pays for a slow one too.
  if (method !== "none" && !matched && isFast && (yield* clients.hasSlowSecret(issuer))) yield* verifier.pretend(secret)

  yield* check(
    "RFC 6749 §5.2: the client is registered",
    client !== undefined,
    () => new InvalidClient({ reason: "ClientUnknown", received: clientId })
  )
  yield* check("the client is enabled", !client!.disabled, () => new InvalidClient({ reason: "ClientDisabled" }))
  yield* check(
    "RFC 6749 §2.3: the registered method",
    client!.tokenEndpointAuthMethod === method,
    () =>
      new InvalidClient({ reason: "MethodNotRegistered", expected: client!.tokenEndpointAuthMethod, received: method })
  )
  yield* check("RFC 6749 §2.3.1: the secret matches", matched, () => new InvalidClient({ reason: "SecretMismatch" }))
  return client as AuthenticatedClient
})
