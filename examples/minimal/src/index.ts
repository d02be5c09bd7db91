/** A small host application around Lockspire: people, sessions, and the pages where they sign in. */
export { HostLive } from "./HostLive.ts"
export { defaults, HostOptions, type Options } from "./HostOptions.ts"
export * as HostRoutes from "./HostRoutes.ts"
