/** The compact serialization of a signed JWT, RFC 7515 §7.1, read strictly: one token has one spelling. */
import type { Schema } from "effect"
import * as base64url from "../crypto/base64url.ts"
import { parseObject } from "./Json.ts"

type JsonObject = Readonly<Record<string, Schema.Json>>

export interface Decoded {
  readonly header: JsonObject
  readonly payload: JsonObject
  /** What the signature is over. */
  readonly signed: string
  readonly signature: Uint8Array
}

/** Characters. The largest that is honest (a certificate chain in `x5c`, a big `claims`) stays well below. */
export const longest = 16_384

/** The header of a compact JWS or JWE, RFC 7515 §7.1, RFC 7516 §7.1, whatever the rest is; undefined when it is none. */
export const headerOf = (compact: string): JsonObject | undefined => {
  const bytes = base64url.decode(compact.split(".", 1)[0]!)
  return bytes === undefined ? undefined : parseObject(bytes)
}

/**
 * The parts of a signed JWT, unverified; undefined for anything that is not exactly that: too long, another number of
 * parts, base64url that is not canonical, JSON that repeats a name or is no object, extensions (`crit`, `b64`).
 */
export const decode = (jwt: string, longestAllowed = longest): Decoded | undefined => {
  if (jwt.length > longestAllowed) return undefined
  const parts = jwt.split(".", 4)
  if (parts.length !== 3) return undefined
  const [head, body, signature] = parts.map(base64url.decode)
  const header = head === undefined ? undefined : parseObject(head)
  const payload = body === undefined ? undefined : parseObject(body)
  if (header === undefined || payload === undefined || signature === undefined) return undefined
  if (Object.hasOwn(header, "crit") || Object.hasOwn(header, "b64")) return undefined
  return { header, payload, signed: `${parts[0]}.${parts[1]}`, signature }
}
