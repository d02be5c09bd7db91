/** What tests of hosts, storages and this repository build on: `@lockspire/core/testing`. */
export * as Fixtures from "./fixtures.ts"
export * as TestServer from "./TestServer.ts"
export { TestHost } from "./TestHost.ts"
export * from "./contract/index.ts"
export * as Certificates from "./Certificates.ts"
