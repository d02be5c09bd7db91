/**
 * The rooms of core, in reading order: each is a folder named after one thing the
 * specifications name. A room imports only rooms above it; tidy.test.ts holds it to that.
 */
export const rooms = [
  "oauth",
  "crypto",
  "storage",
  "jose",
  "egress",
  "host",
  "account",
  "audit",
  "issuer",
  "profile",
  "replay",
  "key",
  "resource",
  "client",
  "proof",
  "subject",
  "token",
  "consent",
  "authorization-request",
  "par",
  "authorize",
  "refresh",
  "client-credentials",
  "token-exchange",
  "jwt-bearer",
  "token-endpoint",
  "introspection",
  "revocation",
  "userinfo",
  "discovery",
  "protect",
  "retention",
  "testing"
] as const
