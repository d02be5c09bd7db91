/** The chain of actors, RFC 8693 §4.1: who acts for a subject, the current actor outermost. */
import type { Schema } from "effect"

type JsonObject = Readonly<Record<string, Schema.Json>>

const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const member = (value: JsonObject, name: string): Schema.Json | undefined =>
  Object.hasOwn(value, name) ? value[name] : undefined

/** The links of an `act` claim, the current actor first, each without the ones before it. */
export const linksOf = (act: Schema.Json | undefined): ReadonlyArray<JsonObject> => {
  const links: Array<JsonObject> = []
  let at: unknown = act
  while (isObject(at)) {
    const { act: before, ...link } = at
    links.push(link)
    at = before
  }
  return links
}

/** The `act` claim of links; undefined for none. */
export const actOf = (links: ReadonlyArray<JsonObject>): Schema.Json | undefined =>
  links.reduceRight<JsonObject | undefined>(
    (before, link) => (before === undefined ? link : { ...link, act: before }),
    undefined
  )

/** Who a link names, for a host to judge. */
export const subjectOfLink = (link: JsonObject): string => {
  const sub = member(link, "sub")
  return typeof sub === "string" ? sub : ""
}

/** Who wants to act: an actor token's subject, or the client itself where there is no actor token. */
export interface ActingParty {
  readonly issuer: string
  readonly subject: string
  readonly clientId: string
}

/**
 * RFC 8693 §4.4: whether a `may_act` claim names this party. Of its members each has to fit; one that names nobody, or
 * that we do not understand, names not this party.
 */
export const mayAct = (claim: Schema.Json | undefined, party: ActingParty): boolean => {
  if (claim === undefined || claim === null) return true
  if (!isObject(claim)) return false
  const expected: Readonly<Record<string, string>> = {
    iss: party.issuer,
    sub: party.subject,
    client_id: party.clientId
  }
  const members = Object.entries(claim)
  const namesSomebody = members.some(([name]) => name === "sub" || name === "client_id")
  return namesSomebody && members.every(([name, value]) => Object.hasOwn(expected, name) && expected[name] === value)
}
