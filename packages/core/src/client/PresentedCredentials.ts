/** How a request says which client it comes from: RFC 6749 §2.3, RFC 7521 §4.2, RFC 8705 §2. */
import { Effect } from "effect"
import { check } from "../audit/Refusal.ts"
import { InvalidClient, InvalidRequest } from "../oauth/OAuthError.ts"
import { decodeComponent, optional, type Parameters } from "../oauth/Parameters.ts"
import { type Assertion, readAssertion } from "./assertion.ts"
import type { ClientCertificate } from "./mutualTls.ts"

/** What a request carries beside its form. */
export interface PresentedCredentials {
  /** The `Authorization` header, if there is one. */
  readonly authorization: string | undefined
  /** The certificate of the connection, if the client showed one. Undefined where nobody looks for it. */
  readonly certificate?: ClientCertificate | undefined
  /** The `DPoP` header, RFC 9449 §4.1, if there is one; two of them, joined, are none. */
  readonly dpop?: string | undefined
}

/**
 * One way of authenticating. A bare client id is that of a public client, or of one whose certificate speaks for it: a
 * certificate alone is no method, since any client may come by such a connection (RFC 8705 §4).
 */
export type Presented =
  | { readonly _tag: "Identifier"; readonly clientId: string }
  | {
      readonly _tag: "Secret"
      readonly method: "client_secret_basic" | "client_secret_post"
      readonly clientId: string
      readonly secret: string
    }
  | {
      readonly _tag: "Assertion"
      readonly method: "client_secret_jwt" | "private_key_jwt"
      readonly clientId: string
      readonly assertion: Assertion
    }

/** RFC 7523 §2.2. */
const jwtBearer = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

/** RFC 6749 §2.3: not more than one method; whichever it is, a `client_id` beside it names the same client. */
export const presentedBy = Effect.fnUntracedEager(function* (
  parameters: Parameters,
  { authorization }: PresentedCredentials
) {
  const clientId = yield* optional(parameters, "client_id")
  const secret = yield* optional(parameters, "client_secret")
  const assertion = yield* optional(parameters, "client_assertion")
  const assertionType = yield* optional(parameters, "client_assertion_type")
  const methods = [authorization, secret, assertion ?? assertionType].filter((one) => one !== undefined).length
  yield* check(
    "RFC 6749 §2.3: one client authentication method",
    methods <= 1,
    () => new InvalidRequest({ reason: "TwoClientAuthenticationMethods" })
  )
  const presented = yield* authorization !== undefined
    ? fromHeader(authorization)
    : assertion !== undefined || assertionType !== undefined
      ? fromAssertion(assertion, assertionType)
      : fromForm(clientId, secret)
  yield* check(
    "RFC 6749 §3.2.1, RFC 7521 §4.2: client_id names the client that authenticates",
    clientId === undefined || clientId === presented.clientId,
    () => new InvalidRequest({ reason: "ClientIdConflict", parameter: "client_id" })
  )
  return presented
})

const fromHeader = Effect.fnUntracedEager(function* (authorization: string) {
  const credentials = basic(authorization)
  yield* check(
    "RFC 6749 §2.3.1: well-formed HTTP Basic credentials",
    credentials !== undefined,
    () => new InvalidClient({ reason: "CredentialsMalformed" })
  )
  return credentials!
})

const fromForm = Effect.fnUntracedEager(function* (clientId: string | undefined, secret: string | undefined) {
  yield* check(
    "RFC 6749 §3.2.1: the client identifies itself",
    clientId !== undefined,
    () => new InvalidClient({ reason: "CredentialsMissing" })
  )
  const presented: Presented =
    secret === undefined
      ? { _tag: "Identifier", clientId: clientId! }
      : { _tag: "Secret", method: "client_secret_post", clientId: clientId!, secret }
  return presented
})

const fromAssertion = Effect.fnUntracedEager(function* (jwt: string | undefined, type: string | undefined) {
  yield* check(
    "RFC 7521 §4.2: client_assertion and client_assertion_type go together",
    jwt !== undefined && type !== undefined,
    () =>
      new InvalidRequest({
        reason: "ParameterMissing",
        parameter: jwt === undefined ? "client_assertion" : "client_assertion_type"
      })
  )
  yield* check(
    "RFC 7523 §2.2: a JWT bearer assertion",
    type === jwtBearer,
    () => new InvalidClient({ reason: "AssertionTypeUnknown", received: type! })
  )
  const assertion = yield* readAssertion(jwt!)
  const presented: Presented = {
    _tag: "Assertion",
    method: assertion.algorithm.startsWith("HS") ? "client_secret_jwt" : "private_key_jwt",
    clientId: assertion.clientId,
    assertion
  }
  return presented
})

const basic = (header: string): Presented | undefined => {
  const encoded = /^basic +((?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?)$/i.exec(header)?.[1]
  if (encoded === undefined) return undefined
  const octets = atob(encoded)
  // Two spellings of one credential are one too many: only the canonical form is taken.
  const text = btoa(octets) === encoded ? utf8(octets) : undefined
  const colon = text?.indexOf(":") ?? -1
  if (text === undefined || colon < 0) return undefined
  const clientId = formDecode(text.slice(0, colon))
  const secret = formDecode(text.slice(colon + 1))
  return clientId === undefined || clientId === "" || secret === undefined
    ? undefined
    : { _tag: "Secret", method: "client_secret_basic", clientId, secret }
}

/**
 * RFC 6749 §2.3.1: id and secret are each form-encoded before they become user name and password. NUL is in neither
 * (Appendix A.1, A.2), and no database takes it.
 */
const formDecode = (text: string): string | undefined => {
  const decoded = decodeComponent(text)
  return decoded === undefined || decoded.includes("\0") ? undefined : decoded
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** The text of octets that stand as characters, one each. */
const utf8 = (octets: string): string | undefined => {
  if (/^[\0-\x7f]*$/.test(octets)) return octets
  try {
    return decoder.decode(Uint8Array.from(octets, (octet) => octet.charCodeAt(0)))
  } catch {
    return undefined
  }
}
