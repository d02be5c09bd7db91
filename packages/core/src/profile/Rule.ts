/**
 * A rule of a security profile as data: what it demands, where that stands, and what of it holds at run time. Rules only
 * ever restrict, so that whoever adds one cannot allow anything by it.
 */
import { Effect } from "effect"
import { check } from "../audit/Refusal.ts"
import type { SigningAlgorithm } from "../oauth/Metadata.ts"
import type { Registration } from "./Registration.ts"

/** What pipelines ask rules about. A member that is absent restricts nothing. */
export interface Restrictions {
  /** Authorization requests are pushed (RFC 9126 §5). */
  readonly pushedRequest?: true
  /** Authorization requests are signed (RFC 9101 §10.5). */
  readonly signedRequest?: true
  /** The most seconds between `nbf` and `exp` of a request object, and since `nbf`, which have to be there. */
  readonly requestObjectSeconds?: number
  /** Authorization responses are signed (JARM). */
  readonly signedResponse?: true
  /** Introspection responses are signed (RFC 9701). */
  readonly signedIntrospection?: true
  /** Access tokens are bound to a key by DPoP or mutual TLS. */
  readonly senderConstrained?: true
  /** Token requests have a DPoP proof, whichever of the client's keys signs it (RFC 9449 §5.2). */
  readonly dpopProof?: true
  /** `opportunistic`: a grant stays with the first DPoP key that was used for it; `required`: and there is one. */
  readonly dpop?: "required" | "opportunistic"
  /** Access tokens are bound to the client's certificate. */
  readonly certificateBound?: true
  /** The methods by which clients may authenticate. */
  readonly clientAuthentication?: ReadonlyArray<string>
  /** The algorithms by which JWTs may be signed, by either side. */
  readonly signingAlgorithms?: ReadonlyArray<string>
  /** Assertions name the issuer, and nothing else, as their audience. */
  readonly issuerAudience?: true
  /** PKCE, whatever the client was exempted from. */
  readonly codeChallenge?: true
  /** `redirect_uri` is sent, though there be one alone. */
  readonly redirectUriSent?: true
  /** Redirect URIs are https; loopback is for native applications. */
  readonly httpsRedirect?: true
  /** `resource` is sent (RFC 8707). */
  readonly resource?: true
}

/** What is wrong with a registration or a server, and what to do about it. */
export interface Finding {
  readonly problem: string
  readonly fix: string
}

/** What of a server the rules look at. */
export interface ServerFacts {
  /** The algorithms for which there is a key that signs. */
  readonly signingAlgorithms: ReadonlyArray<SigningAlgorithm>
  readonly authorizationCodeLifetime: number
  readonly pushedRequestLifetime: number
  /** Whether client certificates reach the server. */
  readonly mutualTls: boolean
}

export interface Rule {
  /** Stable, for exemptions, traces and documentation: `fapi2-sp-5.3.2.2-2`. */
  readonly id: string
  readonly section: string
  /** One sentence. */
  readonly demands: string
  /** What it restricts at run time; the pipelines hold to it. */
  readonly restricts: Restrictions
  /** What keeps this registration from doing what the rule demands. */
  readonly client?: (client: Registration, server: ServerFacts) => Finding | undefined
  /** What keeps the server from it. */
  readonly server?: (server: ServerFacts) => Finding | undefined
}

export type Rules = ReadonlyArray<Rule>

/** The words in which a rule stands in a trace. */
export const titleOf = ({ demands, id, section }: Rule): string => `${section} (${id}): ${demands}`

type Flag = { [Name in keyof Restrictions]-?: true extends Restrictions[Name] ? Name : never }[keyof Restrictions]
type Choice = "clientAuthentication" | "signingAlgorithms"

/** The first rule that makes this demand. */
export const demanding = (rules: Rules, name: Flag): Rule | undefined =>
  rules.find(({ restricts }) => restricts[name] === true)

/** The first rule that has a list of values without this one. */
export const excluding = (rules: Rules, name: Choice, value: string): Rule | undefined =>
  rules.find(({ restricts }) => restricts[name]?.includes(value) === false)

/** The first rule that asks for as much of DPoP. */
export const demandingDpop = (rules: Rules, use: "required" | "opportunistic"): Rule | undefined =>
  rules.find(({ restricts: { dpop } }) => dpop === "required" || (dpop !== undefined && dpop === use))

/** The rule that allows a request object the shortest time. */
export const shortestRequestObject = (rules: Rules): (Rule & { readonly seconds: number }) | undefined =>
  rules
    .flatMap((rule) =>
      rule.restricts.requestObjectSeconds === undefined
        ? []
        : [{ ...rule, seconds: rule.restricts.requestObjectSeconds }]
    )
    .toSorted((one, other) => one.seconds - other.seconds)[0]

/** Holds a request to a rule; nothing to hold it to is as good as passing. */
export const hold = <E>(rule: Rule | undefined, passed: boolean, refuse: () => E): Effect.Effect<void, E> =>
  rule === undefined ? Effect.void : check(titleOf(rule), passed, refuse)
