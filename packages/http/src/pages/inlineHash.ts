/** The Content-Security-Policy source of an inline style or script: the same for the same text, so it is made once. */
import { sha256 } from "@noble/hashes/sha2.js"
import { Base64 } from "effect/encoding"

const known = new Map<string, string>()

/** `'sha256-…'`. Only ever made of constants of ours and of the host's. */
export const inlineHash = (text: string): string => {
  const before = known.get(text)
  if (before !== undefined) return before
  const source = `'sha256-${Base64.encode(sha256(new TextEncoder().encode(text)))}'`
  known.set(text, source)
  return source
}
