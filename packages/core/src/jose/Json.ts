/** JSON that means one thing: RFC 8259 §4 leaves repeated names to the reader, and two readers would see two objects. */
import type { Schema } from "effect"

type JsonObject = Readonly<Record<string, Schema.Json>>

const deepest = 32

/** The first string literal at `start`, quotes included. The text is valid JSON. */
const literalAt = (text: string, start: number): string => {
  let end = start + 1
  while (text[end] !== '"') end += text[end] === "\\" ? 2 : 1
  return text.slice(start, end + 1)
}

/** Whether valid JSON repeats a name in one object, however it is escaped, or nests deeper than anything of ours. */
const isAmbiguous = (text: string): boolean => {
  // The names so far of every object that is open; undefined for an array.
  const open: Array<Set<string> | undefined> = []
  let isName = false
  for (let at = 0; at < text.length; at++) {
    switch (text[at]) {
      case "{":
      case "[":
        if (open.length === deepest) return true
        isName = text[at] === "{"
        open.push(isName ? new Set() : undefined)
        break
      case "}":
      case "]":
        open.pop()
        isName = false
        break
      case ",":
        isName = open.at(-1) !== undefined
        break
      case '"': {
        const literal = literalAt(text, at)
        at += literal.length - 1
        if (!isName) break
        const names = open.at(-1)!
        const name = JSON.parse(literal) as string
        if (names.has(name)) return true
        names.add(name)
        isName = false
        break
      }
    }
  }
  return false
}

/** Text that every reader and every database has the same idea of: no NUL, no half of a surrogate pair. */
const isSoundText = (text: string): boolean => !text.includes("\0") && text.isWellFormed()

/** No number that a double cannot hold exactly, so that none becomes another one, or infinite. */
const isSound = (value: Schema.Json): boolean => {
  if (typeof value === "string") return isSoundText(value)
  if (typeof value === "number") return Math.abs(value) <= Number.MAX_SAFE_INTEGER
  if (typeof value !== "object" || value === null) return true
  return Object.entries(value).every(([name, one]) => isSoundText(name) && isSound(one))
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** The object that the bytes spell in UTF-8, or undefined when they spell none, or more than one. */
export const parseObject = (bytes: Uint8Array): JsonObject | undefined => {
  try {
    const text = decoder.decode(bytes)
    const value = JSON.parse(text) as Schema.Json
    if (typeof value !== "object" || value === null || Array.isArray(value) || isAmbiguous(text)) return undefined
    return isSound(value) ? (value as JsonObject) : undefined
  } catch {
    return undefined
  }
}
