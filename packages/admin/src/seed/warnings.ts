/** What a seed asks for that is accepted although the server cannot do it yet, or although it is risky. */
import { Metadata, Profile, ProfileRule, SecretHash, supportedGrantTypes } from "@lockspire/core"
import {
  answered,
  authenticating,
  authorizing,
  canonicalResponseType,
  humanReadable,
  inert,
  informative,
  secretMethods
} from "./registered.ts"
import { hasRotationToDrop } from "../profile/settings.ts"
import { requestObjectFields, requestObjectWarnings } from "./requestObjects.ts"
import { formatting, formatWarnings } from "./responseFormats.ts"
import { statedSecrets } from "./clientAuthentication.ts"
import { namedClientMembers, type Seed, type SeedClient } from "./Seed.ts"
import { pathOf, type Warning } from "./SeedInvalid.ts"

type Found = readonly [path: ReadonlyArray<PropertyKey>, reason: string]

export const warningsOf = (seed: Seed): ReadonlyArray<Warning> => [
  ...(seed.accounts ?? []).flatMap((account, at) =>
    Object.hasOwn(account.claims ?? {}, "sub")
      ? [{ path: pathOf(["accounts", at, "claims", "sub"]), reason: "is ignored: the subject is stated" }]
      : []
  ),
  ...(seed.policy !== undefined && hasRotationToDrop(seed.policy)
    ? [
        {
          path: pathOf(["policy", "refreshTokenRotation"]),
          reason: "is left out: the profile fixes that no refresh token is rotated"
        }
      ]
    : []),
  ...(seed.clients ?? []).flatMap((client, at) =>
    clientWarnings(client).map(([path, reason]) => ({ path: pathOf(["clients", at, ...path]), reason }))
  )
]

const isIn = (values: ReadonlyArray<string>, value: string) => values.includes(value)

const clientWarnings = (client: SeedClient): ReadonlyArray<Found> => [
  ...unsupported(client),
  ...secrets(client),
  ...risks(client),
  ...formatWarnings(client),
  ...requestObjectWarnings(client),
  ...Object.keys(client)
    .filter((name) => !namedClientMembers.has(name))
    .flatMap((name): ReadonlyArray<Found> => {
      const why = memberWarning(name)
      return why === undefined ? [] : [[[name], why]]
    })
]

const unsupported = (client: SeedClient): ReadonlyArray<Found> => {
  const found: Array<Found> = []
  client.grant_types?.forEach((value, at) => {
    if (!isIn(supportedGrantTypes, value)) {
      found.push([["grant_types", at], `is stored, but this server does not answer the grant type "${value}" yet`])
    }
  })
  client.response_types?.forEach((value, at) => {
    if (!isIn(Metadata.supportedResponseTypes, canonicalResponseType(value))) {
      found.push([["response_types", at], `is stored, but this server does not answer "${value}"`])
    }
  })
  const method = client.token_endpoint_auth_method
  if (method !== undefined && !isIn(Metadata.supportedClientAuthenticationMethods, method)) {
    found.push([["token_endpoint_auth_method"], `is stored, but this server cannot authenticate by "${method}" yet`])
  }
  const algorithm = client.id_token_signed_response_alg
  if (algorithm !== undefined && !isIn(Metadata.SigningAlgorithm.literals, algorithm)) {
    found.push([
      ["id_token_signed_response_alg"],
      `is stored, but this server cannot sign by "${algorithm}" yet: it signs by RS256`
    ])
  }
  return found
}

const secrets = (client: SeedClient): ReadonlyArray<Found> => {
  const method = client.token_endpoint_auth_method ?? "client_secret_basic"
  return statedSecrets(client).flatMap(({ path, secret }) => {
    const found: Array<Found> = []
    if (SecretHash.isShort(secret)) {
      found.push([
        path,
        "is shorter than 32 characters: it is kept under a slow hash, which makes this client's first request slow"
      ])
    }
    if (!secretMethods.has(method)) {
      found.push([path, `is never asked for: the client authenticates by "${method}"`])
    }
    return found
  })
}

const risks = (client: SeedClient): ReadonlyArray<Found> => {
  const found: Array<Found> = []
  if (client.dangerously_allow_no_pkce === true) {
    found.push([["dangerously_allow_no_pkce"], "makes an authorization code that is stolen from this client usable"])
  }
  if (client.dangerously_allow_endpoint_audience === true) {
    found.push([
      ["dangerously_allow_endpoint_audience"],
      "lets an assertion that this client made for another server's endpoint be used here, if it took that for ours"
    ])
  }
  client.dangerously_exempt_from?.forEach((id, at) => {
    const rule = Profile.everyRule.find((one) => one.id === id)
    if (rule !== undefined) {
      found.push([["dangerously_exempt_from", at], `lets this client out of a rule: ${ProfileRule.titleOf(rule)}`])
    }
  })
  const redirects = (client.grant_types ?? []).some((value) => value === "authorization_code" || value === "implicit")
  if (redirects && (client.redirect_uris ?? []).length === 0) {
    found.push([["redirect_uris"], "is empty: nobody can sign in through this client"])
  }
  const grantTypes = client.grant_types ?? ["authorization_code"]
  if (client.scope?.split(" ").includes("offline_access") && !grantTypes.includes("refresh_token")) {
    found.push([["scope"], 'has "offline_access", but the client lacks the grant type "refresh_token"'])
  }
  return found
}

const memberWarning = (name: string): string | undefined => {
  const [field, language] = name.split("#", 2) as [string, string?]
  if (language !== undefined && humanReadable.has(field)) return undefined
  if ([informative, authenticating, authorizing, formatting, requestObjectFields].some((fields) => fields.has(name)))
    return undefined
  if (answered.has(name)) return "is an answer of the registration endpoint, and ignored"
  if (inert.has(name)) return "is stored, but this server does not act on it yet"
  return "is in no registry of client metadata; it is stored, and nothing acts on it"
}
