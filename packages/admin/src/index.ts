/** The operator's side of a Lockspire server: the seed. */
export { jsonSchema, Seed, SeedAccount, SeedClient, SeedResource } from "./seed/Seed.ts"
export { SeedExchangeRule, SeedTrustedIssuer } from "./seed/grants.ts"
export { line, type Problem, SeedInvalid, type Warning } from "./seed/SeedInvalid.ts"
export { checkSeed, type CheckedSeed, parseSeed } from "./seed/checkSeed.ts"
export { type Applied, applySeed, type Entry } from "./seed/applySeed.ts"
