/** Under which identifier a client knows a person, OpenID Connect Core §8. */
import { Effect, Option } from "effect"
import { type Client, textMetadata } from "../client/Client.ts"
import { randomToken } from "../crypto/Crypto.ts"
import { PairwiseSubjectStore } from "./PairwiseSubjectStore.ts"

/** §8: `public` unless the client registered for `pairwise`. */
export const isPairwise = (client: Client): boolean => textMetadata(client, "subject_type") === "pairwise"

const hostOf = (uri: string): string | undefined => (URL.canParse(uri) ? new URL(uri).host : undefined)

/**
 * §8.1: the clients of one sector share their pseudonyms: the host of `sector_identifier_uri`, else the one host of all
 * redirect URIs. Undefined when there is no such host; a client without one cannot be pairwise.
 */
export const sectorOf = (client: Client): string | undefined => {
  const uri = textMetadata(client, "sector_identifier_uri")
  if (uri !== undefined) return hostOf(uri)
  const hosts = new Set(client.redirectUris.map(hostOf))
  return hosts.size === 1 ? [...hosts][0] : undefined
}

/** The `sub` that this client receives for the subject. A client that names no sector is one of its own. */
export const subjectFor = Effect.fnUntraced(function* (client: Client, subject: string) {
  if (!isPairwise(client)) return subject
  const pseudonyms = yield* PairwiseSubjectStore
  return yield* pseudonyms.assign(client.issuer, sectorOf(client) ?? client.clientId, subject, yield* randomToken)
})

/** Whether `sub`, as this client knows it, is the subject: nothing is assigned to find out. */
export const isSubjectOf = Effect.fnUntraced(function* (client: Client, subject: string, sub: string) {
  if (!isPairwise(client)) return subject === sub
  const pseudonyms = yield* PairwiseSubjectStore
  const known = yield* pseudonyms.find(client.issuer, sectorOf(client) ?? client.clientId, subject)
  return Option.isSome(known) && known.value === sub
})
