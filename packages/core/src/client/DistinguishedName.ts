/** Subject names as text, RFC 4514, compared with those of certificates. */
import { equal } from "../crypto/Crypto.ts"
import type { Attribute, Name } from "./Certificate.ts"

/** RFC 4514 §3, RFC 4519, and what certification authorities write besides. */
const types: Readonly<Record<string, string>> = {
  cn: "2.5.4.3",
  sn: "2.5.4.4",
  serialnumber: "2.5.4.5",
  c: "2.5.4.6",
  l: "2.5.4.7",
  st: "2.5.4.8",
  street: "2.5.4.9",
  o: "2.5.4.10",
  ou: "2.5.4.11",
  title: "2.5.4.12",
  businesscategory: "2.5.4.15",
  postalcode: "2.5.4.17",
  givenname: "2.5.4.42",
  initials: "2.5.4.43",
  dnqualifier: "2.5.4.46",
  organizationidentifier: "2.5.4.97",
  uid: "0.9.2342.19200300.100.1.1",
  dc: "0.9.2342.19200300.100.1.25",
  emailaddress: "1.2.840.113549.1.9.1",
  e: "1.2.840.113549.1.9.1",
  jurisdictionc: "1.3.6.1.4.1.311.60.2.1.3"
}

type Expected = Pick<Attribute, "type"> & { readonly text?: string; readonly der?: Uint8Array }

const bytesOfHex = (hex: string): Uint8Array =>
  Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))

const utf8 = (bytes: Uint8Array): string => new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes)

/** RFC 4514 §2.4: a backslash before a special character, or before the two digits of an octet of UTF-8. */
const unescape = (value: string): string =>
  value.replaceAll(
    /(?:\\[0-9A-Fa-f]{2})+|\\([ "#+,;<=>\\])/g,
    (match, special: string | undefined) => special ?? utf8(bytesOfHex(match.replaceAll("\\", "")))
  )

const attribute =
  /^ *([A-Za-z][A-Za-z0-9-]*|\d+(?:\.\d+)+) *= *(#(?:[0-9A-Fa-f]{2})+|(?:[^"+,;<>\\\0]|\\[0-9A-Fa-f]{2}|\\[ "#+,;<=>\\])*)/

/**
 * Reads the RFC 4514 form, in which the last relative name of the certificate stands first. Undefined for anything else,
 * for an attribute type that we do not know, and for the empty name, which is everybody's.
 */
export const parse = (text: string): ReadonlyArray<ReadonlyArray<Expected>> | undefined => {
  const names: Array<Array<Expected>> = [[]]
  let rest = text
  for (;;) {
    const [whole, keyword, value] = attribute.exec(rest) ?? []
    if (whole === undefined || keyword === undefined || value === undefined) return undefined
    const type = /^\d/.test(keyword) ? keyword : types[keyword.toLowerCase()]
    if (type === undefined) return undefined
    try {
      const isHex = value.startsWith("#")
      // Spaces at the end are the separator's, unless they are escaped.
      const trimmed = value.replace(/(^|[^\\]) +$/, "$1")
      names.at(-1)!.push(isHex ? { type, der: bytesOfHex(value.slice(1)) } : { type, text: unescape(trimmed) })
    } catch {
      return undefined
    }
    rest = rest.slice(whole.length)
    if (rest === "") return names.toReversed()
    if (rest.startsWith(",")) names.push([])
    else if (!rest.startsWith("+")) return undefined
    rest = rest.slice(1)
  }
}

/** RFC 4517 §4.2.11 caseIgnoreMatch, by which names are compared (RFC 5280 §7.1): case and runs of spaces do not count. */
const folded = (text: string): string => text.normalize("NFKC").toLowerCase().trim().replaceAll(/ +/g, " ")

const isSame = (expected: Expected, actual: Attribute): boolean => {
  if (expected.type !== actual.type) return false
  if (expected.der !== undefined) return equal(expected.der, actual.der)
  return actual.text !== undefined && expected.text !== undefined && folded(expected.text) === folded(actual.text)
}

/** RFC 4517 §4.2.15 distinguishedNameMatch: every relative name in its place, their attributes in any order. */
export const matches = (registered: string, subject: Name): boolean => {
  const expected = parse(registered)
  return (
    expected !== undefined &&
    expected.length === subject.length &&
    expected.every((attributes, at) => {
      const actual = subject[at]!
      return (
        attributes.length === actual.length &&
        attributes.every((one) => actual.some((other) => isSame(one, other))) &&
        actual.every((other) => attributes.some((one) => isSame(one, other)))
      )
    })
  )
}
