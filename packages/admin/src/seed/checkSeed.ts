/** Whether a seed can be applied: every problem at once, each with its path, and what is accepted with a warning. */
import { Profile, Resource, SafeRedirect } from "@lockspire/core"
import { Effect, Result, Schema, SchemaIssue } from "effect"
import {
  canonicalResponseType,
  clientAuthenticationMethods,
  grantTypes,
  responseTypes,
  signingAlgorithms
} from "./registered.ts"
import { exchangeRuleProblems, trustedIssuerProblems } from "./grants.ts"
import { requestObjectProblems } from "./requestObjects.ts"
import { formatProblems, resourceFormatProblems } from "./responseFormats.ts"
import { Seed, type SeedAccount, type SeedClient, type SeedResource } from "./Seed.ts"
import { authenticationProblems } from "./clientAuthentication.ts"
import { pathOf, type Problem, SeedInvalid, type Warning } from "./SeedInvalid.ts"
import { warningsOf } from "./warnings.ts"

export interface CheckedSeed {
  readonly seed: Seed
  readonly warnings: ReadonlyArray<Warning>
}

/** Reads a seed file's text. */
export const parseSeed = (text: string): Effect.Effect<CheckedSeed, SeedInvalid> =>
  Effect.try({
    try: (): unknown => JSON.parse(text.replace(/^\uFEFF/, "")),
    // The parser's message quotes what it read, which may be a secret: only the place is told.
    catch: (error) => {
      const place = /\(line \d+ column \d+\)/.exec(String(error))?.[0]
      return new SeedInvalid({
        problems: [{ path: "", reason: `is not JSON${place === undefined ? "" : ` ${place}`}` }]
      })
    }
  }).pipe(Effect.flatMap(checkSeed))

const decode = Schema.decodeUnknownResult(Seed, { errors: "all", onExcessProperty: "error" })
const issuesOf = SchemaIssue.makeFormatterStandardSchemaV1()

const reasons: Readonly<Record<string, string>> = {
  "Missing key": "is missing",
  "Expected no excess property": "is not a member that a seed has here"
}

/** Checks a seed that was read from JSON. */
export const checkSeed = (json: unknown): Effect.Effect<CheckedSeed, SeedInvalid> => {
  const decoded = decode(json)
  const shape = Result.isFailure(decoded)
    ? issuesOf(decoded.failure.issue).issues.map(({ message, path }) => ({
        path: pathOf((path ?? []).map((part) => (typeof part === "object" ? part.key : part))),
        reason: reasons[message] ?? message.replace(/^Expected/, "is not as expected: it takes")
      }))
    : []
  const problems = [...shape, ...unstorable(json, [])]
  if (Result.isFailure(decoded)) return Effect.fail(new SeedInvalid({ problems }))
  const seed = decoded.success
  const all = [
    ...problems,
    ...each("accounts", seed.accounts, accountProblems),
    ...each("clients", seed.clients, clientProblems),
    ...each("resources", seed.resources, resourceProblems),
    ...each("exchangeRules", seed.exchangeRules, exchangeRuleProblems),
    ...each("trustedIssuers", seed.trustedIssuers, trustedIssuerProblems),
    ...repeated("exchangeRules", seed.exchangeRules, "name", (rule) => rule.name),
    ...repeated("trustedIssuers", seed.trustedIssuers, "identifier", (trusted) => trusted.identifier),
    ...repeated("accounts", seed.accounts, "username", (account) => account.username),
    ...repeated("accounts", seed.accounts, "subject", (account) => account.subject ?? account.username),
    ...repeated("clients", seed.clients, "client_id", (client) => client.client_id),
    ...repeated(
      "resources",
      seed.resources,
      "identifier",
      ({ identifier }) => Resource.normalForm(identifier) ?? identifier
    )
  ]
  return all.length > 0
    ? Effect.fail(new SeedInvalid({ problems: all }))
    : Effect.succeed({ seed, warnings: warningsOf(seed) })
}

const isUnstorable = (text: string) => text.includes("\0") || !text.isWellFormed()

/** PostgreSQL's text has no NUL, and no encoding has half a character. */
const unstorable = (json: unknown, path: ReadonlyArray<PropertyKey>): ReadonlyArray<Problem> => {
  if (typeof json === "string") {
    return isUnstorable(json) ? [{ path: pathOf(path), reason: "holds a NUL or half a surrogate pair" }] : []
  }
  if (Array.isArray(json)) return json.flatMap((item, at) => unstorable(item, [...path, at]))
  if (typeof json !== "object" || json === null) return []
  return Object.entries(json).flatMap(([name, value]) =>
    isUnstorable(name)
      ? [{ path: pathOf(path), reason: "has a member whose name holds a NUL or half a surrogate pair" }]
      : unstorable(value, [...path, name])
  )
}

type Found = readonly [path: ReadonlyArray<PropertyKey>, reason: string]

const each = <A>(
  key: string,
  items: ReadonlyArray<A> | undefined,
  problemsOf: (item: A) => ReadonlyArray<Found>
): ReadonlyArray<Problem> =>
  (items ?? []).flatMap((item, at) =>
    problemsOf(item).map(([path, reason]) => ({ path: pathOf([key, at, ...path]), reason }))
  )

const repeated = <A>(
  key: string,
  items: ReadonlyArray<A> | undefined,
  member: string,
  identity: (item: A) => string
): ReadonlyArray<Problem> => {
  const seen = new Map<string, number>()
  return (items ?? []).flatMap((item, at) => {
    const first = seen.get(identity(item))
    if (first === undefined) seen.set(identity(item), at)
    return first === undefined ? [] : [{ path: pathOf([key, at, member]), reason: `is also that of ${key}[${first}]` }]
  })
}

