/** The Distinguished Encoding Rules, ITU-T X.690 §10: just enough to read a certificate, and strictly. */

export interface Element {
  readonly tag: number
  readonly contents: Uint8Array
  /** Tag, length and contents. */
  readonly whole: Uint8Array
}

/** Every function throws on bytes that are not DER: its caller has one place to catch it. */
const malformed = (): never => {
  throw new Error("not DER")
}

const elementAt = (bytes: Uint8Array, at: number): Element => {
  const tag = bytes[at] ?? malformed()
  const first = bytes[at + 1] ?? malformed()
  // Tags of several bytes occur in no certificate; an indefinite length is not DER.
  if ((tag & 0x1f) === 0x1f || first === 0x80 || first > 0x84) malformed()
  const size = first < 0x80 ? 0 : first & 0x7f
  let length = size === 0 ? first : 0
  for (const byte of bytes.subarray(at + 2, at + 2 + size)) length = length * 256 + byte
  // X.690 §10.1: the shortest form.
  if (size > 0 && (length < 0x80 || length < 256 ** (size - 1))) malformed()
  const start = at + 2 + size
  if (start + length > bytes.length) malformed()
  return { tag, contents: bytes.subarray(start, start + length), whole: bytes.subarray(at, start + length) }
}

const sequence = (bytes: Uint8Array): ReadonlyArray<Element> => {
  const elements: Array<Element> = []
  for (let at = 0; at < bytes.length; at += elements.at(-1)!.whole.length) elements.push(elementAt(bytes, at))
  return elements
}

/** The one element that the bytes are, without anything behind it. */
export const one = (bytes: Uint8Array): Element => {
  const element = elementAt(bytes, 0)
  return element.whole.length === bytes.length ? element : malformed()
}

export const isTag = (element: Element, tag: number): boolean => element.tag === tag

/** The elements inside a constructed one, which has to have the tag. */
export const children = (element: Element, tag: number): ReadonlyArray<Element> =>
  element.tag === tag ? sequence(element.contents) : malformed()

/** An object identifier in dotted form. */
export const oidOf = (element: Element): string => {
  if (element.tag !== 0x06 || element.contents.length === 0) malformed()
  const arcs: Array<number> = []
  let arc = 0
  for (const byte of element.contents) {
    arc = arc * 128 + (byte & 0x7f)
    if (arc > Number.MAX_SAFE_INTEGER / 256) malformed()
    if ((byte & 0x80) !== 0) continue
    arcs.push(arc)
    arc = 0
  }
  if ((element.contents.at(-1)! & 0x80) !== 0) malformed()
  const [first, ...rest] = arcs as [number, ...Array<number>]
  const root = Math.min(Math.floor(first / 40), 2)
  return [root, first - 40 * root, ...rest].join(".")
}

const ascii = (bytes: Uint8Array): string | undefined =>
  bytes.every((byte) => byte < 0x80) ? String.fromCharCode(...bytes) : undefined

const decoded = (encoding: string, bytes: Uint8Array): string | undefined => {
  try {
    return new TextDecoder(encoding, { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}

/** The text of a string or a time; undefined for any other type, and for text that is not in its encoding. */
export const textOf = ({ contents, tag }: Element): string | undefined => {
  switch (tag) {
    case 0x0c: // UTF8String
      return decoded("utf-8", contents)
    case 0x1e: // BMPString
      return decoded("utf-16be", contents)
    case 0x12: // NumericString
    case 0x13: // PrintableString
    case 0x16: // IA5String
    case 0x17: // UTCTime
    case 0x18: // GeneralizedTime
      return ascii(contents)
    default:
      return undefined
  }
}
