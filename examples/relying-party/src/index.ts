/** A client of the issuer like any other: it knows the identifier, discovers the rest, and speaks HTTP only. */
export * as RelyingParty from "./RelyingParty.ts"