const accountProblems = (account: SeedAccount): ReadonlyArray<Found> => {
  const subject = account.subject ?? account.username
  const valid = subject.length <= 255 && /^[\x21-\x7e]+$/.test(subject)
  if (valid) return []
  const reason = "is no subject: at most 255 ASCII characters without spaces (OpenID Connect Core §2)"
  return [
    account.subject === undefined ? [["username"], `${reason}; give the account a "subject"`] : [["subject"], reason]
  ]
}

const scopeValue = /^[\x21\x23-\x5b\x5d-\x7e]+$/

const clientProblems = (client: SeedClient): ReadonlyArray<Found> => {
  const found: Array<Found> = []
  const applicationType = client.application_type ?? "web"
  if (!/^[\x20-\x7e]{1,255}$/.test(client.client_id)) {
    found.push([["client_id"], "is not made of at most 255 printable ASCII characters (RFC 6749 §A.1)"])
  }
  client.redirect_uris?.forEach((uri, at) => {
    const why = SafeRedirect.whyNotRegistrable(uri, applicationType)
    if (why !== undefined) found.push([["redirect_uris", at], why])
  })
  client.grant_types?.forEach((grantType, at) => {
    if (grantTypes.has(grantType) || URL.canParse(grantType)) return
    found.push([["grant_types", at], "is neither a registered grant type nor an absolute URI (RFC 6749 §4.5)"])
  })
  client.response_types?.forEach((responseType, at) => {
    if (responseTypes.has(canonicalResponseType(responseType))) return
    found.push([["response_types", at], "is no registered response type"])
  })
  const method = client.token_endpoint_auth_method ?? "client_secret_basic"
  if (!clientAuthenticationMethods.has(method)) {
    found.push([["token_endpoint_auth_method"], "is no registered client authentication method"])
  }
  if (!signingAlgorithms.has(client.id_token_signed_response_alg ?? "RS256")) {
    found.push([["id_token_signed_response_alg"], "is no registered signing algorithm (RFC 7518 §3.1)"])
  }
  const scope = client.scope?.split(" ").filter((value) => value !== "") ?? []
  if (!scope.every((value) => scopeValue.test(value))) {
    found.push([["scope"], "holds a value with characters that RFC 6749 §3.3 does not allow"])
  }
  found.push(...authenticationProblems(client, method), ...formatProblems(client), ...subjectProblems(client))
  found.push(...requestObjectProblems(client))
  for (const member of ["dangerously_allow_no_pkce", "introspect_all_tokens"] as const) {
    if (client[member] === true && method === "none") {
      found.push([[member], "is only for a client that authenticates itself"])
    }
  }
  if (client.grant_types?.includes("client_credentials") && method === "none") {
    found.push([["grant_types"], "has client_credentials, only for a client that authenticates itself (RFC 6749 §4.4)"])
  }
  if (client.refresh_token_rotation === "never" && method === "none") {
    found.push([["refresh_token_rotation"], "is only for a client that authenticates itself (RFC 9700 §2.2.2)"])
  }
  return [...found, ...profileProblems(client)]
}

const isMessageSigning = (client: SeedClient) => client.security_profile === "fapi_2_0_message_signing"

const profileProblems = (client: SeedClient): ReadonlyArray<Found> => {
  const found: Array<Found> = []
  if (client.message_signing !== undefined && !isMessageSigning(client)) {
    found.push([["message_signing"], 'goes with the security_profile "fapi_2_0_message_signing"'])
  }
  if (client.message_signing?.length === 0) found.push([["message_signing"], "is empty: leave it out for everything"])
  client.dangerously_exempt_from?.forEach((id, at) => {
    if (Profile.everyRule.some((rule) => rule.id === id)) return
    found.push([["dangerously_exempt_from", at], "is no rule of a profile: `lockspire profile list` names them"])
  })
  return found
}

/** OpenID Connect Core §8, §8.1: the subject type, and the sector that a pairwise client needs. */
const subjectProblems = (client: SeedClient): ReadonlyArray<Found> => {
  const type = client["subject_type"]
  const uri = client["sector_identifier_uri"]
  const found: Array<Found> = []
  if (type !== undefined && type !== "public" && type !== "pairwise") {
    found.push([["subject_type"], 'is neither "public" nor "pairwise" (OpenID Connect Core §8)'])
  }
  if (uri !== undefined && !(typeof uri === "string" && URL.canParse(uri) && uri.startsWith("https://"))) {
    found.push([["sector_identifier_uri"], "is not an https URL (OpenID Connect Registration §5)"])
  }
  const hosts = new Set((client.redirect_uris ?? []).filter((one) => URL.canParse(one)).map((one) => new URL(one).host))
  if (type === "pairwise" && uri === undefined && hosts.size > 1) {
    const reason = "is needed: the redirect URIs have several hosts (OpenID Connect Core §8.1)"
    found.push([["sector_identifier_uri"], reason])
  }
  return found
}

const resourceProblems = (resource: SeedResource): ReadonlyArray<Found> => {
  const found: Array<Found> = []
  if (!Resource.isResourceIdentifier(resource.identifier)) {
    found.push([["identifier"], "is not an absolute URI without a fragment (RFC 8707 §2)"])
  }
  resource.scopes?.forEach((scope, at) => {
    if (!scopeValue.test(scope)) found.push([["scopes", at], "has characters that RFC 6749 §3.3 does not allow"])
  })
  return [...found, ...resourceFormatProblems(resource)]
}
