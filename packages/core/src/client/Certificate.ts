/** What of an X.509 certificate (RFC 5280) client authentication looks at, read from its DER bytes. */
import { DateTime, Option } from "effect"
import { children, type Element, isTag, oidOf, one, textOf } from "./Der.ts"

/** One attribute of a name: its type as a dotted OID, its value as text where it is text, and its DER. */
export interface Attribute {
  readonly type: string
  readonly text: string | undefined
  readonly der: Uint8Array
}

/** A subject name: relative distinguished names in the certificate's order, each a set of attributes. */
export type Name = ReadonlyArray<ReadonlyArray<Attribute>>

export interface Certificate {
  readonly subject: Name
  readonly notBefore: DateTime.Utc
  readonly notAfter: DateTime.Utc
  /** RFC 5280 §4.2.1.6, the forms that RFC 8705 §2.1.2 knows. */
  readonly dnsNames: ReadonlyArray<string>
  readonly uris: ReadonlyArray<string>
  readonly emails: ReadonlyArray<string>
  /** Four or sixteen octets each. */
  readonly ipAddresses: ReadonlyArray<Uint8Array>
}

const subjectAltName = "2.5.29.17"

const nameOf = (element: Element): Name =>
  children(element, 0x30).map((set) =>
    children(set, 0x31).map((attribute) => {
      const [type, value, ...rest] = children(attribute, 0x30)
      if (type === undefined || value === undefined || rest.length > 0) throw new Error("attribute")
      return { type: oidOf(type), text: textOf(value), der: value.whole }
    })
  )

/** RFC 5280 §4.1.2.5: UTCTime to 2049, GeneralizedTime from then on, both in UTC and with seconds. */
const timeOf = (element: Element): DateTime.Utc => {
  const text = textOf(element) ?? ""
  const [, short, long, rest] = /^(?:(\d{2})|(\d{4}))(\d{10})Z$/.exec(text) ?? []
  const isUtcTime = isTag(element, 0x17)
  if (rest === undefined || isUtcTime !== (short !== undefined)) throw new Error("time")
  const year = long ?? (Number(short) < 50 ? `20${short}` : `19${short}`)
  const [month, day, hour, minute, second] = rest.match(/../g)!
  return Option.getOrThrow(DateTime.make(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`))
}

const alternativeNames = (extensions: ReadonlyArray<Element>): ReadonlyArray<Element> => {
  const found = extensions
    .map((extension) => children(extension, 0x30))
    .filter(([id]) => id !== undefined && oidOf(id) === subjectAltName)
  // RFC 5280 §4.2: not more than one instance of an extension; which of two would count is anybody's guess.
  if (found.length > 1) throw new Error("extension repeated")
  const value = found[0]?.at(-1)
  return value === undefined ? [] : children(one(value.contents), 0x30)
}

const ia5 = (bytes: Uint8Array): string => {
  if (bytes.some((byte) => byte === 0 || byte > 0x7f)) throw new Error("IA5String")
  return String.fromCharCode(...bytes)
}

/** Reads a certificate; undefined for anything that is not exactly one. Its signature is the TLS stack's to check. */
export const parse = (der: Uint8Array): Certificate | undefined => {
  try {
    const [tbs] = children(one(der), 0x30)
    const fields = children(tbs!, 0x30)
    // version [0] stands in front when it is not 1.
    const [, , , validity, subject, , ...optional] = isTag(fields[0]!, 0xa0) ? fields.slice(1) : fields
    const [notBefore, notAfter] = children(validity!, 0x30).map(timeOf)
    const wrapped = optional.find((field) => isTag(field, 0xa3))
    const extensions = wrapped === undefined ? [] : children(one(wrapped.contents), 0x30)
    const names = alternativeNames(extensions)
    const ofTag = (tag: number) => names.filter((name) => isTag(name, tag)).map((name) => name.contents)
    return {
      subject: nameOf(subject!),
      notBefore: notBefore!,
      notAfter: notAfter!,
      emails: ofTag(0x81).map(ia5),
      dnsNames: ofTag(0x82).map(ia5),
      uris: ofTag(0x86).map(ia5),
      ipAddresses: ofTag(0x87)
    }
  } catch {
    return undefined
  }
}
