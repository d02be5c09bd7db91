/** For tests of hosts and clients: a running issuer, and a browser without pictures. */
export { formOf, type Landing, TestBrowser } from "./TestBrowser.ts"
export * as TestIssuer from "./TestIssuer.ts"
